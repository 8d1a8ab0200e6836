//! Everything the broker remembers, and the desk at which one request is worked on.

use std::collections::{BTreeMap, BTreeSet};

use domain::Entropy;
use jiff::Timestamp;

use crate::contracts::Market;
use crate::faults::{Faults, Parked};
use crate::log::CallLog;
use crate::oauth::{Caller, Registry};
use crate::options::Options;
use crate::orders::{Book, QuestionRules};
use crate::pacing::Pacing;
use crate::sessions::BrokerageSession;

/// The whole memory of the broker.
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) registry: Registry,
    /// By username: one brokerage session each.
    pub(crate) sessions: BTreeMap<String, BrokerageSession>,
    /// Usernames that are logged in elsewhere (TWS, the phone).
    pub(crate) other_logins: BTreeSet<String>,
    pub(crate) market: Market,
    pub(crate) book: Book,
    pub(crate) questions: QuestionRules,
    pub(crate) faults: Faults,
    pub(crate) parked: Vec<Parked>,
    pub(crate) calls: CallLog,
    pub(crate) pacing: Pacing,
    /// Counts the daily resets.
    pub(crate) day: u32,
    /// While true, the whole /iserver group answers 503 (the reset's own minutes).
    pub(crate) iserver_down: bool,
    /// While true, cancels and changes are answered and not carried out.
    pub(crate) ignores_requests: bool,
    trace_number: u32,
}

impl State {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            registry: Registry::default(),
            sessions: BTreeMap::new(),
            other_logins: BTreeSet::new(),
            market: Market::default(),
            book: Book::default(),
            questions: QuestionRules::default(),
            faults: Faults::default(),
            parked: Vec::new(),
            calls: CallLog::default(),
            pacing: Pacing::default(),
            day: 0,
            iserver_down: false,
            ignores_requests: false,
            trace_number: 764,
        }
    }

    /// The running number in OAuth errors.
    pub(crate) fn next_trace_number(&mut self) -> u32 {
        self.trace_number = self.trace_number.wrapping_add(1);
        self.trace_number
    }
}

/// One request's view: the memory, the time, and the source of randomness.
pub(crate) struct Desk<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) now: Timestamp,
    pub(crate) entropy: &'a dyn Entropy,
}

impl Desk<'_> {
    /// The caller's brokerage session, if it is alive and its own.
    pub(crate) fn session(&mut self, caller: &Caller) -> Option<&mut BrokerageSession> {
        self.state
            .sessions
            .get_mut(&caller.username)
            .filter(|session| session.owner == caller.access_token && !session.competing)
    }

    /// The caller's accounts.
    pub(crate) fn accounts(&self, caller: &Caller) -> Vec<String> {
        self.state.registry.users.get(&caller.username).map(|user| user.accounts.clone()).unwrap_or_default()
    }
}
