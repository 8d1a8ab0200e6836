//! Every effect of an invocation passes here: a call to the broker, to the database, to a queue. It is where effects are
//! counted, and where one is made to go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use paper_broker::FaultKind;

use crate::chronicle::Chronicle;
use crate::crash::{CrashPoint, Invocation};
use crate::message::Message;

/// Tries of one call by the SDK after the first: so many more must fail for the call to fail.
const RETRIES: u32 = 2;

/// Time that an invocation has (infra/template.yaml).
const INVOCATION: SignedDuration = SignedDuration::from_mins(1);
/// How often the schedules run (infra/template.yaml).
const SCHEDULE: SignedDuration = SignedDuration::from_mins(1);

/// Through which door an effect leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Door {
    /// To the broker.
    Broker,
    /// To the database.
    Database,
    /// To a queue.
    Queue,
}

/// What befalls one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Strike {
    /// The invocation ends before it.
    CrashBefore,
    /// It is carried out, and the invocation ends before the answer.
    CrashAfter,
    /// It is carried out, and no answer comes; the code lives on.
    AnswerLost,
    /// As [`Strike::AnswerLost`], and every further try of the SDK is lost as well.
    LostForGood,
    /// It is not carried out, and no answer comes.
    NeverArrives,
    /// The machine stands still for so long, then it is carried out.
    FreezeBefore(Duration),
    /// It is carried out, then the machine stands still for so long. Only for the broker.
    FreezeAfter(Duration),
    /// The service refuses it for now. Not for the broker.
    Throttled,
    /// An error inside the service. Not for the broker.
    InternalError,
    /// Another transaction is in the way. Only for the database.
    Contention,
    /// No connection is had. Only for the broker.
    ConnectionRefused,
    /// The broker misbehaves.
    Broker(FaultKind),
}

/// The decision over one effect.
pub(crate) trait Director: Send {
    /// What befalls it, with a name to count it under. `number` counts the effects of all invocations from 1; `place`
    /// is `METHOD /path`, `Operation {json}`, or a queue.
    fn strike(&mut self, door: Door, number: u64, place: &str) -> Option<(&'static str, Strike)>;
}

/// All effects of a world. Clones are the same ones.
#[derive(Clone)]
pub(crate) struct Effects {
    pub(crate) chronicle: Chronicle,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    count: u64,
    /// The crashes that tests planned, or for how long the machine stands still there instead. Each happens once.
    planned: Vec<(CrashPoint, Option<Duration>)>,
    director: Option<Box<dyn Director>>,
    recorded: Option<Vec<(Door, String)>>,
    /// So many next calls to each service are lost.
    cut: BTreeMap<Door, u32>,
    /// Client order ids whose request was held up on its way, by a frozen machine or a slow network.
    held_up: BTreeSet<String>,
    late_writes: Vec<LateWrite>,
    returned: Vec<ReturnedMessage>,
    hindrances: Vec<Hindrance>,
    fates: Vec<(String, Fate)>,
    timed_out: Vec<TimedOut>,
}

/// Something that keeps the functions from seeing what the broker does, or from doing anything about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hindrance {
    pub(crate) what: &'static str,
    /// Whose username is hindered; `None`: everybody's.
    pub(crate) username: Option<&'static str>,
    pub(crate) from: Timestamp,
    /// From then on the functions have it in their own hands.
    pub(crate) to: Timestamp,
}

impl TimedOut {
    pub(crate) fn of(message: &Message, at: Timestamp) -> Self {
        Self { id: message.id.clone(), queue: message.queue.name(), at, receipt: message.receipt() }
    }
}

/// What became of the worker that a message was handed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ended, and said what is done with and what is not.
    Ended,
    /// It failed as a whole, or took longer than it had.
    Failed,
    /// It was killed, or its machine stood still.
    Killed,
    /// It ended, and a call to a queue was lost: the message's delete, or that it is to be shown again.
    CutOff,
}

/// A message that came again since nothing but its visibility time-out brought it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedOut {
    pub(crate) id: String,
    pub(crate) queue: &'static str,
    pub(crate) at: Timestamp,
    /// The delivery before.
    pub(crate) receipt: String,
}

/// A message that its function gave back in good order.
#[derive(Debug, Clone)]
pub(crate) struct ReturnedMessage {
    pub(crate) id: String,
    /// How often it, or another of its group that went back with it, was delivered then.
    pub(crate) deliveries: u32,
    /// For how long nobody saw it from there.
    pub(crate) hidden_for: SignedDuration,
}

