//! Receive: a message becomes an order on record, or a recorded refusal. Nothing else can become of it.

use domain::message::summary;
use domain::{
    CancelOrder, Command, EXCERPT_CHARACTERS_MAX, Fact, Malformed, ModifyOrder, Order, OrderKey, PlaceOrder,
    PrincipalId, QueuePlace, Reason, Refusal, UserId,
};
use sha2::{Digest, Sha256};
use store::{Inserted, StoreError, Versioned, Wake};

use crate::authority::{Sender, granted, is_forgery, speaks_for};
use crate::desk::Intake;

/// A message as the queue hands it over.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    /// The queue's id of it.
    pub message_id: String,
    /// Who sent it (SQS `SenderId`).
    pub sender_id: String,
    /// The group it was sent to: must be the user's id.
    pub group_id: String,
    /// Its place in the queue, where the queue said it.
    pub place: Option<QueuePlace>,
    /// What it says.
    pub body: String,
    /// Whether it comes from the dead-letter queue: then nobody knows how old it is.
    pub is_dead_letter: bool,
}

/// What a message asks for, once its sender's right to ask is proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Place an order.
    Place(PlaceOrder),
    /// Change an order.
    Modify(ModifyOrder),
    /// End an order.
    Cancel(CancelOrder),
    /// Take a user's unfinished orders further.
    Wake(Wake),
}

impl Request {
    /// Whose lane it needs.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        match self {
            Self::Place(place) => &place.key.user_id,
            Self::Modify(modify) => &modify.key.user_id,
            Self::Cancel(cancel) => &cancel.key.user_id,
            Self::Wake(wake) => &wake.user_id,
        }
    }
}

/// What became of a new order when it was put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New(Versioned<Order>),
    /// The same order was on record.
    Same(Versioned<Order>),
    /// Another order is on record under this id; it was left as it is.
    Differs(Versioned<Order>),
}

impl Intake {
    /// Reads a message of the queue. `None`: it was refused, and the refusal is on record.
    pub async fn read_message(&self, message: &QueueMessage) -> Result<Option<Request>, StoreError> {
        if let Ok(wake) = Wake::parse(&message.body) {
            return self.read_wake(message, wake).await;
        }
        let sender = match PrincipalId::from_sender_id(&message.sender_id) {
            Ok(principal) => Sender::Principal(principal),
            Err(error) => {
                let reason = Reason::new("no_sender", format!("The queue did not say who sent the message: {error}."));
                return self.refuse(message, None, reason).await;
            }
        };
        match Command::parse(&message.body) {
            Ok(command) => self.read_command(message, &sender, command).await,
            Err(malformed) => self.read_malformed(message, &sender, malformed).await,
        }
    }

    /// A wake takes further what is on record already, so it needs no authority: whoever forges one gains nothing.
    async fn read_wake(&self, message: &QueueMessage, wake: Wake) -> Result<Option<Request>, StoreError> {
        if wake.user_id.as_str() == message.group_id {
            return Ok(Some(Request::Wake(wake)));
        }
        self.refuse(message, None, other_group()).await
    }

    async fn read_command(
        &self,
        message: &QueueMessage,
        sender: &Sender,
        command: Command,
    ) -> Result<Option<Request>, StoreError> {
        let key = command.key().clone();
        if key.user_id.as_str() != message.group_id {
            return self.refuse(message, Some(&key), other_group()).await;
        }
        let request = match command {
            Command::Place(place) => Request::Place(place),
            Command::Modify(_) if message.is_dead_letter => {
                return self.refuse(message, Some(&key), dead_letter("changed")).await;
            }
            Command::Modify(modify) => Request::Modify(modify),
            Command::Cancel(cancel) => Request::Cancel(cancel),
        };
        match self.permit(sender, &request).await? {
            Ok(()) => Ok(Some(request)),
            Err(reason) => self.refuse(message, Some(&key), reason).await,
        }
    }

    /// Whether this sender may ask for this.
    pub async fn permit(&self, sender: &Sender, request: &Request) -> Result<Result<(), Reason>, StoreError> {
        let (user_id, algorithm_id, account_id) = match request {
            Request::Place(place) => (&place.key.user_id, &place.algorithm_id, Some(&place.account_id)),
            Request::Modify(modify) => (&modify.key.user_id, &modify.algorithm_id, None),
            Request::Cancel(cancel) => (&cancel.key.user_id, &cancel.algorithm_id, None),
            Request::Wake(_) => return Ok(Ok(())),
        };
        if let Err(reason) = speaks_for(&self.rules, sender, user_id, algorithm_id).await? {
            return Ok(Err(reason));
        }
        match request {
            // An algorithm may end its own orders whatever became of its grant.
            Request::Cancel(_) => Ok(Ok(())),
            _ => granted(&self.rules, user_id, algorithm_id, account_id).await,
        }
    }

