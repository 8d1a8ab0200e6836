//! Orders: placed, shown, changed, ended.

use std::sync::Arc;

use axum::extract::State;
use domain::{AlgorithmId, Command, LegRole, Malformed, ModifyOrder, Order, OrderKey, OrderView, PlaceOrder, Reason};
use http::StatusCode;
use platform::{Caller, Problem};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::{OrderFilter, Wake};
use trading::{ChangeAsked, LegCancelAsked, Recorded, Request, Sender, Stop};
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Conflict, Forbidden, NotFound, Refused, TooLarge, answer};
use crate::body::Json;
use crate::callers::{Anyone, ForUser, OrderPlace, VisibleOrder, Whose};
use crate::list_query::ListOrders;
use crate::published::{self, named};
use crate::query::{Asked, Query, Reader};
use crate::{Api, bad_field, fault, store_failed};

answer! {
    /// The order, on record
    Placed: ACCEPTED, OrderView<'_> as published::Order
}
answer! {
    /// A page of orders. It may hold fewer than asked for: the list ends where there is no cursor.
    Listed: OK, Orders<'_> as Orders<'static>
}
answer! {
    /// The order
    Shown: OK, OrderView<'_> as published::Order
}
answer! {
    /// The order, with the change on record
    Changed: ACCEPTED, OrderView<'_> as published::Order
}
answer! {
    /// The order; it may be filled before it is cancelled
    Ending: ACCEPTED, OrderView<'_> as published::Order
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Orders<'a> {
    #[schema(value_type = Vec<published::Order>)]
    orders: Vec<OrderView<'a>>,
    /// For the next page; left out at the end
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cursor: Option<String>,
}

/// The message in a body, in which what the JWT and the route say may be left out. `description` puts its shape together from
/// the message's own.
#[derive(Debug, Deserialize)]
pub(crate) struct PlaceBody(Map<String, Value>);
named!(PlaceBody = "PlaceOrder");

/// Likewise a change.
#[derive(Debug, Deserialize)]
pub(crate) struct ModifyBody(Map<String, Value>);
named!(ModifyBody = "ModifyOrder");

/// The exit of a bracket that the address names.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OfLeg {
    /// The exit of a bracket that is meant; left out, the whole order.
    #[param(value_type = Option<published::Leg>, nullable = false)]
    leg: Option<LegRole>,
}

impl Asked for OfLeg {
    fn read(said: &mut Reader<'_>) -> Self {
        Self { leg: said.read("leg", LegRole::parse) }
    }
}

/// Place an order. The same order again is the first one
///
/// It is put on record under the identity that the JWT proved. From here the record carries it to the broker.
#[utoipa::path(post, path = "/orders", tag = "orders")]
pub(crate) async fn place_order(
    State(api): State<Arc<Api>>,
    Anyone(caller): Anyone,
    Json(body): Json<PlaceBody>,
) -> Result<Placed, Refused<(Forbidden, Conflict, TooLarge)>> {
    let place = read_place(body, &caller)?;
    let key = place.key.clone();
    api.intake.permit(&sender(caller), &Request::Place(place.clone())).await.map_err(stopped)?;
    match api.intake.record(&api.lanes, place, None).await.map_err(|error| store_failed(&error))? {
        Recorded::New(order) | Recorded::Same(order) => {
            if !order.value.status().is_final() {
                api.wake(&key).await;
            }
            Ok(Placed::of(&order.value.view()))
        }
        Recorded::Differs(_, reason) => Err(conflict(&reason).into()),
    }
}

/// The user's orders, the newest first
#[utoipa::path(get, path = "/orders", tag = "orders", params(ListOrders, ForUser))]
pub(crate) async fn list_orders(
    State(api): State<Arc<Api>>,
    whose: Whose,
    Query(asked): Query<ListOrders>,
) -> Result<Listed, Refused<(Forbidden, NotFound)>> {
    let ListOrders { status: statuses, open: only_open, mut algorithm_id, since, until, limit, cursor } = asked;
    if let Some(own) = whose.algorithm_id {
        // An algorithm sees its own only, and so finds none of another.
        if algorithm_id.is_some_and(|asked| asked != own) {
            return Ok(Listed::of(&Orders { orders: Vec::new(), cursor: None }));
        }
        algorithm_id = Some(own);
    }
    let filter = OrderFilter { statuses, only_open, algorithm_id, since, until };
    let page = api.intake.orders.newest(&whose.user_id, &filter, cursor.as_deref(), limit).await;
    let page = page.map_err(|error| store_failed(&error))?;
    let orders = page.items.iter().map(|order| order.value.view()).collect();
    Ok(Listed::of(&Orders { orders, cursor: page.next_cursor }))
}

/// An order, with its history
#[utoipa::path(get, path = "/orders/{order_id}", tag = "orders", params(OrderPlace, ForUser))]
pub(crate) async fn get_order(VisibleOrder(order): VisibleOrder) -> Result<Shown, Refused<(Forbidden, NotFound)>> {
    Ok(Shown::of(&order.view()))
}

