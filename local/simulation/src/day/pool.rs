//! A function's workers, and the line before them. Times are milliseconds.

use std::collections::VecDeque;

/// A wait that is longer than this is told.
const LONG: i64 = 60_000;

/// Workers, and who waits for one.
#[derive(Debug)]
pub(super) struct Pool<T> {
    free: u32,
    line: VecDeque<(i64, T)>,
    pub(super) longest_line: usize,
    pub(super) longest_wait: i64,
    /// When somebody first waited longer than a minute.
    pub(super) waited_at: i64,
}

impl<T> Pool<T> {
    /// So many workers, all of them free.
    pub(super) fn new(workers: u32) -> Self {
        Self { free: workers, line: VecDeque::new(), longest_line: 0, longest_wait: 0, waited_at: 0 }
    }

    /// How many jobs wait.
    pub(super) fn waiting(&self) -> u64 {
        u64::try_from(self.line.len()).expect("64 bits")
    }

    /// The job, if a worker is free for it now; else it waits.
    pub(super) fn take(&mut self, job: T, now: i64) -> Option<T> {
        if self.free > 0 {
            self.free -= 1;
            return Some(job);
        }
        self.line.push_back((now, job));
        self.longest_line = self.longest_line.max(self.line.len());
        None
    }

    /// A worker is free: the next job, unless it is older than what the queue keeps.
    pub(super) fn next(&mut self, now: i64, kept: i64) -> Option<T> {
        while let Some((since, job)) = self.line.pop_front() {
            if now - since <= kept {
                if self.waited_at == 0 && now - since > LONG {
                    self.waited_at = now;
                }
                self.longest_wait = self.longest_wait.max(now - since);
                return Some(job);
            }
        }
        self.free += 1;
        None
    }
}
