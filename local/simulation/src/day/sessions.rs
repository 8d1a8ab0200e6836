//! session-refresh: what a message of the session queue comes to.

use access::Opened;
use broker::{Accounts, CallError, SessionStatus};
use sessions::{Step, next_step, pause_while_away, record_opening, settle_due, take_tickle};
use sessions::{wait_out_penalty, wait_out_quiet};

use super::costs::Calls;
use super::model::{Ask, Event, Model};
use super::users::{at, token};

/// How often a message is delivered (infra/template.yaml, maxReceiveCount).
const DELIVERIES_MAX: u32 = 10;
/// How long the session queue keeps a message (infra/template.yaml, `MessageRetentionPeriod`), in milliseconds.
pub(super) const KEPT: i64 = 3_600_000;

/// What a worker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Did {
    /// The lane was in use.
    Busy,
    /// The broker has a quiet window.
    Quiet,
    /// The broker refuses the address.
    Penalty,
    /// This, over a broker that answers.
    Step(Step),
    /// This, over one that does not.
    InVain(Step),
}

impl Model<'_> {
    pub(super) fn begin_renewal(&mut self, ask: Ask, now: i64) {
        let did = self.judge(ask, now);
        let (calls, time) = self.cost_of(ask, did, now);
        self.meters.invocation(calls, now, time);
        self.keep_pace(ask.user, calls, now, now + time);
        if did != Did::Busy {
            self.users.get(ask.user).busy_until = now + time;
        }
        self.plan(now + time, Event::Renewed(ask, did));
    }

    fn judge(&mut self, ask: Ask, now: i64) -> Did {
        if self.users.get(ask.user).busy_until > now {
            return Did::Busy;
        }
        if self.calendar.quiet_at(at(now)).is_some() {
            return Did::Quiet;
        }
        let step = next_step(self.users.read(ask.user), ask.reason(), at(now));
        if !step.calls_the_broker() {
            return Did::Step(step);
        }
        if self.penalty_until > now {
            return Did::Penalty;
        }
        if self.broker_is_away(now) { Did::InVain(step) } else { Did::Step(step) }
    }

    fn cost_of(&mut self, ask: Ask, did: Did, now: i64) -> (Calls, i64) {
        let opens = self.users.read(ask.user).init_waits_until(at(now)).is_none();
        match did {
            Did::Busy => self.cost("busy"),
            Did::Step(Step::Tickle) => self.cost("tickle"),
            Did::Step(Step::Open) if opens => self.cost("open"),
            Did::Quiet | Did::Penalty | Did::Step(Step::Open | Step::Nothing | Step::Settle) => self.cost("settle"),
            Did::Step(Step::NewToken { and_open }) => {
                let (calls, time) = self.cost("token");
                if !(and_open && opens) {
                    return (calls, time);
                }
                let open = self.costs.calls("open");
                (Calls { broker_calls: calls.broker_calls + open.broker_calls, ..calls }, time + self.opening_time())
            }
            Did::InVain(_) => {
                let calls = self.costs.calls("tickle");
                (calls, self.costs.time_in_vain(calls))
            }
        }
    }

    /// The calls of a step, and how long it takes.
    pub(super) fn cost(&self, step: &str) -> (Calls, i64) {
        let calls = self.costs.calls(step);
        let more = match step {
            "token" => self.costs.milliseconds.live_session_token,
            "open" => {
                self.opening_time() - self.costs.time(Calls { broker_calls: calls.broker_calls, ..Calls::default() })
            }
            _ => 0,
        };
        (calls, self.costs.time(calls) + more)
    }

    pub(super) fn end_renewal(&mut self, ask: Ask, did: Did, now: i64) {
        self.write_down(ask, did, now);
        if let Some(next) = self.sessions.next(now, KEPT) {
            self.begin_renewal(next, now);
        }
    }

    fn write_down(&mut self, ask: Ask, did: Did, now: i64) {
        let time = at(now);
        match did {
            Did::Busy if ask.deliveries < DELIVERIES_MAX => {
                let pause = store::shown_again_after_seconds(ask.deliveries).min(self.limits.visibility_seconds);
                let again = now + i64::from(pause) * 1000;
                self.plan(again, Event::Asked(Ask { deliveries: ask.deliveries + 1, ..ask }));
            }
            Did::Busy => {}
            Did::Quiet => {
                if let Some(quiet) = self.calendar.quiet_at(time) {
                    self.users.change(ask.user, |connection| wait_out_quiet(connection, &quiet, time));
                }
            }
            Did::Penalty => {
                let until = at(self.penalty_until.max(now));
                self.users.change(ask.user, |connection| wait_out_penalty(connection, until, time));
            }
            Did::InVain(step) => self.failed(ask.user, step, now),
            Did::Step(step) => self.succeeded(ask, step, now),
        }
    }

    fn failed(&mut self, user: u32, step: Step, now: i64) {
        let time = at(now);
        self.harm(user);
        let away = || CallError::Unknown { why: String::new() };
        self.users.change(user, |connection| match step {
            Step::Tickle => {
                take_tickle(connection, &Err(away()), time);
            }
            Step::Open => record_opening(connection, Err(away()), time),
            _ => {
                connection.failures = connection.failures.saturating_add(1);
                connection.next_renewal_at = Some(time + pause_while_away(connection));
            }
        });
    }

    fn succeeded(&mut self, ask: Ask, step: Step, now: i64) {
        let (user, time) = (ask.user, at(now));
        match step {
            Step::Nothing => {}
            Step::Settle => {
                self.users.change(user, |connection| settle_due(connection, time));
            }
            Step::Tickle => self.tickled(user, now),
            Step::Open => self.open(user, now),
            Step::NewToken { and_open } => {
                self.users.change(user, |connection| {
                    if let Some(tokens) = &mut connection.tokens {
                        tokens.live_session_token = Some(token(now));
                    }
                    connection.succeeded(time);
                    connection.next_renewal_at = sessions::next_due(connection, time);
                });
                if and_open {
                    self.open(user, now);
                }
            }
        }
        let wants = self.users.get(user).orders_waiting > 0 || self.users.read(user).choices.keep_warm;
        if !wants || (self.users.get(user).is_established() && self.users.get(user).orders_waiting == 0) {
            self.is_back(user, now);
        }
        if ask.for_order {
            self.wake(user, now);
        }
    }

    fn tickled(&mut self, user: u32, now: i64) {
        let alive = self.users.get(user).alive_until > now;
        let status = SessionStatus {
            authenticated: alive,
            established: alive,
            competing: false,
            connected: alive,
            message: None,
            failure: None,
        };
        self.users.change(user, |connection| take_tickle(connection, &Ok(status), at(now)));
        if alive {
            self.stays_alive(user, now);
        }
    }

    fn open(&mut self, user: u32, now: i64) {
        let time = at(now);
        let opened = self.users.change(user, |connection| {
            if let Some(until) = connection.init_waits_until(time) {
                connection.next_renewal_at = Some(until);
                return false;
            }
            let accounts = Accounts { accounts: Vec::new(), selected: None, is_paper: None };
            record_opening(connection, Ok(Opened::Established(accounts)), time);
            true
        });
        if opened {
            self.stays_alive(user, now);
        } else {
            self.note_reached("INITS_WITHOUT_PAUSE", now);
        }
    }

    /// The broker keeps the session for a while after each call.
    pub(super) fn stays_alive(&mut self, user: u32, now: i64) {
        self.users.get(user).alive_until = now + sessions::IDLE_ENDS_AFTER.as_secs() * 1000;
    }
}
