//! The events of the day, in time's order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::ops::Range;

use access::Calendar;
use broker::PAUSE_AFTER_INIT;
use domain::Region;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{DUE_SHARDS, SessionAskReason};

use super::costs::{Calls, Costs};
use super::meters::Meters;
use super::orders::Order;
use super::pool::Pool;
use super::report::DayReport;
use super::users::{Users, at};
use super::{Day, Limits};

/// A Tuesday, from midnight UTC: the region's reset is in it, and a day of trading.
const DATE: Date = jiff::civil::date(2026, 11, 24);
const DAY: i64 = 24 * 3_600_000;
const MINUTE: i64 = 60_000;
/// The outage begins so long after the exchange opened.
const OUTAGE_AFTER_OPENING: i64 = 30 * MINUTE;

/// A renewal that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask {
    pub(super) user: u32,
    pub(super) for_order: bool,
    pub(super) deliveries: u32,
}

impl Ask {
    pub(super) fn reason(self) -> SessionAskReason {
        if self.for_order { SessionAskReason::OrderWaits } else { SessionAskReason::RenewalDue }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The schedule looks through a shard, and then the next.
    Shard { shard: u8, began: i64 },
    /// All brokerage sessions end.
    SessionsEnd { outage: bool },
    /// The broker puts the address into its penalty box.
    Penalty,
    /// A message of the session queue can be seen.
    Asked(Ask),
    /// A renewal ends.
    Renewed(Ask, super::sessions::Did),
    /// An order can be worked; `try_number` tells an old plan from the last one.
    Order { order: u32, try_number: u32, woken: bool },
    /// A worker is done with an order.
    Worked { order: u32, did: super::orders::Did, by_submit: bool },
}

/// The state of the day.
pub(super) struct Model<'day> {
    pub(super) day: &'day Day,
    pub(super) limits: Limits,
    pub(super) costs: Costs,
    pub(super) calendar: Calendar,
    pub(super) users: Users,
    pub(super) meters: Meters,
    pub(super) sessions: Pool<Ask>,
    /// order-submit's workers.
    pub(super) workers: Pool<u32>,
    /// order-track's, for orders that wait.
    pub(super) trackers: Pool<u32>,
    pub(super) orders: Vec<Order>,
    /// The orders that wait for a session, by user.
    pub(super) waiting: HashMap<u32, Vec<u32>>,
    pub(super) from: i64,
    pub(super) away: Range<i64>,
    pub(super) penalty_until: i64,
    pub(super) over_pacing: u64,
    /// Users whom the outage harmed, and how long after its end each was back, in milliseconds.
    pub(super) harmed: u64,
    pub(super) back: Vec<i64>,
    pub(super) tokens_run_out: u64,
    pub(super) latest: i64,
    /// Limits that were reached: when first, and how often.
    pub(super) reached: BTreeMap<&'static str, (i64, u64)>,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    planned: u64,
}

impl<'day> Model<'day> {
    pub(super) fn new(day: &'day Day) -> Self {
        let costs = Costs::standard();
        let midnight = TimeZone::UTC.to_timestamp(DATE.at(0, 0, 0, 0)).expect("it is a day").as_millisecond();
        let mut random = fastrand::Rng::with_seed(day.seed);
        let trading = trading_hours(&costs);
        let begins = trading.start + OUTAGE_AFTER_OPENING;
        let users = Users::new(day.connections, day.keep_warm_percent, midnight, &mut random);
        let mut model = Self {
            limits: day.limits,
            calendar: Calendar::of(Region::Americas).expect("the calendar can be read"),
            users,
            meters: Meters::new(midnight),
            sessions: Pool::new(day.limits.session_concurrency),
            workers: Pool::new(day.limits.order_concurrency),
            trackers: Pool::new(day.limits.track_concurrency),
            orders: Vec::new(),
            waiting: HashMap::new(),
            from: midnight,
            away: begins..begins + i64::from(day.outage_minutes) * MINUTE,
            penalty_until: 0,
            over_pacing: 0,
            harmed: 0,
            back: Vec::new(),
            tokens_run_out: 0,
            latest: 0,
            reached: BTreeMap::new(),
            events: BinaryHeap::new(),
            planned: 0,
            costs,
            day,
        };
        model.plan_the_day(&trading, &mut random);
        model
    }

    fn plan_the_day(&mut self, trading: &Range<i64>, random: &mut fastrand::Rng) {
        for minute in 0..DAY / MINUTE {
            let began = self.from + minute * MINUTE;
            self.plan(began, Event::Shard { shard: 0, began });
        }
        let second = 1000;
        let mut seconds = (self.from..self.from + DAY).step_by(1000);
        let is_reset = |now: &i64| self.calendar.reset_between(at(*now), at(*now + second - 1));
        if let Some(reset) = seconds.find(is_reset) {
            self.plan(reset, Event::SessionsEnd { outage: false });
        }
        if !self.away.is_empty() {
            self.plan(self.away.start, Event::SessionsEnd { outage: true });
        }
        if let Some(minute) = self.day.penalty_at_minute {
            self.plan(self.from + i64::from(minute) * MINUTE, Event::Penalty);
        }
        self.plan_orders(trading, random);
    }

