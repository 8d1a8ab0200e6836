//! A clock that follows tokio's, which a test can pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Where simulated time begins: a Tuesday in New York's morning.
const BEGINNING: &str = "2026-11-24T15:00:00Z";

/// Follows tokio's time. Clones share how far it is off.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    started: Instant,
    beginning: Timestamp,
    ahead_seconds: Arc<AtomicI64>,
    /// How often it was looked at: no two looks at a real clock show the same time, and the order of orders hangs on it.
    looks: Arc<AtomicI64>,
}

impl VirtualClock {
    /// A clock that is right, and begins now.
    #[must_use]
    pub fn start() -> Self {
        let beginning = BEGINNING.parse().expect("the beginning is a time");
        Self { started: Instant::now(), beginning, ahead_seconds: Arc::default(), looks: Arc::default() }
    }

    /// Another clock of the same time, that can be put wrong by itself.
    #[must_use]
    pub fn second(&self) -> Self {
        Self { ahead_seconds: Arc::default(), ..self.clone() }
    }

    /// Puts it ahead of the right time; behind with a negative number.
    pub fn put_ahead(&self, seconds: i64) {
        self.ahead_seconds.store(seconds, Ordering::SeqCst);
    }
}

impl VirtualClock {
    /// The time, by a look that does not count: who only writes down what happens must not change what does.
    pub(crate) fn glance(&self) -> Timestamp {
        self.after(self.looks.load(Ordering::SeqCst))
    }

    fn after(&self, looks: i64) -> Timestamp {
        let passed = SignedDuration::try_from(self.started.elapsed()).expect("a test ends within centuries");
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::SeqCst));
        self.beginning + passed + SignedDuration::from_nanos(looks) + ahead
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.after(self.looks.fetch_add(1, Ordering::SeqCst))
    }
}
