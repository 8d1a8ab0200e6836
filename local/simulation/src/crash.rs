//! Ends an invocation at an effect, as a crash, a time-out or a frozen machine would: from there on it does nothing more.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

tokio::task_local! {
    /// The invocation whose code is running.
    static INVOCATION: Arc<Notify>;
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

/// The crashes that are planned. Each happens once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crashes {
    planned: Arc<Mutex<Vec<CrashPoint>>>,
}

impl Crashes {
    pub(crate) fn plan(&self, point: CrashPoint) {
        self.planned.lock().unwrap().push(point);
    }

    pub(crate) fn planned(&self) -> Vec<CrashPoint> {
        self.planned.lock().unwrap().clone()
    }

    /// Whether a planned crash is here. If it is, this invocation is ended at its next await.
    pub(crate) fn strikes(&self, here: impl Fn(&CrashPoint) -> bool) -> bool {
        let mut planned = self.planned.lock().unwrap();
        let Some(index) = planned.iter().position(here) else { return false };
        // Only an invocation can crash, not the test's own look at the world.
        if INVOCATION.try_with(|invocation| invocation.notify_one()).is_err() {
            return false;
        }
        planned.remove(index);
        true
    }
}

/// Runs a handler until it ends or crashes; `None`: it crashed.
pub(crate) async fn run<T>(handler: impl Future<Output = T>) -> Option<T> {
    let struck = Arc::new(Notify::new());
    let handler = INVOCATION.scope(Arc::clone(&struck), handler);
    tokio::select! {
        biased;
        () = struck.notified() => None,
        outcome = handler => Some(outcome),
    }
}
