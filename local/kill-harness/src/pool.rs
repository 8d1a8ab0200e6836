//! The processes of one function: an event goes to a warm one, or to a new one.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::error::HarnessError;
use crate::fate::{Fate, Fates};
use crate::function::Function;
use crate::process::{Launch, Outcome, Process};
use crate::tally::Tally;

/// Warm processes, and the means to start more.
#[derive(Debug)]
pub(crate) struct Pool {
    launch: Launch,
    fates: Arc<Fates>,
    tally: Arc<Tally>,
    warm: Mutex<Vec<Process>>,
}

impl Pool {
    pub(crate) fn new(launch: Launch, fates: Arc<Fates>, tally: Arc<Tally>) -> Self {
        Self { launch, fates, tally, warm: Mutex::default() }
    }

    pub(crate) fn function(&self) -> Function {
        self.launch.function
    }

    /// Runs one invocation. `None`: it did not end well, so nothing of its event is done.
    pub(crate) async fn invoke(&self, event: Value) -> Result<Option<Value>, HarnessError> {
        let warm = self.warm.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut process = match warm {
            Some(process) => process,
            None => Process::start(&self.launch, self.tally.started()).await?,
        };
        let function = self.function();
        let fate = self.fates.draw(function);
        let outcome = process.invoke(event, fate).await;
        match (&outcome, fate) {
            (Outcome::Killed(_), _) => self.fates.struck(),
            (_, Fate::Lives) => {}
            _ => self.fates.missed(function),
        }
        self.tally.ended(function, &outcome);
        if outcome.leaves_it_warm() {
            self.warm.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
        Ok(match outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        })
    }
}
