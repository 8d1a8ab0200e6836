//! The orders of the day: when they are sent, and how long each waits for a session.

use std::ops::Range;

use domain::{Connection, SessionState};
use trading::{HELD_CHECK, TOKEN_LIFE_NEEDED, TRACK_AFTER_NEWS_SECONDS, TRACK_CLOSELY_SECONDS};

use super::costs::Calls;
use super::model::{Ask, Event, Model};
use super::users::{TOKEN_LIFE, at};

/// After a lane that was in use is free again, in milliseconds (trading, the pause between two tries).
const LANE_PAUSE: i64 = 200;
/// An order waits for a free worker without that being worth telling, in milliseconds.
const WORKER_WAIT: i64 = 2_000;

/// One order. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    user: u32,
    /// When it was sent by its algorithm.
    arrived: i64,
    /// When a worker first took it up; 0: not yet.
    taken_up: i64,
    tries: u32,
    waits: bool,
    /// How long it waited for a session; `None`: it was not carried to the broker.
    pub(super) waited: Option<i64>,
}

/// What a worker did with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Did {
    /// It went to the broker over the session that was open.
    Sent,
    /// A session was opened for it first.
    Opened,
    /// It waits, and is looked at again.
    Held,
    /// As [`Did::Held`], for a live session token, which was asked for.
    Asked,
    /// As [`Did::Held`], since the broker did not answer.
    InVain,
    /// The lane was in use until then.
    Busy(i64),
}

