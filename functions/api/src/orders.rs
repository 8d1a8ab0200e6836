//! Orders: placed, shown, changed, ended.

use domain::{
    AlgorithmId, Command, LegRole, Malformed, ModifyOrder, Order, OrderId, OrderKey, OrderView, PlaceOrder, UserId,
};
use http::StatusCode;
use platform::{Caller, HttpRequest, HttpResponse, Problem};
use serde::Serialize;
use serde_json::{Map, Value};
use store::Wake;
use trading::{ChangeAsked, LegCancelAsked, Recorded, Request, Sender, Stop};

use crate::list_query::{ListQuery, read_list};
use crate::{Answer, Api, json_body, path_id, store_failed};

#[derive(Serialize)]
struct Orders<'a> {
    orders: Vec<OrderView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

impl Api {
    /// Puts the order on record under the identity that the JWT proved, and wakes the worker. The answer is 202: from
    /// here the row carries the order.
    pub(crate) async fn place_order(&self, request: &HttpRequest) -> Answer {
        let caller = request.caller()?;
        let place = read_place(request, &caller)?;
        let key = place.key.clone();
        self.intake.permit(&sender(&caller), &Request::Place(place.clone())).await.map_err(stopped)?;
        match self.intake.record(&self.lanes, place, None).await.map_err(|error| store_failed(&error))? {
            Recorded::New(order) | Recorded::Same(order) => {
                if !order.value.status().is_final() {
                    self.wake(&key).await;
                }
                Ok(HttpResponse::json(StatusCode::ACCEPTED, &order.value.view()))
            }
            Recorded::Differs(_, reason) => {
                Err(Problem::new(StatusCode::CONFLICT, reason.code.as_str(), reason.message))
            }
        }
    }

    pub(crate) async fn list_orders(&self, request: &HttpRequest) -> Answer {
        let (user_id, algorithm_id) = self.whose(request, "order").await?;
        let ListQuery { mut filter, limit } = read_list(request)?;
        if algorithm_id.is_some() {
            // An algorithm sees its own only, and so finds none of another.
            if filter.algorithm_id.as_ref().is_some_and(|asked| Some(asked) != algorithm_id.as_ref()) {
                return Ok(HttpResponse::json(StatusCode::OK, &Orders { orders: Vec::new(), cursor: None }));
            }
            filter.algorithm_id = algorithm_id;
        }
        let page = self.intake.orders.newest(&user_id, &filter, request.query_parameter("cursor"), limit).await;
        let page = page.map_err(|error| store_failed(&error))?;
        let orders = page.items.iter().map(|order| order.value.view()).collect();
        Ok(HttpResponse::json(StatusCode::OK, &Orders { orders, cursor: page.next_cursor }))
    }

    pub(crate) async fn get_order(&self, request: &HttpRequest) -> Answer {
        let order = self.visible_order(request).await?;
        Ok(HttpResponse::json(StatusCode::OK, &order.view()))
    }

    /// Puts the change on record at once; what the broker has is changed there by the worker.
    pub(crate) async fn modify_order(&self, request: &HttpRequest) -> Answer {
        let order = self.visible_order(request).await?;
        let modify = read_modify(request, &order)?;
        let sender = sender(&request.caller()?);
        self.intake.permit(&sender, &Request::Modify(modify.clone())).await.map_err(stopped)?;
        match self.intake.ask_change(&modify).await.map_err(|error| store_failed(&error))? {
            ChangeAsked::OnRecord(order) => {
                self.wake(&modify.key).await;
                Ok(HttpResponse::json(StatusCode::ACCEPTED, &order.value.view()))
            }
            ChangeAsked::Refused(reason) => {
                Err(Problem::new(StatusCode::CONFLICT, reason.code.as_str(), reason.message))
            }
            ChangeAsked::NoSuchOrder => Err(Problem::not_found("order")),
        }
    }

    /// Writes the cancel down at once; what the broker has is cancelled there by the worker.
    pub(crate) async fn cancel_order(&self, request: &HttpRequest) -> Answer {
        let order = self.visible_order(request).await?;
        let (key, leg) = (order.key, leg_asked(request)?);
        let order = match leg {
            None => self.intake.ask_cancel(&key).await.map_err(|error| store_failed(&error))?,
            Some(role) => match self.intake.ask_leg_cancel(&key, role).await.map_err(|error| store_failed(&error))? {
                LegCancelAsked::OnRecord(order) => Some(*order),
                LegCancelAsked::Refused(reason) => {
                    return Err(Problem::new(StatusCode::CONFLICT, reason.code.as_str(), reason.message));
                }
                LegCancelAsked::NoSuchOrder => None,
            },
        };
        let order = order.ok_or_else(|| Problem::not_found("order"))?;
        if !order.value.is_over() || order.value.works_late() {
            self.wake(&key).await;
        }
        Ok(HttpResponse::json(StatusCode::ACCEPTED, &order.value.view()))
    }

    /// A wake that is lost costs time, not the order: the tracker finds it by its row.
    pub(crate) async fn wake(&self, key: &OrderKey) {
        let wake = Wake { user_id: key.user_id.clone(), order_id: Some(key.order_id.clone()) };
        if let Err(error) = self.order_queue.wake(&wake).await {
            tracing::error!(%error, %key, "the worker was not woken; the tracker takes the order further");
        }
    }

    /// An order that the caller may see and end: a user each of theirs, an algorithm each of its own, whatever became of its
    /// grant.
    async fn visible_order(&self, request: &HttpRequest) -> Result<Order, Problem> {
        let (user_id, algorithm_id) = named_user(request)?;
        let order_id: OrderId = path_id(request, "order_id", "order")?;
        let order =
            self.intake.orders.get(&OrderKey { user_id, order_id }).await.map_err(|error| store_failed(&error))?;
        let order = order.map(|order| order.value).ok_or_else(|| Problem::not_found("order"))?;
        match algorithm_id {
            Some(algorithm_id) if order.algorithm_id != algorithm_id => Err(Problem::not_found("order")),
            _ => Ok(order),
        }
    }

