//! The client: one user's orders in the name of one algorithm.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::api::{Api, Token};
use crate::error::{Error, OrderEnded, WaitTimeout};
use crate::messages::{Identity, Message, ModifyOrder, PlaceOrder};
use crate::order_queue::{OrderQueue, sqs_of_environment};
use crate::ticket::LegRole;
use crate::views::{OrderStatus, OrderView};

/// Between two looks at an order: at first often, then less and less.
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(200);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(3);

/// Places, changes, ends and follows the orders of one user.
///
/// The queue takes an algorithm's orders; the operator registers who may send for it, and the user grants it accounts. Reading
/// goes over HTTP, with a JWT of the algorithm (claim `algorithm_id`) or of the user. A user's own orders (`algorithm_id`
/// `self`) go over HTTP only: [`Client::place_by_http`].
///
/// Nothing here can double an order: user and order id are its identity, for ever, so every command may be repeated.
#[derive(Debug, Clone)]
pub struct Client {
    identity: Identity,
    order_queue: Option<OrderQueue>,
    api: Option<Api>,
}

/// Which orders to list. What is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrdersWanted {
    /// In one of these statuses; empty: in any.
    pub statuses: Vec<OrderStatus>,
    /// Not final.
    pub only_open: bool,
    /// Recorded then or later.
    pub since: Option<Timestamp>,
    /// Recorded before.
    pub until: Option<Timestamp>,
}

#[derive(Deserialize)]
struct OrdersPage {
    orders: Vec<OrderView>,
    cursor: Option<String>,
}

impl Client {
    /// A client with a queue, an API, or both.
    ///
    /// # Errors
    /// [`Error::InvalidMessage`] where an id cannot be one.
    pub fn new(
        user_id: &str,
        algorithm_id: &str,
        order_queue: Option<OrderQueue>,
        api: Option<Api>,
    ) -> Result<Self, Error> {
        Ok(Self { identity: Identity::new(user_id, algorithm_id)?, order_queue, api })
    }

