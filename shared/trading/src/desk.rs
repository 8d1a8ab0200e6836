//! The desk: what every use case of an order needs.

use std::sync::Arc;

use access::Tokens;
use broker::Api;
use domain::Clock;
use store::{Connections, Lanes, Orders, Rules, SessionQueue, TrackQueue};

use crate::questions::QuestionPolicy;

/// What every use case of an order needs. Made once, in `main`.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The ledger.
    pub orders: Orders,
    /// The users' connections.
    pub connections: Connections,
    /// Who may trade.
    pub rules: Rules,
    /// One holder at a time for each user.
    pub lanes: Lanes,
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
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}