    /// For whom the caller may read: a user for themselves, an algorithm for a user who granted it (`?user_id=`). To others
    /// there is no such `what`.
    pub(crate) async fn whose(
        &self,
        request: &HttpRequest,
        what: &str,
    ) -> Result<(UserId, Option<AlgorithmId>), Problem> {
        let (user_id, algorithm_id) = named_user(request)?;
        if let Some(algorithm_id) = &algorithm_id {
            let grant = self.intake.rules.grant(&user_id, algorithm_id).await.map_err(|error| store_failed(&error))?;
            grant.ok_or_else(|| Problem::not_found(what))?;
        }
        Ok((user_id, algorithm_id))
    }
}

/// The user whom the caller speaks of, and the algorithm that speaks.
fn named_user(request: &HttpRequest) -> Result<(UserId, Option<AlgorithmId>), Problem> {
    let algorithm_id = match request.caller()? {
        Caller::User(user_id) => return Ok((user_id, None)),
        Caller::Algorithm(algorithm_id) => algorithm_id,
    };
    let user_id: Option<UserId> = request.query_parameter("user_id").and_then(|text| text.parse().ok());
    let user_id = user_id.ok_or_else(|| {
        let message = "must name the user, as a parameter of the address (?user_id=): an algorithm acts for the users who granted it".to_owned();
        Problem::bad_fields(vec![domain::FieldFault { field: "user_id".to_owned(), message }])
    })?;
    Ok((user_id, Some(algorithm_id)))
}

/// The message in the body. What the JWT says already may be left out; what is there must agree with it.
fn read_place(request: &HttpRequest, caller: &Caller) -> Result<PlaceOrder, Problem> {
    let mut body: Map<String, Value> = json_body(request)?;
    let mut default = |field: &str, value: &str| {
        body.entry(field).or_insert_with(|| Value::from(value));
    };
    default("schema", domain::message::SCHEMA);
    default("command", "place");
    match caller {
        Caller::User(user_id) => {
            default("user_id", user_id.as_str());
            default("algorithm_id", AlgorithmId::OWN_HAND);
        }
        Caller::Algorithm(algorithm_id) => default("algorithm_id", algorithm_id.as_str()),
    }
    match Command::from_value(Value::Object(body)) {
        Ok(Command::Place(place)) => match caller {
            Caller::User(_) if !place.algorithm_id.is_own_hand() => {
                let detail = "The order names an algorithm, and a user signed in. A user's own order names `self`, or none. An \
                              algorithm's comes with its own token (a JWT with the claim `algorithm_id`), or over the order queue.";
                Err(Problem::new(StatusCode::FORBIDDEN, "other_algorithm", detail))
            }
            _ => Ok(place),
        },
        Ok(_) => {
            let message = "must be place: change by PUT /orders/{order_id}, end by DELETE".to_owned();
            Err(Problem::bad_fields(vec![domain::FieldFault { field: "command".to_owned(), message }]))
        }
        Err(Malformed { faults, .. }) => Err(Problem::bad_fields(faults)),
    }
}

/// The change in the body. What the address and the JWT say already may be left out; what is there must agree with it.
fn read_modify(request: &HttpRequest, order: &Order) -> Result<ModifyOrder, Problem> {
    let mut body: Map<String, Value> = json_body(request)?;
    if let Some(role) = leg_asked(request)? {
        let said = body.entry("leg").or_insert_with(|| Value::from(role.as_str()));
        if said != role.as_str() {
            let message = format!("must be {:?} as the address says, or be left out", role.as_str());
            return Err(Problem::bad_fields(vec![domain::FieldFault { field: "leg".to_owned(), message }]));
        }
    }
    let said = [
        ("schema", domain::message::SCHEMA),
        ("command", "modify"),
        ("user_id", order.key.user_id.as_str()),
        ("order_id", order.key.order_id.as_str()),
        ("algorithm_id", order.algorithm_id.as_str()),
    ];
    let mut faults = Vec::new();
    for (field, value) in said {
        if body.entry(field).or_insert_with(|| Value::from(value)) != value {
            let message = format!("must be {value:?}, or be left out");
            faults.push(domain::FieldFault { field: field.to_owned(), message });
        }
    }
    match Command::from_value(Value::Object(body)) {
        Ok(Command::Modify(modify)) if faults.is_empty() => Ok(modify),
        Ok(_) => Err(Problem::bad_fields(faults)),
        Err(Malformed { faults, .. }) => Err(Problem::bad_fields(faults)),
    }
}

/// The exit of a bracket that the address names (`?leg=`).
fn leg_asked(request: &HttpRequest) -> Result<Option<LegRole>, Problem> {
    let read = request.query_parameter("leg").map(LegRole::parse).transpose();
    read.map_err(|message| Problem::bad_fields(vec![domain::FieldFault { field: "leg".to_owned(), message }]))
}

fn sender(caller: &Caller) -> Sender {
    match caller {
        Caller::User(user_id) => Sender::User(user_id.clone()),
        Caller::Algorithm(algorithm_id) => Sender::Algorithm(algorithm_id.clone()),
    }
}

/// Why the caller may not ask for this.
fn stopped(stop: Stop) -> Problem {
    match stop.reason() {
        Ok(reason) => Problem::new(StatusCode::FORBIDDEN, reason.code.as_str(), reason.message),
        Err(error) => store_failed(&error),
    }
}