/// A write to the database that was held up by a frozen machine.
#[derive(Debug, Clone)]
pub(crate) struct LateWrite {
    /// What was written.
    pub(crate) body: String,
    /// When it was carried out.
    pub(crate) at: Timestamp,
}

impl std::fmt::Debug for Effects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Effects").finish_non_exhaustive()
    }
}

impl Effects {
    pub(crate) fn new(chronicle: Chronicle) -> Self {
        Self { chronicle, inner: Arc::default() }
    }

    pub(crate) fn plan(&self, point: CrashPoint, stands_still: Option<Duration>) {
        self.inner.lock().unwrap().planned.push((point, stands_still));
    }

    pub(crate) fn planned(&self) -> Vec<CrashPoint> {
        self.inner.lock().unwrap().planned.iter().map(|(point, _)| point.clone()).collect()
    }

    /// From now on this decides; `None`: nothing goes wrong.
    pub(crate) fn direct(&self, director: Option<Box<dyn Director>>) {
        let mut inner = self.inner.lock().unwrap();
        inner.director = director;
        inner.cut.clear();
    }

    /// Writes down every effect from now on.
    pub(crate) fn record(&self) {
        self.inner.lock().unwrap().recorded = Some(Vec::new());
    }

    /// The effects that were written down.
    pub(crate) fn recorded(&self) -> Vec<(Door, String)> {
        self.inner.lock().unwrap().recorded.clone().unwrap_or_default()
    }

    /// Remembers that an order's request reached the broker later than it left.
    pub(crate) fn note_held_up(&self, client_order_id: &str) {
        self.inner.lock().unwrap().held_up.insert(client_order_id.to_owned());
    }

    pub(crate) fn held_up(&self) -> BTreeSet<String> {
        self.inner.lock().unwrap().held_up.clone()
    }

    /// Remembers that a write is carried out later than it was made up.
    pub(crate) fn note_late_write(&self, body: &str, at: Timestamp) {
        self.inner.lock().unwrap().late_writes.push(LateWrite { body: body.to_owned(), at });
    }

    pub(crate) fn late_writes(&self) -> Vec<LateWrite> {
        self.inner.lock().unwrap().late_writes.clone()
    }

    pub(crate) fn note_returned(&self, returned: impl IntoIterator<Item = ReturnedMessage>) {
        self.inner.lock().unwrap().returned.extend(returned);
    }

    pub(crate) fn returned(&self) -> Vec<ReturnedMessage> {
        self.inner.lock().unwrap().returned.clone()
    }

    pub(crate) fn note_hindrance(&self, hindrance: Hindrance) {
        self.inner.lock().unwrap().hindrances.push(hindrance);
    }

    pub(crate) fn hindrances(&self) -> Vec<Hindrance> {
        self.inner.lock().unwrap().hindrances.clone()
    }

    /// Remembers what became of the worker that had these deliveries.
    pub(crate) fn note_fate(&self, receipts: impl IntoIterator<Item = String>, fate: Fate) {
        self.inner.lock().unwrap().fates.extend(receipts.into_iter().map(|receipt| (receipt, fate)));
    }

    pub(crate) fn note_timed_out(&self, timed_out: TimedOut) {
        self.inner.lock().unwrap().timed_out.push(timed_out);
    }

    /// The messages that only their visibility time-out brought back, each with what became of its workers before.
    pub(crate) fn timed_out(&self) -> Vec<(TimedOut, Vec<Fate>)> {
        let inner = self.inner.lock().unwrap();
        let fates = |receipt: &str| {
            let of_it = inner.fates.iter().filter(|(other, _)| other == receipt);
            of_it.map(|(_, fate)| *fate).collect()
        };
        inner.timed_out.iter().map(|timed_out| (timed_out.clone(), fates(&timed_out.receipt))).collect()
    }

    /// What befalls the effect that is about to leave. Only an invocation's effects are struck, not a test's own look
    /// at the world.
    pub(crate) fn strike(&self, door: Door, place: &str) -> Option<Strike> {
        let invocation = Invocation::running()?;
        let (number, struck) = self.inner.lock().unwrap().strike(door, place);
        let (name, strike) = struck?;
        self.chronicle.count_fault(name);
        if door == Door::Queue {
            invocation.queue_failed.store(true, Ordering::SeqCst);
        }
        if strike.kills() {
            invocation.killed.store(true, Ordering::SeqCst);
        }
        let now = self.chronicle.now();
        self.note_hindrance(Hindrance { what: name, username: None, from: now, to: now + strike.hinders_for(door) });
        let (operation, _) = place.split_once(" {").unwrap_or((place, ""));
        self.chronicle.note(|| format!("{}: effect {number} ({operation}) is struck: {name}", invocation.name));
        if matches!(strike, Strike::FreezeBefore(time) | Strike::FreezeAfter(time) if { invocation.freeze(time); true })
        {
            self.chronicle.count_fault("frozen_worker");
        }
        Some(strike)
    }
}

