//! A request to end what the broker has: asked for by somebody, sent to the broker as often as it takes.
//!
//! "Request was submitted" is not cancelled (IBKR Web API, cancel), so a request is sent again while a look still shows what
//! it was to end: with growing pauses, and after some tries a person is told.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The first pause before a request is sent again.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);
/// The longest pause.
const AGAIN_AFTER_MAX: SignedDuration = SignedDuration::from_mins(5);
/// After so many requests without effect a person is told.
pub const CANCELS_WITHOUT_EFFECT_MAX: u32 = 5;

/// A request to end what the broker has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelRequest {
    /// When it was first asked for.
    pub asked_at: Timestamp,
    /// How often the broker was asked since somebody last asked for it.
    pub sends: u32,
    /// When the broker was last asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_at: Option<Timestamp>,
    /// Whether the broker's last word was that it has no such order open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_found: bool,
}

impl CancelRequest {
    fn new(asked_at: Timestamp) -> Self {
        Self { asked_at, sends: 0, last_sent_at: None, not_found: false }
    }

    /// Somebody asks for the end; asked for again, the broker is asked again at once.
    pub(crate) fn ask(request: &mut Option<Self>, now: Timestamp) {
        let request = request.get_or_insert_with(|| Self::new(now));
        request.sends = 0;
    }

    /// The broker was asked; `found`: it did not answer that it has no such order.
    pub(crate) fn sent(request: &mut Option<Self>, found: bool, now: Timestamp) {
        let request = request.get_or_insert_with(|| Self::new(now));
        request.sends = request.sends.saturating_add(1);
        request.last_sent_at = Some(now);
        request.not_found = !found;
    }

    /// Whether it is time to ask the broker, again or for the first time.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let doubled = AGAIN_AFTER.saturating_mul(1 << self.sends.saturating_sub(1).min(8));
        self.sends == 0 || self.last_sent_at.is_none_or(|sent| now >= sent + doubled.min(AGAIN_AFTER_MAX))
    }
}
