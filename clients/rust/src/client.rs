//! The client: one user's orders in the name of one algorithm.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::api::{Api, Token};
use crate::error::{ChangeRefused, Error, IdAlreadyUsed, OrderEnded, OrderRefused, WaitTimeout};
use crate::messages::{Identity, Message, ModifyOrder, PlaceOrder};
use crate::order_queue::{OrderQueue, sqs_of_environment};
use crate::sent::{Sent, SentMessages};
use crate::ticket::LegRole;
use crate::views::{ChangeView, LegView, OrderStatus, OrderView, Refusal};

/// Between two looks at an order: at first often, then less and less.
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(200);
const LOOK_EVERY_MAX: Duration = Duration::from_secs(3);
/// How the environment of the local stack is had.
const SOURCE: &str = "give the line `source …` that `courier local` printed";

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
    sent: SentMessages,
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

#[derive(Deserialize)]
struct RefusalsPage {
    refusals: Vec<Refusal>,
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
        let sent = SentMessages::new(user_id);
        Ok(Self { identity: Identity::new(user_id, algorithm_id)?, order_queue, api, sent })
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

    /// The same for another user, for an algorithm's token: a user's own token reaches that user's orders alone.
    ///
    /// It remembers what this client sent, and each client that this one gives; so it may be asked for each time anew.
    pub fn for_user(&self, user_id: &str) -> Result<Self, Error> {
        let other = Self::new(user_id, &self.identity.algorithm_id, self.order_queue.clone(), self.api.clone())?;
        Ok(Self { sent: self.sent.of_user(user_id), ..other })
    }

    /// Puts a new order on the queue. Whether it may trade shows in its status: see [`Client::wait`].
    ///
    /// The same order again is the first one. Another order under a used id is refused, and the first stays as it is:
    /// the next [`Client::wait`] gives [`Error::IdAlreadyUsed`], once.
    pub async fn place(&self, order: &PlaceOrder) -> Result<(), Error> {
        self.send(self.identity.place(order)?).await
    }

    /// Puts a change on the queue. A revision is applied once. What becomes of it: [`Client::wait_change`].
    pub async fn modify(&self, change: &ModifyOrder) -> Result<(), Error> {
        self.send(self.identity.modify(change)?).await
    }

    /// Asks for an order's end. It may be filled before: wait for what became of it.
    pub async fn cancel(&self, order_id: &str) -> Result<(), Error> {
        self.send(self.identity.cancel(order_id, None)?).await
    }

    /// Asks for the end of one exit of a bracket; the rest of the order goes on. What became of it: [`Client::wait_leg`].
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

    /// At most `most` messages in this user's name that became no order, the newest first. With an algorithm's token: of those
    /// that its own senders sent. `order_id` leaves those that named this order.
    pub async fn refusals(&self, order_id: Option<&str>, most: usize) -> Result<Vec<Refusal>, Error> {
        let mut refusals = Vec::new();
        let mut cursor = None;
        loop {
            let order = order_id.map(|order_id| ("order_id", order_id.to_owned()));
            let query = order.into_iter().chain(cursor.map(|cursor| ("cursor", cursor))).collect();
            let page: RefusalsPage = self.ask(Method::GET, &["refusals"], query, None).await?;
            refusals.extend(page.refusals);
            cursor = page.cursor;
            if cursor.is_none() || refusals.len() >= most {
                refusals.truncate(most);
                return Ok(refusals);
            }
        }
    }

    /// Waits until the order is, or has been, in one of these statuses ([`OrderStatus::FINAL`]: until it is over). A final one
    /// counts while the order is in it: one that the broker called ended may be open again.
    ///
    /// [`Error::OrderEnded`] as soon as it can no longer get there, [`Error::WaitTimeout`] when time runs out. An order that is
    /// not there yet, an API that is away and a request too many are waited out; waiting changes nothing.
    ///
    /// Of what this client put on the queue it also tells what was refused: [`Error::OrderRefused`] (once for a cancel),
    /// [`Error::IdAlreadyUsed`] once where the order on record is another one, and once for each of its changes
    /// [`Error::ChangeRefused`].
    ///
    /// A bracket's status is its entry's: for its exits see [`Client::wait_leg`].
    pub async fn wait(&self, order_id: &str, until: &[OrderStatus], timeout: Duration) -> Result<OrderView, Error> {
        self.look_until(order_id, until, None, timeout, async |order| {
            if until.iter().any(|status| order.has_reached(*status)) {
                return Ok(true);
            }
            // Its cancel is sent all the same.
            let may_be_cancelled = order.status == OrderStatus::NeedsReview
                && order.cancel_asked
                && until.contains(&OrderStatus::Cancelled);
            if order.status.is_final() && !may_be_cancelled {
                return Err(Box::new(OrderEnded { order: order.clone(), awaited: until.to_vec() }).into());
            }
            for revision in self.sent.changes(order_id) {
                self.change_in_force(order, revision).await?;
            }
            self.refused_cancel(order, None).await?;
            Ok(false)
        })
        .await
    }

