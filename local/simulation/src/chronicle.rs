//! What happened in a world, for those who read about it afterwards.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::clock::VirtualClock;

/// Lines of a trace that are kept; a world has some thousands.
const LINES_MAX: usize = 200_000;

/// Counts faults, and keeps a trace if it is asked to. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Chronicle {
    clock: VirtualClock,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    faults: BTreeMap<String, u64>,
    trace: Option<Vec<String>>,
}

impl Chronicle {
    pub(crate) fn new(clock: VirtualClock) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// Keeps a trace from now on.
    pub(crate) fn keep_trace(&self) {
        self.inner.lock().unwrap().trace = Some(Vec::new());
    }

    /// Writes a line, if a trace is kept.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let mut inner = self.inner.lock().unwrap();
        if let Some(trace) = inner.trace.as_mut().filter(|trace| trace.len() < LINES_MAX) {
            trace.push(format!("{} {}", self.clock.glance().strftime("%H:%M:%S%.3f"), line()));
        }
    }

    /// The time, by a look that does not count.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.glance()
    }

    pub(crate) fn count_fault(&self, name: &str) {
        *self.inner.lock().unwrap().faults.entry(name.to_owned()).or_default() += 1;
    }

    pub(crate) fn faults(&self) -> BTreeMap<String, u64> {
        self.inner.lock().unwrap().faults.clone()
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        self.inner.lock().unwrap().trace.clone().unwrap_or_default()
    }
}
