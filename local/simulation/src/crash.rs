//! Ends an invocation at an effect, as a crash, a time-out or a frozen machine would: from there on it does nothing more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

tokio::task_local! {
    /// The invocation whose code is running.
    static INVOCATION: Arc<Invocation>;
}

/// Where the next invocation that comes by ends. `with` is a part of the call's path, or of the write's JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrashPoint {
    /// Before a call reaches the broker.
    BeforeCall {
        /// A part of `METHOD /path`.
        with: &'static str,
    },
    /// After the broker carried a call out, and before its answer is read.
    AfterCall {
        /// A part of `METHOD /path`.
        with: &'static str,
    },
    /// Before a call reaches the database.
    BeforeWrite {
        /// A part of `Operation {json}`.
        with: &'static str,
    },
    /// After the database carried a call out, and before its answer is read.
    AfterWrite {
        /// A part of `Operation {json}`.
        with: &'static str,
    },
}

/// One run of a function.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// For people who read a trace.
    pub(crate) name: String,
    crashed: Notify,
    frozen_milliseconds: AtomicU64,
    /// Whether a call of it to a queue went wrong.
    pub(crate) queue_failed: AtomicBool,
    /// Whether it was ended, or its machine stood still.
    pub(crate) killed: AtomicBool,
}

impl Invocation {
    pub(crate) fn new(name: String) -> Arc<Self> {
        Arc::new(Self {
            name,
            crashed: Notify::new(),
            frozen_milliseconds: AtomicU64::new(0),
            queue_failed: AtomicBool::new(false),
            killed: AtomicBool::new(false),
        })
    }

    /// The one whose code is running; `None`: it is not a function's code that runs.
    pub(crate) fn running() -> Option<Arc<Self>> {
        INVOCATION.try_with(Arc::clone).ok()
    }

    /// It does nothing more from its next await on.
    pub(crate) fn crash(&self) {
        self.crashed.notify_one();
    }

    /// Its machine stands still for so long. Who ends invocations that take too long cannot end this one meanwhile.
    pub(crate) fn freeze(&self, time: Duration) {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.frozen_milliseconds.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Runs a handler until it ends, crashes, or takes longer than `limit`; `None`: it crashed, or took too long.
    pub(crate) async fn run<T>(self: &Arc<Self>, handler: impl Future<Output = T>, limit: Duration) -> Option<T> {
        let handler = INVOCATION.scope(Arc::clone(self), handler);
        tokio::select! {
            biased;
            () = self.crashed.notified() => None,
            outcome = handler => Some(outcome),
            () = self.out_of_time(limit) => None,
        }
    }

    async fn out_of_time(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        loop {
            match self.frozen_milliseconds.swap(0, Ordering::SeqCst) {
                0 => return,
                frozen => tokio::time::sleep(Duration::from_millis(frozen)).await,
            }
        }
    }
}