    pub(super) fn run(mut self) -> DayReport {
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            if now >= self.from + DAY {
                break;
            }
            self.take(event, now);
        }
        DayReport::of(self)
    }

    fn take(&mut self, event: Event, now: i64) {
        match event {
            Event::Shard { shard, began } => self.look_through(shard, began, now),
            Event::SessionsEnd { outage } => self.end_sessions(outage, now),
            Event::Penalty => self.penalty_until = now + sessions::PENALTY.as_secs() * 1000,
            Event::Asked(ask) => {
                if let Some(ask) = self.sessions.take(ask, now) {
                    self.begin_renewal(ask, now);
                }
            }
            Event::Renewed(ask, did) => self.end_renewal(ask, did, now),
            Event::Order { order, try_number, woken } => self.order_can_be_worked(order, try_number, woken, now),
            Event::Worked { order, did, by_submit } => self.end_work(order, did, by_submit, now),
        }
    }

    pub(super) fn plan(&mut self, at: i64, event: Event) {
        self.planned += 1;
        self.events.push(Reverse((at, self.planned, event)));
    }

    /// One shard of a run of the schedule; its asks leave one after the other.
    fn look_through(&mut self, shard: u8, began: i64, now: i64) {
        if now - began >= i64::from(self.limits.run_seconds) * 1000 {
            self.note_reached("time of a run of the schedule (one SendMessage for each ask)", now);
            return;
        }
        let (due, first) = self.users.due(shard, now, self.limits.due_of_shard_max);
        self.latest = self.latest.max(first.map_or(0, |first| now - first));
        if due.len() == usize::try_from(self.limits.due_of_shard_max).expect("32 bits") {
            self.note_reached("DUE_OF_SHARD_MAX", now);
        }
        let count = u32::try_from(due.len()).expect("32 bits");
        let each = self.costs.calls("ask");
        let looked = self.costs.calls("tick_of_shard");
        let calls = Calls { queue_sends: each.queue_sends * count, ..looked };
        let time = self.costs.time(calls);
        if shard == 0 {
            self.meters.invocation(calls, now, time);
        } else {
            self.meters.calls(calls, now, time);
        }
        for (number, user) in (1..).zip(due) {
            let asked = now + time * number / i64::from(count);
            self.plan(asked, Event::Asked(Ask { user, for_order: false, deliveries: 1 }));
        }
        if shard + 1 < DUE_SHARDS {
            self.plan(now + time, Event::Shard { shard: shard + 1, began });
        }
    }

    fn end_sessions(&mut self, outage: bool, now: i64) {
        for number in 0..self.day.connections {
            self.users.get(number).alive_until = 0;
            if outage && self.users.get(number).is_established() && self.users.read(number).is_kept_warm(at(now)) {
                self.harm(number);
            }
        }
    }

    /// The outage cost this user something.
    pub(super) fn harm(&mut self, user: u32) {
        let user = self.users.get(user);
        if !user.harmed {
            user.harmed = true;
            self.harmed += 1;
        }
    }

    /// This user has all that they want.
    pub(super) fn is_back(&mut self, user: u32, now: i64) {
        let ends = self.away.end;
        let user = self.users.get(user);
        if user.harmed {
            user.harmed = false;
            if now >= ends {
                self.back.push(now - ends);
            } else {
                self.harmed -= 1;
            }
        }
    }

    pub(super) fn broker_is_away(&self, now: i64) -> bool {
        self.away.contains(&now)
    }

    /// The broker counts a user's calls, and puts the address away if they are too many.
    pub(super) fn keep_pace(&mut self, user: u32, calls: Calls, begins: i64, ends: i64) {
        let per_second = self.limits.broker_calls_per_second;
        if !self.users.get(user).is_within_pace(calls.broker_calls, begins, ends, per_second) {
            self.over_pacing += 1;
            self.penalty_until = ends + sessions::PENALTY.as_secs() * 1000;
            self.note_reached("the broker's pacing of one user", begins);
        }
    }

    pub(super) fn note_reached(&mut self, limit: &'static str, now: i64) {
        self.reached.entry(limit).or_insert((now, 0)).1 += 1;
    }

    /// How long the opening of a brokerage session takes, in milliseconds.
    pub(super) fn opening_time(&self) -> i64 {
        let pause = SignedDuration::try_from(PAUSE_AFTER_INIT).expect("it is short").as_secs() * 1000;
        pause + i64::from(self.costs.calls("open").broker_calls) * self.costs.broker.answer_milliseconds
    }
}

/// When orders are sent.
fn trading_hours(costs: &Costs) -> Range<i64> {
    let hours = &costs.activity.trading_day;
    let zone = if hours.zone == "America/New_York" { jiff::tz::get!("America/New_York") } else { TimeZone::UTC };
    let time = |time| zone.to_timestamp(DATE.to_datetime(time)).expect("it is a time").as_millisecond();
    time(hours.opens)..time(hours.closes)
}