impl Model<'_> {
    pub(super) fn plan_orders(&mut self, trading: &Range<i64>, random: &mut fastrand::Rng) {
        let activity = &self.costs.activity;
        let opening = trading.start..trading.start + activity.opening_minutes * 60_000;
        let in_opening = activity.orders_in_opening_percent;
        for user in 0..self.day.connections {
            if random.u32(0..100) >= self.day.traders_percent {
                continue;
            }
            for _ in 0..self.day.orders_per_trader {
                let hours = if random.u32(0..100) < in_opening { opening.clone() } else { trading.clone() };
                let arrived = random.i64(hours);
                let order = u32::try_from(self.orders.len()).expect("32 bits");
                self.orders.push(Order { user, arrived, ..Order::default() });
                self.plan(arrived, Event::Order { order, try_number: 0, woken: false });
            }
        }
    }

    pub(super) fn order_can_be_worked(&mut self, order: u32, try_number: u32, woken: bool, now: i64) {
        if self.order(order).tries != try_number || self.order(order).waited.is_some() {
            return;
        }
        // What waited is order-track's, unless it is woken.
        let pool = if try_number == 0 || woken { &mut self.workers } else { &mut self.trackers };
        if let Some(order) = pool.take(order, now) {
            self.work(order, try_number == 0 || woken, now);
        }
    }

    fn order(&mut self, order: u32) -> &mut Order {
        &mut self.orders[usize::try_from(order).expect("32 bits")]
    }

    fn work(&mut self, number: u32, by_submit: bool, now: i64) {
        let order = self.order(number);
        order.tries += 1;
        let (user, arrived, first) = (order.user, order.arrived, order.taken_up == 0);
        if first {
            order.taken_up = now;
            if now - arrived > WORKER_WAIT {
                self.note_reached("OrderConcurrency", now);
            }
        }
        let did = self.judge_order(user, now);
        let (calls, time) = self.cost_of_order(user, did);
        self.meters.invocation(calls, now, time);
        self.keep_pace(user, calls, now, now + time);
        if !matches!(did, Did::Busy(_)) {
            self.users.get(user).busy_until = now + time;
        }
        self.plan(now + time, Event::Worked { order: number, did, by_submit });
    }

    fn judge_order(&mut self, user: u32, now: i64) -> Did {
        let busy_until = self.users.get(user).busy_until;
        if busy_until > now {
            return Did::Busy(busy_until);
        }
        if self.calendar.quiet_at(at(now)).is_some() || self.penalty_until > now {
            return Did::Held;
        }
        let connection = self.users.read(user);
        if !has_token(connection, now) {
            return Did::Asked;
        }
        let waits = connection.init_waits_until(at(now)).is_some();
        let is_open = matches!(connection.session, SessionState::Established { .. });
        if self.broker_is_away(now) {
            return Did::InVain;
        }
        match is_open && self.users.get(user).alive_until > now {
            true => Did::Sent,
            false if waits => Did::Held,
            false => Did::Opened,
        }
    }

    fn cost_of_order(&mut self, user: u32, did: Did) -> (Calls, i64) {
        match did {
            Did::Sent => self.cost("order"),
            Did::Opened => {
                let (calls, time) = self.cost("order");
                let open = self.costs.calls("open");
                // What the row calls open is found closed by a call.
                let found = u32::from(self.users.get(user).is_established());
                let broker_calls = calls.broker_calls + open.broker_calls + found;
                let calls = Calls { broker_calls, database_writes: calls.database_writes + 1, ..calls };
                (calls, time + self.opening_time() + i64::from(found) * self.costs.broker.answer_milliseconds)
            }
            Did::Held | Did::Asked => self.cost("held"),
            Did::InVain => {
                let calls = Calls { broker_calls: 1, ..self.costs.calls("held") };
                (calls, self.costs.time_in_vain(calls))
            }
            Did::Busy(_) => self.cost("busy"),
        }
    }

    pub(super) fn end_work(&mut self, number: u32, did: Did, by_submit: bool, now: i64) {
        let order = self.order(number);
        let (user, tries, waits) = (order.user, order.tries, order.waits);
        let again =
            |model: &mut Self, at| model.plan(at, Event::Order { order: number, try_number: tries, woken: false });
        match did {
            Did::Sent | Did::Opened => self.sent(number, did, now),
            Did::Busy(until) => again(self, until.max(now) + LANE_PAUSE),
            Did::Held | Did::Asked | Did::InVain => {
                if !waits {
                    self.order(number).waits = true;
                    self.users.get(user).orders_waiting += 1;
                    self.waiting.entry(user).or_default().push(number);
                }
                if did == Did::InVain {
                    self.harm(user);
                }
                if did == Did::Asked {
                    self.tokens_run_out += 1;
                    self.plan(now, Event::Asked(Ask { user, for_order: true, deliveries: 1 }));
                }
                again(self, now + HELD_CHECK.as_secs() * 1000);
            }
        }
        let pool = if by_submit { &mut self.workers } else { &mut self.trackers };
        if let Some(next) = pool.next(now, i64::MAX) {
            self.work(next, by_submit, now);
        }
    }

    fn sent(&mut self, number: u32, did: Did, now: i64) {
        let opening = if did == Did::Opened { self.opening_time() } else { 0 };
        let plain = self.cost("order").1;
        let order = self.order(number);
        let user = order.user;
        // What the order itself takes is no wait.
        order.waited = Some((now - plain - order.taken_up).max(opening));
        if std::mem::take(&mut order.waits) {
            self.users.get(user).orders_waiting -= 1;
            if let Some(waiting) = self.waiting.get_mut(&user) {
                waiting.retain(|waits| *waits != number);
            }
        }
        self.users.change(user, |connection| {
            if did == Did::Opened {
                connection.count_init(at(now));
                connection.succeeded(at(now));
                connection.session = SessionState::Established { since: at(now) };
            }
            connection.warm_after_order(at(now));
        });
        self.stays_alive(user, now);
        if self.users.get(user).orders_waiting == 0 {
            self.is_back(user, now);
        }
        self.follow(user, now);
    }

    /// The looks at an order until it is filled.
    fn follow(&mut self, user: u32, now: i64) {
        let filled = i64::from(self.costs.activity.order_filled_after_seconds);
        let mut after = i64::from(TRACK_AFTER_NEWS_SECONDS);
        let (calls, time) = self.cost("look");
        loop {
            self.meters.look(calls, now + after * 1000, time);
            self.stays_alive(user, now + after * 1000);
            if after >= filled {
                break;
            }
            after += i64::from(TRACK_CLOSELY_SECONDS);
        }
    }

    /// A user's session is there: what waits for it is worked at once.
    pub(super) fn wake(&mut self, user: u32, now: i64) {
        for order in self.waiting.get(&user).cloned().unwrap_or_default() {
            let try_number = self.order(order).tries;
            self.plan(now, Event::Order { order, try_number, woken: true });
        }
    }
}

/// Whether an order's dialogue can be led over this token (trading, `TOKEN_LIFE_NEEDED`).
fn has_token(connection: &Connection, now: i64) -> bool {
    let token = connection.tokens.as_ref().and_then(|tokens| tokens.live_session_token.as_ref());
    token.is_some_and(|token| token.expires_at >= at(now) + TOKEN_LIFE_NEEDED.min(TOKEN_LIFE / 10))
}
