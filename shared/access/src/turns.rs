//! Whose turn it is to call the broker: one pace for each user over every function, and one penalty box for all.
//!
//! Four fifths of a user's calls are for whoever holds the user's lock, who hands the times of the last ones on with it. A
//! fifth is for those who do not hold it: they claim each call in a row of the user. So an order never waits for a reader, and
//! no second holds more calls than the broker allows, whoever makes them.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker::{NoTurn, Noted, Pace, Turn, Turns};
use domain::{Clock, UserId};
use jiff::{SignedDuration, Timestamp};
use store::{CallClaim, Lanes, StoreError};

/// How long the broker refuses an address that asked too much (IBKR Web API, pacing).
pub const PENALTY: SignedDuration = SignedDuration::from_mins(10);
/// Of so many calls one is for readers.
const ONE_FOR_READERS_OF: u32 = 5;
/// Readers' calls are this much further apart than they would have to be: one that is late may come close to the next.
const READERS_MARGIN: SignedDuration = SignedDuration::from_millis(100);
/// A call that is this late has missed its turn.
const TURN_MISSED_AFTER: SignedDuration = SignedDuration::from_millis(100);
/// How long a reader waits for its turn.
const READERS_WAIT_MAX: SignedDuration = SignedDuration::from_secs(2);
/// A reading of the penalty box that is older than this is taken again before the next call.
const BOX_READ_FOR: SignedDuration = SignedDuration::from_secs(5);

/// The penalty box of our address, which every caller reads before a call and writes after a 429.
#[derive(Debug, Clone)]
pub struct PenaltyBox {
    lanes: Lanes,
    clock: Arc<dyn Clock>,
}

impl PenaltyBox {
    /// The box that stands in this table.
    #[must_use]
    pub fn new(lanes: Lanes, clock: Arc<dyn Clock>) -> Self {
        Self { lanes, clock }
    }

    /// Until when the broker refuses our address, if it does now.
    pub async fn until(&self) -> Result<Option<Timestamp>, StoreError> {
        let now = self.clock.now();
        Ok(self.lanes.penalty_until().await?.filter(|until| *until > now))
    }

    /// Takes in that the broker refused our address just now. Returns until when nothing may be sent.
    pub async fn shut(&self) -> Timestamp {
        let until = self.clock.now() + PENALTY;
        tracing::error!(%until, metric.penalty_boxes = 1, "the broker refuses our address after too many requests");
        if let Err(error) = self.lanes.set_penalty(until).await {
            tracing::error!(%error, "the penalty box was not written; others may go on asking");
        }
        until
    }
}

/// The turns of whoever holds a user's lock.
#[derive(Debug)]
pub struct HolderTurns {
    pace: Option<Pace>,
    penalty_box: PenaltyBox,
    boxed: Mutex<Boxed>,
}

/// What a holder knows of the box.
#[derive(Debug, Clone, Copy)]
struct Boxed {
    until: Option<Timestamp>,
    read_at: Timestamp,
}

impl HolderTurns {
    /// Of a user for whom at most so many calls may be made in a second by all functions; `before`: when the calls of the
    /// holder before ended. Whoever takes the lock has read the box.
    #[must_use]
    pub fn new(calls_per_second_max: Option<NonZeroU32>, penalty_box: PenaltyBox, before: &[Timestamp]) -> Self {
        let share = calls_per_second_max.map(|most| NonZeroU32::new(most.get() - of_readers(most)).unwrap_or(most));
        let pace = share.map(|share| Pace::new(share, Arc::clone(&penalty_box.clock), before));
        let boxed = Mutex::new(Boxed { until: None, read_at: penalty_box.clock.now() });
        Self { pace, penalty_box, boxed }
    }

    /// When the calls of the last second ended, for the next holder.
    #[must_use]
    pub fn recent(&self) -> Vec<Timestamp> {
        self.pace.as_ref().map(Pace::recent).unwrap_or_default()
    }

    /// Another user's call may have shut the box since it was read.
    async fn look_into_the_box(&self) -> Result<(), NoTurn> {
        let now = self.penalty_box.clock.now();
        let mut boxed = *self.boxed();
        if now.duration_since(boxed.read_at) > BOX_READ_FOR {
            // A box that cannot be read stops no order: its own call would tell.
            if let Ok(until) = self.penalty_box.until().await {
                boxed = Boxed { until, read_at: now };
                *self.boxed() = boxed;
            }
        }
        boxed.until.filter(|until| *until > now).map_or(Ok(()), |until| Err(refused(until, now)))
    }