    /// Reads `COURIER_ORDER_QUEUE_URL` and `COURIER_API_URL` (the stack's outputs), and the JWT from `COURIER_TOKEN`. Without a
    /// queue, or without an API, what needs it says so.
    pub async fn from_environment(user_id: &str, algorithm_id: &str) -> Result<Self, Error> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let order_queue = match set("COURIER_ORDER_QUEUE_URL") {
            Some(url) => Some(OrderQueue::new(sqs_of_environment().await, &url)),
            None => None,
        };
        let api = set("COURIER_API_URL").zip(set("COURIER_TOKEN"));
        let api = api.map(|(url, token)| Api::new(&url, Token::fixed(token))).transpose()?;
        Self::new(user_id, algorithm_id, order_queue, api)
    }

    /// The same with this API in place of what the environment said.
    #[must_use]
    pub fn with_api(self, api: Api) -> Self {
        Self { api: Some(api), ..self }
    }

    /// The same for another user.
    pub fn for_user(&self, user_id: &str) -> Result<Self, Error> {
        Self::new(user_id, &self.identity.algorithm_id, self.order_queue.clone(), self.api.clone())
    }

    /// Puts a new order on the queue. Whether it may trade shows in its status: see [`Client::wait`].
    ///
    /// The same order again is the first one. Another order under a used id is refused, and the first stays as it is.
    pub async fn place(&self, order: &PlaceOrder) -> Result<(), Error> {
        self.send(self.identity.place(order)?).await
    }

    /// Puts a change on the queue. A revision is applied once.
    pub async fn modify(&self, change: &ModifyOrder) -> Result<(), Error> {
        self.send(self.identity.modify(change)?).await
    }

    /// Asks for an order's end. It may be filled before: wait for what became of it.
    pub async fn cancel(&self, order_id: &str) -> Result<(), Error> {
        self.send(self.identity.cancel(order_id, None)?).await
    }

    /// Asks for the end of one exit of a bracket; the rest of the order goes on.
    pub async fn cancel_leg(&self, order_id: &str, leg: LegRole) -> Result<(), Error> {
        self.send(self.identity.cancel(order_id, Some(leg))?).await
    }

    /// Places an order with the token alone. The answer tells at once what may not be: [`Error::Problem`], 400, 403 or 409.
    ///
    /// After [`Error::Unreachable`] it may be on record or not. Place the same order again: it is the first or the only one.
    pub async fn place_by_http(&self, order: &PlaceOrder) -> Result<OrderView, Error> {
        let message = self.identity.place(order)?;
        self.ask(Method::POST, &["orders"], Vec::new(), Some(&message)).await
    }

    /// Changes an order with the token alone.
    pub async fn modify_by_http(&self, change: &ModifyOrder) -> Result<OrderView, Error> {
        let message = self.identity.modify(change)?;
        self.ask(Method::PUT, &["orders", &change.order_id], Vec::new(), Some(&message)).await
    }

    /// Asks for an order's end with the token alone.
    pub async fn cancel_by_http(&self, order_id: &str) -> Result<OrderView, Error> {
        self.ask(Method::DELETE, &["orders", order_id], Vec::new(), None).await
    }

    /// Asks for the end of one exit of a bracket with the token alone.
    pub async fn cancel_leg_by_http(&self, order_id: &str, leg: LegRole) -> Result<OrderView, Error> {
        let query = vec![("leg", leg.as_str().to_owned())];
        self.ask(Method::DELETE, &["orders", order_id], query, None).await
    }

    /// The order as it is now; [`Error::Problem`] 404 if there is none of yours.
    pub async fn order(&self, order_id: &str) -> Result<OrderView, Error> {
        self.ask(Method::GET, &["orders", order_id], Vec::new(), None).await
    }

    /// At most `most` of the user's orders, the newest first.
    pub async fn orders(&self, wanted: &OrdersWanted, most: usize) -> Result<Vec<OrderView>, Error> {
        let mut orders = Vec::new();
        let mut cursor = None;
        loop {
            let query = wanted.query().chain(cursor.map(|cursor| ("cursor", cursor))).collect();
            let page: OrdersPage = self.ask(Method::GET, &["orders"], query, None).await?;
            orders.extend(page.orders);
            cursor = page.cursor;
            if cursor.is_none() || orders.len() >= most {
                orders.truncate(most);
                return Ok(orders);
            }
        }
    }

    /// Waits until the order is, or has been, in one of these statuses ([`OrderStatus::FINAL`]: until it is over).
    ///
    /// [`Error::OrderEnded`] as soon as it can no longer get there, [`Error::WaitTimeout`] when time runs out. An order that is
    /// not there yet, an API that is away and a request too many are waited out; waiting changes nothing.
    pub async fn wait(&self, order_id: &str, until: &[OrderStatus], timeout: Duration) -> Result<OrderView, Error> {
        let deadline = Instant::now() + timeout;
        let mut pause = FIRST_LOOK_AFTER;
        let mut seen = None;
        loop {
            let mut last_failure = None;
            match self.order(order_id).await {
                Ok(order) => seen = Some(order),
                Err(error) if passes_by_itself(&error) => last_failure = Some(Box::new(error)),
                Err(error) => return Err(error),
            }
            seen = match seen {
                Some(order) if until.iter().any(|status| order.has_been(*status)) => return Ok(order),
                Some(order) if order.status.is_final() => {
                    return Err(Box::new(OrderEnded { order, awaited: until.to_vec() }).into());
                }
                other => other,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let (order_id, awaited) = (order_id.to_owned(), until.to_vec());
                return Err(Box::new(WaitTimeout { order_id, order: seen, awaited, last_failure }).into());
            }
            sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(LOOK_EVERY_MAX);
        }
    }

    async fn send(&self, message: Message) -> Result<(), Error> {
        let queue = self.order_queue.as_ref().ok_or_else(|| {
            let help = "there is no order queue: set COURIER_ORDER_QUEUE_URL, or use the methods `…_by_http`";
            Error::NotSetUp(help.to_owned())
        })?;
        queue.send(&message).await
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        mut query: Vec<(&str, String)>,
        message: Option<&Message>,
    ) -> Result<T, Error> {
        let api = self.api.as_ref().ok_or_else(|| {
            Error::NotSetUp("there is no API: set COURIER_API_URL and COURIER_TOKEN, or hand an Api in".to_owned())
        })?;
        // An algorithm has to say whose orders it means; a user's own token says it already.
        query.push(("user_id", self.identity.user_id.clone()));
        api.ask(method, path, &query, message.map(|message| &message.0)).await
    }
}

impl OrdersWanted {
    fn query(&self) -> impl Iterator<Item = (&'static str, String)> {
        let statuses: Vec<&str> = self.statuses.iter().map(|status| status.as_str()).collect();
        let parts = [
            (!statuses.is_empty()).then(|| ("status", statuses.join(","))),
            self.only_open.then(|| ("open", "true".to_owned())),
            self.since.map(|since| ("since", since.to_string())),
            self.until.map(|until| ("until", until.to_string())),
        ];
        parts.into_iter().flatten()
    }
}

/// Whether waiting may help: the order is not there yet, the API is away, or it was asked too often.
fn passes_by_itself(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Problem(problem) => matches!(problem.status, 404 | 429) || problem.status >= 500,
        _ => false,
    }
}