    /// A message that cannot be read becomes a denied order where its sender may speak for the user, so that the
    /// user and the sender see it; else a refusal apart from every user's orders.
    async fn read_malformed(
        &self,
        message: &QueueMessage,
        sender: &Sender,
        malformed: Malformed,
    ) -> Result<Option<Request>, StoreError> {
        let reason = Reason::new(
            "malformed",
            format!("The message was refused and nothing was sent: {}.", summary(&malformed.faults)),
        );
        let identity = &malformed.identity;
        let (Some(user_id), Some(order_id), Some(algorithm_id)) =
            (&identity.user_id, &identity.order_id, &identity.algorithm_id)
        else {
            return self.refuse(message, None, reason).await;
        };
        let key = OrderKey { user_id: user_id.clone(), order_id: order_id.clone() };
        if user_id.as_str() != message.group_id {
            return self.refuse(message, Some(&key), other_group()).await;
        }
        let permitted = match speaks_for(&self.rules, sender, user_id, algorithm_id).await? {
            Ok(()) => granted(&self.rules, user_id, algorithm_id, None).await?,
            refused => refused,
        };
        if let Err(not_permitted) = permitted {
            return self.refuse(message, Some(&key), not_permitted).await;
        }
        let fingerprint = format!("unreadable {}", hex::encode(Sha256::digest(&message.body)));
        let order = Order::receive_unreadable(
            key.clone(),
            algorithm_id.clone(),
            &malformed.faults,
            fingerprint,
            self.clock.now(),
        );
        match self.orders.insert(&order).await? {
            Inserted::New(order) => {
                tracing::warn!(%key, reason = reason.message, "a message that cannot be read was recorded as a denied order");
                debug_assert!(order.value.status().is_final());
                Ok(None)
            }
            Inserted::Existing(existing) if existing.value.fingerprint == order.fingerprint => Ok(None),
            Inserted::Existing(_) => self.refuse(message, Some(&key), reason).await,
        }
    }

    /// Puts a new order on record, once; with its place in the queue, if it came over one.
    pub async fn record(&self, request: PlaceOrder, place: Option<QueuePlace>) -> Result<Recorded, StoreError> {
        let mut order = Order::receive(request, self.clock.now());
        order.queue_place = place;
        Ok(match self.orders.insert(&order).await? {
            Inserted::New(order) => Recorded::New(order),
            Inserted::Existing(existing) if existing.value.fingerprint == order.fingerprint => Recorded::Same(existing),
            Inserted::Existing(existing) => Recorded::Differs(existing),
        })
    }

    /// Puts an order of the dead-letter queue on record. A message's age does not survive that queue (SQS gives it a
    /// new one there), so only an order that says itself until when it is good is still sent.
    pub async fn record_dead_letter(&self, request: PlaceOrder) -> Result<Recorded, StoreError> {
        if request.good_until.is_some_and(|good_until| good_until > self.clock.now()) {
            return self.record(request, None).await;
        }
        let now = self.clock.now();
        let mut order = Order::receive(request, now);
        // From `received` an expiry is always in place.
        let _ = order.apply(Fact::Expire(dead_letter("sent")), now);
        Ok(match self.orders.insert(&order).await? {
            Inserted::New(order) => Recorded::New(order),
            Inserted::Existing(existing) if existing.value.fingerprint == order.fingerprint => Recorded::Same(existing),
            Inserted::Existing(existing) => Recorded::Differs(existing),
        })
    }

    /// Puts a refusal on record.
    pub async fn refuse(
        &self,
        message: &QueueMessage,
        key: Option<&OrderKey>,
        reason: Reason,
    ) -> Result<Option<Request>, StoreError> {
        tracing::warn!(
            message_id = message.message_id,
            sender_id = message.sender_id,
            code = reason.code,
            reason = reason.message,
            metric.orders_for_a_person = message.is_dead_letter.then_some(1),
            metric.forgeries_refused = is_forgery(&reason.code).then_some(1),
            "a message was refused"
        );
        let refusal = Refusal {
            message_id: message.message_id.clone(),
            sender_id: message.sender_id.clone(),
            group_id: message.group_id.clone(),
            reason,
            order_id: key.map(|key| key.order_id.to_string()),
            excerpt: message.body.chars().take(EXCERPT_CHARACTERS_MAX).collect(),
            at: self.clock.now(),
        };
        self.orders.record_refusal(&refusal).await?;
        Ok(None)
    }
}

fn dead_letter(done: &str) -> Reason {
    Reason::new(
        "dead_letter",
        format!(
            "The message could not be worked on for so long that it became a dead letter, and nobody knows how old it is, so nothing was {done}. If it is still wanted, send it again under a new id."
        ),
    )
}

fn other_group() -> Reason {
    Reason::new(
        "other_group",
        "The message was sent to another group than its user's: the MessageGroupId must be the user_id.",
    )
}

/// What is said of a second order under an id that is taken.
#[must_use]
pub fn differs(key: &OrderKey) -> Reason {
    Reason::new(
        "order_differs",
        format!(
            "Another order is on record under the id {}, and was left as it is. An id is one order's for ever: take a new one.",
            key.order_id
        ),
    )
}
