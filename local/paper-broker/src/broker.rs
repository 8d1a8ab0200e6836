//! The broker as a value: cheap to clone, and reached by HTTP, in process, or by its control methods.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock, Entropy};
use jiff::{SignedDuration, Timestamp};

use crate::answer::Answer;
use crate::call::Call;
use crate::faults::{FaultKind, Parked};
use crate::options::Options;
use crate::orders;
use crate::service;
use crate::state::{Desk, State};

/// Parked calls kept.
const PARKED_MAX: usize = 10_000;

/// A broker to develop against. Clones share one memory.
#[derive(Clone)]
pub struct PaperBroker {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    state: Mutex<State>,
}

impl fmt::Debug for PaperBroker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PaperBroker").finish_non_exhaustive()
    }
}

impl PaperBroker {
    /// A broker without consumers or users. Time and randomness come from outside, so that a simulation can give them.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, options: Options) -> Self {
        Self { inner: Arc::new(Inner { clock, entropy, state: Mutex::new(State::new(options)) }) }
    }

    /// Works on the memory, with everything done that has come due.
    pub(crate) fn at_desk<T>(&self, work: impl FnOnce(&mut Desk<'_>) -> T) -> T {
        let mut state = self.inner.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut desk = Desk { state: &mut state, now: self.inner.clock.now(), entropy: self.inner.entropy.as_ref() };
        release_parked(&mut desk, false);
        orders::complete_cancels(&mut desk);
        work(&mut desk)
    }

    /// The present time, by the broker's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Carries parked calls out now; how many.
    #[expect(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn release_parked(&self) -> usize {
        self.at_desk(|desk| release_parked(desk, true))
    }

    /// Answers a call below `/v1/api`. Once it has arrived it is carried out, even if nobody waits for its answer.
    pub(crate) async fn receive(&self, call: Call) -> Answer {
        let (number, fault) = self.at_desk(|desk| {
            let username = crate::oauth::username(desk, &call);
            let fault = desk.state.faults.take(&call, username.as_deref());
            let number = desk.state.calls.begin(desk.now, &call, fault.as_ref().map(|fault| fault.name().to_owned()));
            (number, fault)
        });
        let Some(fault) = fault else {
            return self.finish(number, self.execute(number, &call));
        };
        let broker = self.clone();
        spawned(async move {
            let answer = broker.strike(number, call, fault).await;
            broker.finish(number, answer)
        })
        .await
    }

    fn execute(&self, number: u64, call: &Call) -> Answer {
        self.at_desk(|desk| {
            let (answer, caller) = service::execute(desk, call);
            desk.state.calls.executed(
                number,
                caller.as_ref().map(|caller| caller.username.as_str()),
                answer.problem.as_deref(),
            );
            answer
        })
    }

    fn finish(&self, number: u64, answer: Answer) -> Answer {
        self.at_desk(|desk| desk.state.calls.finish(number, &answer));
        answer
    }

    async fn strike(&self, number: u64, call: Call, fault: FaultKind) -> Answer {
        match fault {
            FaultKind::Delay { before_ms, after_ms } => {
                pause(before_ms).await;
                let answer = self.execute(number, &call);
                pause(after_ms).await;
                answer
            }
            FaultKind::DropBefore => Answer::dropped(false),
            FaultKind::DropAfter => {
                self.execute(number, &call);
                Answer::dropped(true)
            }
            FaultKind::Unavailable { executed, delay_ms } => {
                if executed {
                    self.execute(number, &call);
                }
                pause(delay_ms).await;
                unavailable()
            }
            FaultKind::Garbled => {
                let mut answer = self.execute(number, &call);
                answer.body.iter_mut().step_by(3).for_each(|byte| *byte = b'#');
                answer
            }
            FaultKind::Truncated => {
                let mut answer = self.execute(number, &call);
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            FaultKind::Duplicate => self.execute_twice(number, &call),
            FaultKind::Park { release_after_ms } => self.park(number, call, release_after_ms),
            FaultKind::NotCarriedOut => {
                self.at_desk(|desk| desk.state.ignores_requests = true);
                let answer = self.execute(number, &call);
                self.at_desk(|desk| desk.state.ignores_requests = false);
                answer
            }
            FaultKind::AccessDenied => Answer::access_denied("fault"),
            FaultKind::TooManyRequests => service::too_many_requests(),
            FaultKind::Gone => Answer::error(410, "gone"),
            FaultKind::Unauthorized => Answer::error(401, "Unauthorized"),
            FaultKind::Answer { executed, status, content_type, body } => {
                if executed {
                    self.execute(number, &call);
                }
                Answer::new(status, content_type, body)
            }
        }
    }

    fn execute_twice(&self, number: u64, call: &Call) -> Answer {
        self.at_desk(|desk| {
            let (answer, caller) = service::execute(desk, call);
            if let Some(caller) = &caller {
                service::dispatch(desk, caller, call);
            }
            desk.state.calls.executed(
                number,
                caller.as_ref().map(|caller| caller.username.as_str()),
                answer.problem.as_deref(),
            );
            answer
        })
    }

    fn park(&self, number: u64, call: Call, release_after_ms: Option<i64>) -> Answer {
        self.at_desk(|desk| match service::admit(desk, &call) {
            Ok(_) if desk.state.parked.len() >= PARKED_MAX => Answer::error(500, "too many parked calls: release them"),
            Ok(caller) => {
                let due = release_after_ms.map(|after| desk.now + SignedDuration::from_millis(after));
                desk.state.parked.push(Parked { number, caller, call, due });
                unavailable()
            }
            Err(refused) => refused,
        })
    }
}

/// Carries out what is due (or everything), in the order in which it came.
fn release_parked(desk: &mut Desk<'_>, everything: bool) -> usize {
    let now = desk.now;
    let due = desk
        .state
        .parked
        .extract_if(.., |parked| everything || parked.due.is_some_and(|due| due <= now))
        .collect::<Vec<_>>();
    for parked in &due {
        let answer = service::dispatch(desk, &parked.caller, &parked.call);
        desk.state.calls.executed(parked.number, Some(&parked.caller.username), answer.problem.as_deref());
    }
    due.len()
}

fn unavailable() -> Answer {
    Answer::new(503, "text/plain", "").with_header("x-response-time", "10000ms")
}

async fn pause(milliseconds: u64) {
    if milliseconds > 0 {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
}

/// Runs to the end even if the one who asked goes away; a cut connection if it fails.
async fn spawned(work: impl Future<Output = Answer> + Send + 'static) -> Answer {
    tokio::spawn(work).await.unwrap_or_else(|_| Answer::dropped(false))
}
