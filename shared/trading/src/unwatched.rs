//! Orders that the broker may have and that nobody can look at: their user is told, and the tries grow rare.

use domain::{Order, Reason, ReasonCode};
use jiff::{SignedDuration, Timestamp};
use store::{StoreError, Versioned};

use crate::lane::Lane;

/// Why a look is tried again, which decides how soon.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TriedAgain {
    /// There is no session. Once there is one, its renewal wakes the user's orders, so the pauses double.
    WithoutSession,
    /// There is one, and the broker does not answer. Nobody tells when it does again, and what it filled waits to be told.
    AfterFailure,
}

impl TriedAgain {
    /// The pause after so long a time in which nobody could look. What its user does not have to mend ends by itself, and
    /// nobody tells when.
    fn pause(self, unwatched_for: SignedDuration, why: &Reason) -> SignedDuration {
        let for_the_user = [
            ReasonCode::NoConnection,
            ReasonCode::AccountNotConnected,
            ReasonCode::Competing,
            ReasonCode::SessionPaused,
        ];
        let most = if for_the_user.contains(&why.code) { SignedDuration::from_mins(15) } else { SCHEDULE_PAUSE };
        match self {
            Self::WithoutSession => unwatched_for.clamp(SignedDuration::from_secs(10), most),
            Self::AfterFailure => (unwatched_for / 20).clamp(SignedDuration::from_secs(5), SCHEDULE_PAUSE),
        }
    }
}

/// What must be left of an invocation to write one more row.
const WRITE_TIME: SignedDuration = SignedDuration::from_secs(1);
/// How often the schedule looks for what is due.
const SCHEDULE_PAUSE: SignedDuration = SignedDuration::from_secs(60);

impl Lane<'_> {
    /// Takes in that these orders of one account cannot be looked at. Those that are due are tried again after a pause that
    /// grows, and say to their user that nobody watches them.
    pub(crate) async fn leave_unwatched(
        &mut self,
        open: &mut [Versioned<Order>],
        why: &Reason,
        tried_again: TriedAgain,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let since = open.iter().filter_map(|order| Some(order.value.unwatched.as_ref()?.since)).min().unwrap_or(now);
        let pause = tried_again.pause(now.duration_since(since), why);
        for order in open.iter_mut() {
            if order.value.next_check_at.is_none_or(|at| at > now) {
                continue;
            }
            if !self.has_time(WRITE_TIME) {
                break;
            }
            order.value.turn_unwatched(unwatched(since, why), now);
            order.value.check_again_at(now + pause.max(SCHEDULE_PAUSE));
            match self.save_order(order).await {
                Err(StoreError::Conflict { .. }) => self.read_again(order).await?,
                saved => saved?,
            }
        }
        // A shorter pause than the schedule's needs a message of its own, and no write of any order.
        if pause < SCHEDULE_PAUSE {
            self.track_in(u32::try_from(pause.as_secs()).unwrap_or_default());
        }
        Ok(())
    }

    /// The session is there: what nobody could look at is looked at now.
    pub(crate) async fn watch_again(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        for mut order in self.open_orders().await? {
            if order.value.unwatched.is_none() {
                continue;
            }
            self.track_in(0);
            if order.value.next_check_at.is_none_or(|at| at > now) && self.has_time(WRITE_TIME) {
                order.value.check_again_at(now);
                match self.save_order(&mut order).await {
                    Ok(()) | Err(StoreError::Conflict { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// That a look was tried, and nothing was shown.
pub(crate) fn not_shown() -> Reason {
    Reason::new(ReasonCode::BrokerUnreachable, "The broker does not show the account's orders.")
}

fn unwatched(since: Timestamp, why: &Reason) -> Reason {
    let because = match why.code {
        ReasonCode::NoConnection => {
            "the user is not connected to the broker. The user connects again (POST /connections)"
        }
        ReasonCode::AccountNotConnected => {
            "none of the user's connections reaches its account. The user connects the username that does"
        }
        ReasonCode::Competing => {
            "the user's username at the broker is logged in somewhere else. The user logs out there"
        }
        ReasonCode::SessionPaused => "the broker's session was opened often today, and the next one waits",
        ReasonCode::Pacing => "the broker refuses this platform's address for some minutes",
        ReasonCode::BrokerUnreachable => "the broker does not answer",
        _ => "there is no session with the broker",
    };
    let message = format!(
        "Nobody watches this order since {since}: {because}. The broker may have it and fill it; what became of it is told once it can be looked at again."
    );
    Reason::new(ReasonCode::Unwatched, message)
}
