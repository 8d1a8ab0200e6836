//! Receive: a message becomes an order on record, or a recorded refusal. Nothing else can become of it.

use domain::message::{MESSAGE_BYTES_MAX, summary};
use domain::{
    CancelOrder, Command, Malformed, ModifyOrder, Order, OrderKey, PlaceOrder, PrincipalId, QueuePlace, Reason,
    ReasonCode, UserId,
};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use store::{Inserted, StoreError, Wake};

use crate::authority::{Asked, Sender};
use crate::desk::{Desk, Intake};
use crate::intake::dead_letter;
use crate::readings::Readings;
use crate::stop::Stop;

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
    /// When it was sent, by the queue's clock; `None` where the queue did not say it.
    pub sent_at: Option<Timestamp>,
    /// How often the queue handed it out, this time included.
    pub deliveries: u32,
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

    /// What authority it needs; `None`: none.
    fn asked_by<'a>(&'a self, sender: &'a Sender) -> Option<Asked<'a>> {
        let (algorithm_id, needs_grant, account_id) = match self {
            Self::Place(place) => (&place.algorithm_id, true, Some(&place.account_id)),
            Self::Modify(modify) => (&modify.algorithm_id, true, None),
            // An algorithm may end its own orders whatever became of its grant.
            Self::Cancel(cancel) => (&cancel.algorithm_id, false, None),
            Self::Wake(_) => return None,
        };
        Some(Asked { sender, user_id: self.user_id(), algorithm_id, needs_grant, account_id })
    }
}

impl Desk {
    /// Reads a message of the queue. `None`: it was refused, and the refusal is on record.
    pub async fn read_message(
        &self,
        message: &QueueMessage,
        readings: &mut Readings,
    ) -> Result<Option<Request>, StoreError> {
        let intake = &self.intake;
        // What is longer than any message is nobody's wake, and is not read.
        if message.body.len() <= MESSAGE_BYTES_MAX
            && let Ok(wake) = Wake::parse(&message.body)
        {
            return self.read_wake(message, wake).await;
        }
        let sender = match PrincipalId::from_sender_id(&message.sender_id) {
            Ok(principal) => Sender::Principal(principal),
            Err(error) => {
                let reason =
                    Reason::new(ReasonCode::NoSender, format!("The queue did not say who sent the message: {error}."));
                return intake.refuse(message, None, reason).await;
            }
        };
        match Command::parse(&message.body) {
            Ok(command) => self.read_command(message, &sender, command, readings).await,
            Err(malformed) => self.read_malformed(message, &sender, malformed, readings).await,
        }
    }

    /// A wake takes further what is on record already. Whoever forged one could place nothing, and yet keep a user's lane
    /// and the broker busy: so only Courier's own functions may wake.
    async fn read_wake(&self, message: &QueueMessage, wake: Wake) -> Result<Option<Request>, StoreError> {
        let sender = PrincipalId::from_sender_id(&message.sender_id).ok();
        let refused = if wake.user_id.as_str() != message.group_id {
            other_group()
        } else if sender.is_some_and(|sender| self.own_senders.contains(&sender)) {
            return Ok(Some(Request::Wake(wake)));
        } else {
            Reason::new(
                ReasonCode::WakeOfAStranger,
                "Only Courier's own functions wake a user's orders. To have an order taken further nothing needs to be sent.",
            )
        };
        self.intake.refuse(message, None, refused).await
    }

    async fn read_command(
        &self,
        message: &QueueMessage,
        sender: &Sender,
        command: Command,
        readings: &mut Readings,
    ) -> Result<Option<Request>, StoreError> {
        let key = command.key().clone();
        if key.user_id.as_str() != message.group_id {
            return self.intake.refuse(message, Some(&key), other_group()).await;
        }
        let request = match command {
            Command::Place(place) => Request::Place(place),
            Command::Modify(_) if message.is_dead_letter => {
                return self.intake.refuse(message, Some(&key), dead_letter("changed")).await;
            }
            Command::Modify(modify) => Request::Modify(modify),
            Command::Cancel(cancel) => Request::Cancel(cancel),
        };
        let permitted = match request.asked_by(sender) {
            Some(asked) => asked.permitted(self, readings).await,
            None => Ok(()),
        };
        match permitted {
            Ok(()) => Ok(Some(request)),
            Err(stop) => self.intake.refuse(message, Some(&key), stop.reason()?).await,
        }
    }

    /// A new order that cannot be read becomes a denied order where its sender may speak for the user, so that the user and the
    /// sender see it. Anything else becomes a refusal, apart from every user's orders: a change or a cancel names an order that
    /// it does not make, and takes no id.
    async fn read_malformed(
        &self,
        message: &QueueMessage,
        sender: &Sender,
        malformed: Malformed,
        readings: &mut Readings,
    ) -> Result<Option<Request>, StoreError> {
        let intake = &self.intake;
        let reason = Reason::new(
            ReasonCode::Malformed,
            format!("The message was refused and nothing was sent: {}.", summary(&malformed.faults)),
        );
        let identity = &malformed.identity;
        let (Some(user_id), Some(order_id), Some(algorithm_id)) =
            (&identity.user_id, &identity.order_id, &identity.algorithm_id)
        else {
            return intake.refuse(message, None, reason).await;
        };
        let key = OrderKey { user_id: user_id.clone(), order_id: order_id.clone() };
        if user_id.as_str() != message.group_id {
            return intake.refuse(message, Some(&key), other_group()).await;
        }
        let asked = Asked { sender, user_id, algorithm_id, needs_grant: true, account_id: None };
        if let Err(stop) = asked.permitted(self, readings).await {
            return intake.refuse(message, Some(&key), stop.reason()?).await;
        }
        if !malformed.is_place {
            return intake.refuse(message, Some(&key), reason).await;
        }
        let fingerprint = format!("unreadable {}", hex::encode(Sha256::digest(&message.body)));
        let order = Order::receive_unreadable(
            key.clone(),
            algorithm_id.clone(),
            &malformed.faults,
            fingerprint,
            intake.clock.now(),
        );
        match intake.orders.insert(&order).await? {
            Inserted::New(order) => {
                tracing::warn!(%key, reason = reason.message, "a message that cannot be read was recorded as a denied order");
                debug_assert!(order.value.status().is_final());
                Ok(None)
            }
            Inserted::Existing(existing) if existing.value.fingerprint == order.fingerprint => Ok(None),
            Inserted::Existing(_) => intake.refuse(message, Some(&key), reason).await,
        }
    }
}

impl Intake {
    /// Whether this sender may ask for this; denied with the reason where they may not.
    pub async fn permit(&self, sender: &Sender, request: &Request) -> Result<(), Stop> {
        match request.asked_by(sender) {
            Some(asked) => asked.permitted_by(&self.rules).await,
            None => Ok(()),
        }
    }

    /// A redelivered message whose order ended: nothing is left to be done. One call, and no authority is needed for
    /// nothing.
    pub async fn is_done_with(&self, message: &QueueMessage) -> Result<bool, StoreError> {
        let Ok(Command::Place(place)) = Command::parse(&message.body) else { return Ok(false) };
        if place.key.user_id.as_str() != message.group_id {
            return Ok(false);
        }
        let fingerprint = Order::receive(place.clone(), self.clock.now()).fingerprint;
        let existing = self.orders.get(&place.key).await?;
        Ok(existing.is_some_and(|order| order.value.fingerprint == fingerprint && order.value.status().is_final()))
    }
}

fn other_group() -> Reason {
    Reason::new(
        ReasonCode::OtherGroup,
        "The message was sent to another group than its user's: the MessageGroupId must be the user_id.",
    )
}