/// Ends the invocation whose code is running.
pub(crate) fn crash() {
    if let Some(invocation) = Invocation::running() {
        invocation.crash();
    }
}

impl Inner {
    fn strike(&mut self, door: Door, place: &str) -> (u64, Option<(&'static str, Strike)>) {
        self.count += 1;
        if let Some(recorded) = &mut self.recorded {
            recorded.push((door, described(place)));
        }
        (self.count, self.decide(door, place))
    }

    fn decide(&mut self, door: Door, place: &str) -> Option<(&'static str, Strike)> {
        if let Some(left) = self.cut.get_mut(&door).filter(|left| **left > 0) {
            *left -= 1;
            return Some(("cut_off", Strike::NeverArrives));
        }
        let planned = self.planned.iter().position(|(point, _)| point.is_at(door, place));
        if let Some(index) = planned {
            let (point, stands_still) = self.planned.remove(index);
            return Some(point.strike(stands_still));
        }
        let number = self.count;
        let struck = self.director.as_mut()?.strike(door, number, place)?;
        if struck.1 == Strike::LostForGood {
            self.cut.insert(door, RETRIES);
        }
        Some(struck)
    }
}

impl Strike {
    /// Whether the invocation ends with it, or stands still.
    fn kills(&self) -> bool {
        matches!(self, Self::CrashBefore | Self::CrashAfter | Self::FreezeBefore(_) | Self::FreezeAfter(_))
    }

    /// For how long nobody can make up for it.
    fn hinders_for(&self, door: Door) -> SignedDuration {
        let milliseconds = |milliseconds: u64| SignedDuration::from_millis(milliseconds.try_into().unwrap());
        let here = match self {
            // Until its time would be over the lane of whoever ended is held, and then the schedule must find the user.
            Self::CrashBefore | Self::CrashAfter => INVOCATION + SCHEDULE,
            // So is a lane that was taken, and of which its holder never heard.
            Self::LostForGood if door == Door::Database => INVOCATION + SCHEDULE,
            Self::FreezeBefore(time) | Self::FreezeAfter(time) => {
                SignedDuration::try_from(*time).unwrap().max(INVOCATION) + SCHEDULE
            }
            Self::Broker(FaultKind::Delay { before_ms, after_ms }) => milliseconds(before_ms + after_ms),
            Self::Broker(FaultKind::Unavailable { delay_ms, .. }) => milliseconds(*delay_ms),
            Self::Broker(FaultKind::Park { release_after_ms }) => {
                SignedDuration::from_millis(release_after_ms.unwrap_or_default())
            }
            // Our address is refused for ten minutes.
            Self::Broker(FaultKind::TooManyRequests) => SignedDuration::from_mins(10),
            _ => SignedDuration::ZERO,
        };
        // A look that was asked for is lost: the schedule asks again.
        if door == Door::Queue { here.max(SCHEDULE) } else { here }
    }
}

impl CrashPoint {
    fn strike(&self, stands_still: Option<Duration>) -> (&'static str, Strike) {
        match (self, stands_still) {
            (Self::BeforeCall { .. } | Self::BeforeWrite { .. }, None) => ("crash_before", Strike::CrashBefore),
            (Self::AfterCall { .. } | Self::AfterWrite { .. }, None) => ("crash_after", Strike::CrashAfter),
            (Self::BeforeCall { .. } | Self::BeforeWrite { .. }, Some(time)) => {
                ("frozen_before", Strike::FreezeBefore(time))
            }
            (Self::AfterCall { .. } | Self::AfterWrite { .. }, Some(time)) => {
                ("frozen_after", Strike::FreezeAfter(time))
            }
        }
    }

    fn is_at(&self, door: Door, place: &str) -> bool {
        match self {
            Self::BeforeCall { with } | Self::AfterCall { with } => door == Door::Broker && place.contains(with),
            Self::BeforeWrite { with } | Self::AfterWrite { with } => door == Door::Database && place.contains(with),
        }
    }
}

/// The operation and its table; a call to the broker as it is.
fn described(place: &str) -> String {
    let Some((operation, body)) = place.split_once(" {") else { return place.to_owned() };
    let table = body.split_once(r#""TableName":""#).and_then(|(_, rest)| rest.split_once('"')).map(|(table, _)| table);
    format!("{operation} {}", table.unwrap_or_default())
}