/// Change an order, or one exit of a bracket; each revision once
///
/// The change is put on record at once. What the broker has is changed there soon after.
#[utoipa::path(put, path = "/orders/{order_id}", tag = "orders", params(OrderPlace, OfLeg, ForUser))]
pub(crate) async fn modify_order(
    State(api): State<Arc<Api>>,
    VisibleOrder(order): VisibleOrder,
    Anyone(caller): Anyone,
    Query(OfLeg { leg }): Query<OfLeg>,
    Json(body): Json<ModifyBody>,
) -> Result<Changed, Refused<(Forbidden, NotFound, Conflict, TooLarge)>> {
    let modify = read_modify(body, leg, &order)?;
    api.intake.permit(&sender(caller), &Request::Modify(modify.clone())).await.map_err(stopped)?;
    match api.intake.ask_change(&modify).await.map_err(|error| store_failed(&error))? {
        ChangeAsked::OnRecord(order) => {
            api.wake(&modify.key).await;
            Ok(Changed::of(&order.value.view()))
        }
        ChangeAsked::Refused(reason) => Err(conflict(&reason).into()),
        ChangeAsked::NoSuchOrder => Err(Problem::not_found("order").into()),
    }
}

/// Ask for the end of an order with its exits, or of one exit; twice is once
///
/// The cancel is put on record at once. What the broker has is cancelled there soon after.
#[utoipa::path(delete, path = "/orders/{order_id}", tag = "orders", params(OrderPlace, OfLeg, ForUser))]
pub(crate) async fn cancel_order(
    State(api): State<Arc<Api>>,
    VisibleOrder(order): VisibleOrder,
    Query(OfLeg { leg }): Query<OfLeg>,
) -> Result<Ending, Refused<(Forbidden, NotFound, Conflict)>> {
    let key = order.key;
    let order = match leg {
        None => api.intake.ask_cancel(&key).await.map_err(|error| store_failed(&error))?,
        Some(role) => match api.intake.ask_leg_cancel(&key, role).await.map_err(|error| store_failed(&error))? {
            LegCancelAsked::OnRecord(order) => Some(*order),
            LegCancelAsked::Refused(reason) => return Err(conflict(&reason).into()),
            LegCancelAsked::NoSuchOrder => None,
        },
    };
    let order = order.ok_or_else(|| Problem::not_found("order"))?;
    if order.value.concerns_the_lane() {
        api.wake(&key).await;
    }
    Ok(Ending::of(&order.value.view()))
}

impl Api {
    /// A wake that is lost costs time, not the order: the tracker finds it by its row.
    pub(crate) async fn wake(&self, key: &OrderKey) {
        let wake = Wake { user_id: key.user_id.clone(), order_id: Some(key.order_id.clone()) };
        if let Err(error) = self.order_queue.wake(&wake).await {
            tracing::error!(%error, %key, "the worker was not woken; the tracker takes the order further");
        }
    }
}

/// The message in the body. What the JWT says already may be left out; what is there must agree with it.
fn read_place(PlaceBody(mut body): PlaceBody, caller: &Caller) -> Result<PlaceOrder, Problem> {
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
        Ok(_) => Err(bad_field("command", "must be place: change by PUT /orders/{order_id}, end by DELETE")),
        Err(Malformed { faults, .. }) => Err(Problem::bad_fields(faults)),
    }
}

/// The change in the body. What the address and the JWT say already may be left out; what is there must agree with it.
fn read_modify(ModifyBody(mut body): ModifyBody, leg: Option<LegRole>, order: &Order) -> Result<ModifyOrder, Problem> {
    if let Some(role) = leg {
        let said = body.entry("leg").or_insert_with(|| Value::from(role.as_str()));
        if said != role.as_str() {
            return Err(bad_field("leg", &format!("must be {:?} as the address says, or be left out", role.as_str())));
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
            faults.push(fault(field, &format!("must be {value:?}, or be left out")));
        }
    }
    match Command::from_value(Value::Object(body)) {
        Ok(Command::Modify(modify)) if faults.is_empty() => Ok(modify),
        Ok(_) => Err(Problem::bad_fields(faults)),
        Err(Malformed { faults, .. }) => Err(Problem::bad_fields(faults)),
    }
}

fn sender(caller: Caller) -> Sender {
    match caller {
        Caller::User(user_id) => Sender::User(user_id),
        Caller::Algorithm(algorithm_id) => Sender::Algorithm(algorithm_id),
    }
}

/// Why the caller may not ask for this.
fn stopped(stop: Stop) -> Problem {
    match stop.reason() {
        Ok(reason) => Problem::new(StatusCode::FORBIDDEN, reason.code.as_str(), reason.message),
        Err(error) => store_failed(&error),
    }
}

fn conflict(reason: &Reason) -> Problem {
    Problem::new(StatusCode::CONFLICT, reason.code.as_str(), reason.message.clone())
}