    /// Waits until this revision of the order, or a later one, is in force. [`OrderView::next_revision`] is the next one.
    ///
    /// [`Error::ChangeRefused`] where it will not be, [`Error::OrderEnded`] where the order was over before,
    /// [`Error::WaitTimeout`] when time runs out. A bracket is over when its exits have ended, too.
    pub async fn wait_change(&self, order_id: &str, revision: u64, timeout: Duration) -> Result<OrderView, Error> {
        self.look_until(order_id, &[], None, timeout, async |order| {
            let is_in_force = self.change_in_force(order, revision).await?;
            if !is_in_force && order.takes_no_change() {
                return Err(Box::new(OrderEnded { order: order.clone(), awaited: Vec::new() }).into());
            }
            Ok(is_in_force)
        })
        .await
    }

    /// Waits until this exit of a bracket has ended, in whatever final status; gives the exit.
    ///
    /// [`Error::OrderRefused`], once, where this client asked for its end, or for its order's, and was refused;
    /// [`Error::NoSuchLeg`] where the order has no such exit; [`Error::WaitTimeout`] when time runs out.
    pub async fn wait_leg(&self, order_id: &str, leg: LegRole, timeout: Duration) -> Result<LegView, Error> {
        let no_such_leg = || Error::NoSuchLeg { order_id: order_id.to_owned(), leg };
        let order = self
            .look_until(order_id, &[], Some(leg), timeout, async |order| {
                if order.leg(leg).is_some_and(|exit| exit.status.is_final()) {
                    return Ok(true);
                }
                self.refused_cancel(order, Some(leg)).await?;
                order.leg(leg).map(|_| false).ok_or_else(no_such_leg)
            })
            .await?;
        order.leg(leg).cloned().ok_or_else(no_such_leg)
    }

    async fn look_until(
        &self,
        order_id: &str,
        awaited: &[OrderStatus],
        leg: Option<LegRole>,
        timeout: Duration,
        arrived: impl AsyncFn(&OrderView) -> Result<bool, Error>,
    ) -> Result<OrderView, Error> {
        let deadline = Instant::now() + timeout;
        let mut pause = FIRST_LOOK_AFTER;
        let mut seen = None;
        loop {
            let mut last_failure = None;
            match self.order(order_id).await {
                Ok(order) => seen = Some(order),
                Err(error) if is_not_there(&error) => {}
                Err(error) if passes_by_itself(&error) => last_failure = Some(Box::new(error)),
                Err(error) => return Err(error),
            }
            if last_failure.is_none() {
                self.refused_order(order_id, seen.as_ref()).await?;
            }
            seen = match seen {
                Some(order) if arrived(&order).await? => return Ok(order),
                other => other,
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let (order_id, awaited) = (order_id.to_owned(), awaited.to_vec());
                return Err(Box::new(WaitTimeout { order_id, order: seen, awaited, leg, last_failure }).into());
            }
            sleep(pause.min(left)).await;
            pause = (pause * 3 / 2).min(LOOK_EVERY_MAX);
        }
    }

    /// Holds what was placed against what is on record: it may be another order's id, or it was refused.
    async fn refused_order(&self, order_id: &str, seen: Option<&OrderView>) -> Result<(), Error> {
        let Some(order) = seen else { return self.refused_unseen(order_id).await };
        let Some(placed) = self.sent.unconfirmed(order_id) else { return Ok(()) };
        let refusal = self.refusal_of(order_id, std::slice::from_ref(&placed.message_id)).await;
        if refusal.is_some() || placed.is_other(order) {
            self.sent.told_of_placing(order_id);
            return Err(Box::new(IdAlreadyUsed { order: order.clone(), refusal }).into());
        }
        // What a change made different since is not compared, so only the refusal tells.
        if order.revision == 1 {
            self.sent.told_of_placing(order_id);
        }
        Ok(())
    }

