//! The users of a batch wait for each other, and never for long.

use std::time::Duration;

use tokio::sync::watch;

/// The users of a batch who are not that far yet.
#[derive(Debug)]
pub struct Together {
    left: watch::Sender<usize>,
}

/// One user's place among them. It is given up with its drop: whose work panics holds up nobody.
#[derive(Debug)]
pub struct Turn<'a> {
    all: &'a Together,
}

impl Together {
    /// So many users.
    #[must_use]
    pub fn of(users: usize) -> Self {
        Self { left: watch::Sender::new(users) }
    }

    /// One user's place among them.
    #[must_use]
    pub fn turn(&self) -> Turn<'_> {
        Turn { all: self }
    }
}

impl Turn<'_> {
    /// Says that this user is that far, and waits for the others; false: somebody is not, after so long.
    pub async fn wait_for_the_others(self, longest: Duration) -> bool {
        let mut left = self.all.left.subscribe();
        drop(self);
        tokio::time::timeout(longest, left.wait_for(|left| *left == 0)).await.is_ok()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.all.left.send_modify(|left| *left = left.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Together;

    const LONGEST: Duration = Duration::from_secs(2);

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_all_and_nobody_for_one_that_is_gone() {
        let all = Together::of(3);
        let (first, second, gone) = (all.turn(), all.turn(), all.turn());
        drop(gone);
        let begun = Instant::now();
        let met = tokio::join!(first.wait_for_the_others(LONGEST), second.wait_for_the_others(LONGEST));
        assert_eq!(met, (true, true));
        assert!(begun.elapsed().is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let all = Together::of(2);
        let (first, _slow) = (all.turn(), all.turn());
        let begun = Instant::now();
        assert!(!first.wait_for_the_others(LONGEST).await);
        assert_eq!(begun.elapsed(), LONGEST);
    }
}
