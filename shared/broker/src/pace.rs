//! The pace of a user's calls (IBKR Web API, pacing: documents say 10 or 50 requests a second for each username).
//!
//! Whoever holds a user's lock is the only one who sends orders for them, so the times of the last calls are kept in the
//! holder's memory, and handed on with the lock.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Clock;
use jiff::{SignedDuration, Timestamp};

use crate::turns::{Noted, Turn, Turns};

/// The broker counts in every second, wherever it begins.
const WINDOW: SignedDuration = SignedDuration::from_secs(1);

/// Tells each call when its turn is: at most so many in any second.
///
/// A call counts from its end, when the broker has certainly counted it: that is never earlier than the broker's own time.
#[derive(Debug)]
pub struct Pace {
    per_second: usize,
    clock: Arc<dyn Clock>,
    /// The calls of the last second, in time's order.
    calls: Mutex<VecDeque<Timestamp>>,
}

impl Pace {
    /// At most so many calls in any second, those `before` included, which others made.
    #[must_use]
    pub fn new(per_second: NonZeroU32, clock: Arc<dyn Clock>, before: &[Timestamp]) -> Self {
        let now = clock.now();
        // Another machine's clock may be ahead; nobody waits for that.
        let mut calls: Vec<Timestamp> = before.iter().map(|at| (*at).min(now)).collect();
        calls.sort();
        let per_second = usize::try_from(per_second.get()).unwrap_or(usize::MAX);
        Self { per_second, clock, calls: Mutex::new(calls.into()) }
    }

    /// When the calls of the last second ended.
    #[must_use]
    pub fn recent(&self) -> Vec<Timestamp> {
        let now = self.clock.now();
        let mut calls = self.calls();
        forget(&mut calls, now);
        calls.iter().copied().collect()
    }

    /// Takes a turn that is free now (`takes`), or just looks; else how long it is until there is one.
    fn try_now(&self, takes: bool) -> Result<(), Duration> {
        let now = self.clock.now();
        let mut calls = self.calls();
        forget(&mut calls, now);
        let oldest = calls.len().checked_sub(self.per_second).and_then(|index| calls.get(index).copied());
        let Some(oldest) = oldest else {
            if takes {
                calls.push_back(now);
            }
            return Ok(());
        };
        Err(Duration::try_from((oldest + WINDOW).duration_since(now)).unwrap_or_default())
    }

    async fn turn(&self, takes: bool) {
        while let Err(pause) = self.try_now(takes) {
            // A timer may fire within the millisecond before.
            tokio::time::sleep(pause + Duration::from_millis(1)).await;
        }
    }

    /// Nothing can be left half done under this lock, so one that a panic poisoned is as good.
    fn calls(&self) -> std::sync::MutexGuard<'_, VecDeque<Timestamp>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns for Pace {
    fn wait(&self) -> Turn<'_> {
        Box::pin(async {
            self.turn(false).await;
            Ok(())
        })
    }

    fn take(&self) -> Turn<'_> {
        Box::pin(async {
            self.turn(true).await;
            Ok(())
        })
    }

    fn ended(&self, _is_refused: bool) -> Noted<'_> {
        let now = self.clock.now();
        if let Some(last) = self.calls().back_mut() {
            *last = (*last).max(now);
        }
        Box::pin(std::future::ready(()))
    }
}

/// Drops what is out of every second that a call of now is in.
fn forget(calls: &mut VecDeque<Timestamp>, now: Timestamp) {
    while calls.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
        calls.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use domain::Clock;
    use jiff::{SignedDuration, Timestamp};
    use tokio::time::Instant;

    use super::Pace;
    use crate::turns::Turns;

    /// Goes with the test's virtual time.
    #[derive(Debug)]
    struct Virtual(Instant);

    impl Clock for Virtual {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap()
        }
    }

    fn pace(clock: &Arc<dyn Clock>, before: &[Timestamp]) -> Pace {
        Pace::new(10.try_into().unwrap(), Arc::clone(clock), before)
    }

    fn most_in_a_second(calls: &[Timestamp]) -> usize {
        let within = |from: &Timestamp| {
            calls.iter().filter(|at| **at >= *from && at.duration_since(*from) < SignedDuration::from_secs(1)).count()
        };
        calls.iter().map(within).max().unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_holds_more_calls_than_may_be_however_long_each_takes() {
        for milliseconds in [0, 20, 90, 300] {
            let clock: Arc<dyn Clock> = Arc::new(Virtual(Instant::now()));
            let pace = pace(&clock, &[]);
            let mut calls = Vec::new();
            for _ in 0..60 {
                pace.take().await.unwrap();
                // The broker counts the call at some time of its exchange.
                tokio::time::sleep(Duration::from_millis(milliseconds / 2)).await;
                calls.push(clock.now());
                tokio::time::sleep(Duration::from_millis(milliseconds / 2)).await;
                pace.ended(false).await;
            }
            assert!(most_in_a_second(&calls) <= 10, "{calls:?}");
            let seconds = calls[59].duration_since(calls[0]).as_secs_f64();
            assert!(seconds < 60.0 * 0.11 + f64::from(u32::try_from(milliseconds).unwrap()) * 0.06, "{seconds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_holder_called_a_moment_ago_counts_and_a_clock_that_is_ahead_makes_nobody_wait() {
        let clock: Arc<dyn Clock> = Arc::new(Virtual(Instant::now()));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let ago = |milliseconds| clock.now() - SignedDuration::from_millis(milliseconds);
        let before: Vec<Timestamp> = (0..9).map(|_| ago(400)).collect();
        let handed_on = pace(&clock, &before);
        let started = Instant::now();
        handed_on.take().await.unwrap();
        assert_eq!(started.elapsed().as_millis(), 0);
        assert_eq!(handed_on.recent().len(), 10);
        handed_on.take().await.unwrap();
        assert!((600..=602).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
        let ahead = pace(&clock, &[ago(-90_000); 10]);
        let started = Instant::now();
        ahead.take().await.unwrap();
        assert!(started.elapsed() <= Duration::from_millis(1_002));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_takes_no_turn() {
        let clock: Arc<dyn Clock> = Arc::new(Virtual(Instant::now()));
        let pace = pace(&clock, &[]);
        for _ in 0..9 {
            pace.take().await.unwrap();
        }
        let started = Instant::now();
        pace.wait().await.unwrap();
        pace.wait().await.unwrap();
        pace.take().await.unwrap();
        assert_eq!(started.elapsed().as_millis(), 0);
    }
}