    fn boxed(&self) -> std::sync::MutexGuard<'_, Boxed> {
        self.boxed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns for HolderTurns {
    fn wait(&self) -> Turn<'_> {
        Box::pin(async {
            self.look_into_the_box().await?;
            match &self.pace {
                Some(pace) => pace.wait().await,
                None => Ok(()),
            }
        })
    }

    fn take(&self) -> Turn<'_> {
        Box::pin(async {
            self.look_into_the_box().await?;
            match &self.pace {
                Some(pace) => pace.take().await,
                None => Ok(()),
            }
        })
    }

    fn ended(&self, is_refused: bool) -> Noted<'_> {
        Box::pin(async move {
            if let Some(pace) = &self.pace {
                pace.ended(is_refused).await;
            }
            if is_refused {
                let until = self.penalty_box.shut().await;
                *self.boxed() = Boxed { until: Some(until), read_at: self.penalty_box.clock.now() };
            }
        })
    }
}

/// What gives turns to those who do not hold their user's lock.
#[derive(Debug, Clone)]
pub struct Readers {
    calls_per_second_max: Option<NonZeroU32>,
    penalty_box: PenaltyBox,
}

/// The turns of a user's readers.
#[derive(Debug)]
struct ReaderTurns {
    readers: Readers,
    user_id: UserId,
}

impl Readers {
    /// For users for each of whom at most so many calls may be made in a second by all functions.
    #[must_use]
    pub fn new(calls_per_second_max: Option<NonZeroU32>, penalty_box: PenaltyBox) -> Self {
        Self { calls_per_second_max, penalty_box }
    }

    /// The turns of this user.
    #[must_use]
    pub fn of(&self, user_id: &UserId) -> Arc<dyn Turns> {
        Arc::new(ReaderTurns { readers: self.clone(), user_id: user_id.clone() })
    }

    /// The penalty box.
    #[must_use]
    pub fn penalty_box(&self) -> &PenaltyBox {
        &self.penalty_box
    }
}

impl ReaderTurns {
    async fn claim(&self) -> Result<(), NoTurn> {
        let Readers { calls_per_second_max, penalty_box } = &self.readers;
        let failed = |error: StoreError| NoTurn {
            why: format!("no turn could be claimed: {error}"),
            retry_after: Duration::from_secs(1),
        };
        loop {
            let now = penalty_box.clock.now();
            if let Some(until) = penalty_box.until().await.map_err(failed)? {
                return Err(refused(until, now));
            }
            let Some(most) = calls_per_second_max else { return Ok(()) };
            let Some(interval) = interval_of_readers(*most) else {
                let why = "one call in a second leaves none for reading (BrokerCallsPerSecond)".to_owned();
                return Err(NoTurn { why, retry_after: Duration::from_mins(1) });
            };
            let claim = penalty_box.lanes.claim_call(&self.user_id, now, interval, READERS_WAIT_MAX).await;
            let at = match claim.map_err(failed)? {
                CallClaim::At(at) => at,
                CallClaim::NotBefore(at) => {
                    let why = "too many questions were asked for this user at once".to_owned();
                    return Err(NoTurn { why, retry_after: pause(at, now).max(Duration::from_secs(1)) });
                }
            };
            tokio::time::sleep(pause(at, penalty_box.clock.now())).await;
            if penalty_box.clock.now().duration_since(at) < TURN_MISSED_AFTER {
                return Ok(());
            }
        }
    }
}

impl Turns for ReaderTurns {
    fn wait(&self) -> Turn<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn take(&self) -> Turn<'_> {
        Box::pin(self.claim())
    }

    fn ended(&self, is_refused: bool) -> Noted<'_> {
        Box::pin(async move {
            if is_refused {
                self.readers.penalty_box.shut().await;
            }
        })
    }
}

/// How many of so many calls are for readers. Of one call none is.
fn of_readers(calls_per_second_max: NonZeroU32) -> u32 {
    let most = calls_per_second_max.get();
    (most / ONE_FOR_READERS_OF).max(1).min(most - 1)
}

fn interval_of_readers(calls_per_second_max: NonZeroU32) -> Option<SignedDuration> {
    let share = i32::try_from(of_readers(calls_per_second_max)).ok().filter(|share| *share > 0)?;
    Some(SignedDuration::from_secs(1) / share + READERS_MARGIN)
}

fn refused(until: Timestamp, now: Timestamp) -> NoTurn {
    NoTurn { why: format!("the broker refuses our address until {until}"), retry_after: pause(until, now) }
}

fn pause(until: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now)).unwrap_or_default()
}
