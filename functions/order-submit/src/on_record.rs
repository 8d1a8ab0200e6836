//! Nobody's orders go to the broker before everybody's are on record: an invocation that dies then has lost nothing.

use std::time::Duration;

use tokio::sync::watch;

/// How long one user waits for the others' messages to be on record. Longer, and the database is in trouble: then each goes on
/// by themselves.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The users of a batch whose messages are not on record yet.
pub(crate) struct AllOnRecord {
    left: watch::Sender<usize>,
}

/// One user's place among them. It is given up with its drop: whose work panics holds up nobody.
pub(crate) struct Turn<'a> {
    all: &'a AllOnRecord,
}

impl AllOnRecord {
    pub(crate) fn of(users: usize) -> Self {
        Self { left: watch::Sender::new(users) }
    }

    pub(crate) fn turn(&self) -> Turn<'_> {
        Turn { all: self }
    }
}

impl Turn<'_> {
    /// Says that this user's messages are on record, or cannot be now, and waits for the others'.
    pub(crate) async fn wait_for_the_others(self) {
        let mut left = self.all.left.subscribe();
        drop(self);
        if tokio::time::timeout(WAIT_MAX, left.wait_for(|left| *left == 0)).await.is_err() {
            tracing::warn!("another user's messages are not on record yet; this one's are worked on");
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.left.send_modify(|left| *left = left.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{AllOnRecord, WAIT_MAX};

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_all_and_nobody_for_one_that_is_gone() {
        let all = AllOnRecord::of(3);
        let (first, second, gone) = (all.turn(), all.turn(), all.turn());
        drop(gone);
        let begun = Instant::now();
        tokio::join!(first.wait_for_the_others(), second.wait_for_the_others());
        assert!(begun.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let all = AllOnRecord::of(2);
        let (first, _slow) = (all.turn(), all.turn());
        let begun = Instant::now();
        first.wait_for_the_others().await;
        assert_eq!(begun.elapsed(), WAIT_MAX);
    }
}
