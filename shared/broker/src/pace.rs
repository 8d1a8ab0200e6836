//! The pace of a session's calls (IBKR Web API, pacing: documents say 10 or 50 requests a second for each username).
//!
//! Whoever holds a user's lane is the only one who calls for them, so the pace is kept in the holder's memory.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// Calls that may follow each other at once after a rest: a holder is not the first one of this second.
const BURST: u32 = 3;

/// Tells each call when its turn is.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    /// When the next turn is, if nobody had rested.
    next: Mutex<Instant>,
}

impl Pace {
    /// At most so many calls in a second.
    pub(crate) fn new(per_second: NonZeroU32) -> Self {
        let interval = Duration::from_secs(1) / per_second.get();
        Self { interval, next: Mutex::new(Instant::now()) }
    }

    /// Waits until a call may be made, without making it.
    pub(crate) async fn wait(&self) {
        let at = *self.next();
        tokio::time::sleep_until(at).await;
    }

    /// Waits for the turn, and takes it.
    pub(crate) async fn take_turn(&self) {
        let turn = {
            let mut next = self.next();
            let rested = Instant::now().checked_sub(self.interval * (BURST - 1));
            let turn = rested.map_or(*next, |rested| rested.max(*next));
            *next = turn + self.interval;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }

    /// Nothing can be left half done under this lock, so one that a panic poisoned is as good.
    fn next(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.next.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::Instant;

    use super::{BURST, Pace};

    #[tokio::test(start_paused = true)]
    async fn calls_keep_to_the_pace_after_a_short_burst() {
        let pace = Pace::new(NonZeroU32::new(10).unwrap());
        let started = Instant::now();
        for _ in 0..30 {
            pace.take_turn().await;
        }
        let tenths = started.elapsed().as_millis() / 100;
        assert!((27..=30).contains(&tenths), "{tenths}");
        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        let rested = Instant::now();
        for _ in 0..BURST {
            pace.take_turn().await;
        }
        assert_eq!(rested.elapsed().as_millis(), 0, "after a rest a few follow at once");
        pace.take_turn().await;
        assert_eq!(rested.elapsed().as_millis(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_takes_no_turn() {
        let pace = Pace::new(NonZeroU32::new(10).unwrap());
        for _ in 0..BURST {
            pace.take_turn().await;
        }
        let started = Instant::now();
        pace.wait().await;
        pace.take_turn().await;
        assert!(started.elapsed().as_millis() <= 100);
    }
}
