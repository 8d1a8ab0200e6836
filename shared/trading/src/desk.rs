//! What the use cases of an order need, made once, in `main`.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::{Calendar, Tokens};
use broker::Api;
use domain::{Clock, PrincipalId};
use store::{Connections, Lanes, Orders, Rules, SessionQueue, TrackQueue};

use crate::known_connections::KnownConnections;
use crate::known_contracts::KnownContracts;
use crate::questions::QuestionPolicy;

/// The intake: what puts orders, cancels and refusals on record. It cannot talk to the broker.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The ledger.
    pub orders: Orders,
    /// Who may trade.
    pub rules: Rules,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The desk: what takes recorded orders to the broker, under their user's lane.
#[derive(Debug, Clone)]
pub struct Desk {
    /// What is on record.
    pub intake: Intake,
    /// The users' connections.
    pub connections: Connections,
    /// One holder at a time for each user.
    pub lanes: Lanes,
    /// Who may wake it: the roles of Courier's own functions.
    pub own_senders: BTreeSet<PrincipalId>,
    /// Where sessions are asked for.
    pub session_queue: SessionQueue,
    /// Where looks at the broker are asked for.
    pub track_queue: TrackQueue,
    /// What opens tokens.
    pub tokens: Tokens,
    /// The broker.
    pub api: Api,
    /// What is answered to the broker's questions.
    pub questions: QuestionPolicy,
    /// Contracts that were looked up before.
    pub contracts: KnownContracts,
    /// Which connections carried orders before.
    pub known_connections: KnownConnections,
    /// When nothing is sent.
    pub calendar: Calendar,
    /// Whether a market order that never arrived may be sent once more, at whatever the price is then.
    pub market_orders_again: bool,
}