    /// An error if what this client sent of an order that is not on record was refused: its own message, or one that changes
    /// or ends it.
    async fn refused_unseen(&self, order_id: &str) -> Result<(), Error> {
        match self.refusal_of(order_id, &self.sent.of_unseen(order_id)).await {
            Some(refusal) => Err(self.told_refused(order_id, refusal)),
            None => Ok(()),
        }
    }

    /// An error, once, if the end of the order or of an exit was asked for and refused. With `only`: if it would have ended this
    /// exit.
    async fn refused_cancel(&self, order: &OrderView, only: Option<LegRole>) -> Result<(), Error> {
        let only = only.map(LegRole::as_str);
        let concerns = |cancel: &Sent| only.is_none() || cancel.leg().is_none() || cancel.leg() == only;
        let cancels = self.sent.cancels(order).into_iter().filter(concerns);
        let message_ids: Vec<String> = cancels.map(|cancel| cancel.message_id).collect();
        match self.refusal_of(&order.order_id, &message_ids).await {
            Some(refusal) => Err(self.told_refused(&order.order_id, refusal)),
            None => Ok(()),
        }
    }

    fn told_refused(&self, order_id: &str, refusal: Refusal) -> Error {
        self.sent.told_of(order_id, &refusal.message_id);
        Box::new(OrderRefused { order_id: order_id.to_owned(), refusal }).into()
    }

    /// Whether this change, or a later one, is in force; an error if it was refused, once where this client sent it.
    async fn change_in_force(&self, order: &OrderView, revision: u64) -> Result<bool, Error> {
        let own = self.sent.change(&order.order_id, revision);
        // Another one may be on record under this number: then the message was refused, or is not read yet.
        let is_other = own.as_ref().is_some_and(|own| own.is_other(order));
        let refused = refused_change(order, revision, own.as_ref().and_then(Sent::leg)).filter(|_| !is_other);
        let reason = match (refused, own) {
            (Some(change), _) => change.reason.clone(),
            (None, _) if order.revision >= revision && !is_other => {
                self.sent.told(&order.order_id, revision);
                return Ok(true);
            }
            (None, Some(own)) => match self.refusal_of(&order.order_id, &[own.message_id]).await {
                Some(refusal) => Some(refusal.reason),
                None => return Ok(false),
            },
            (None, None) => return Ok(false),
        };
        self.sent.told(&order.order_id, revision);
        Err(Box::new(ChangeRefused { order: order.clone(), revision, reason }).into())
    }

    /// The refusal of one of these messages, if it is among the newest that named the order. A failed look tells nothing.
    async fn refusal_of(&self, order_id: &str, message_ids: &[String]) -> Option<Refusal> {
        if message_ids.is_empty() {
            return None;
        }
        let query = vec![("order_id", order_id.to_owned())];
        let page: RefusalsPage = self.ask(Method::GET, &["refusals"], query, None).await.ok()?;
        page.refusals.into_iter().find(|refusal| message_ids.contains(&refusal.message_id))
    }

    async fn send(&self, message: Message) -> Result<(), Error> {
        let queue = self.order_queue.as_ref().ok_or_else(|| {
            Error::NotSetUp(format!(
                "there is no order queue: {SOURCE}, or set COURIER_ORDER_QUEUE_URL (the stack's output OrderQueueUrl). Without AWS \
                 credentials use the methods `…_by_http`"
            ))
        })?;
        let message_id = queue.send(&message).await?;
        self.sent.remember(message, message_id);
        Ok(())
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        mut query: Vec<(&str, String)>,
        message: Option<&Message>,
    ) -> Result<T, Error> {
        let api = self.api.as_ref().ok_or_else(|| {
            Error::NotSetUp(format!(
                "there is no API: {SOURCE}, or set COURIER_API_URL (the stack's output ApiUrl) and COURIER_TOKEN, or hand an Api in"
            ))
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

/// The change of this number and of this part of the order, if it was refused.
fn refused_change<'o>(order: &'o OrderView, revision: u64, leg: Option<&str>) -> Option<&'o ChangeView> {
    let refused = order.change.as_ref().filter(|change| change.revision == revision && change.status == "refused");
    // Under a number that is in force, what was refused to another part is an exit's following of the entry's quantity.
    refused.filter(|change| change.leg.map(LegRole::as_str) == leg || order.revision < revision)
}

/// Whether the order is not on record yet.
fn is_not_there(error: &Error) -> bool {
    matches!(error, Error::Problem(problem) if problem.status == 404)
}

/// Whether waiting may help: the API is away, or it was asked too often.
fn passes_by_itself(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } => true,
        Error::Problem(problem) => problem.status == 429 || problem.status >= 500,
        _ => false,
    }
}
