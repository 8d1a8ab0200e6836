//! The events of the day, in time's order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::ops::Range;

use access::Calendar;
use broker::PAUSE_AFTER_INIT;
use domain::Region;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use store::{PAGE_ROWS_MAX, SessionAskReason, shards_in_turn};

use super::costs::{Calls, Costs};
use super::meters::Meters;
use super::orders::Order;
use super::pool::Pool;
use super::report::DayReport;
use super::users::{Due, Users, at};
use super::{Day, Limits};

/// A Tuesday, from midnight UTC: the region's reset is in it, and a day of trading.
const DATE: Date = jiff::civil::date(2026, 11, 24);
const DAY: i64 = 24 * 3_600_000;
const MINUTE: i64 = 60_000;
/// What must be left of a run to look at another page (`sessions::fan_out`), in milliseconds.
const PAGE_TIME: i64 = 5_000;
/// Asks of one call (SQS, `SendMessageBatch`).
const BATCH: u32 = 10;
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
    /// The schedule begins a run.
    Run,
    /// A run that began then looks at its next page.
    Page { began: i64 },
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
    /// The shards that each run has yet to look at, and behind whom.
    runs: HashMap<i64, VecDeque<(u8, Option<Due>)>>,
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
            runs: HashMap::new(),
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
            self.plan(self.from + minute * MINUTE, Event::Run);
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
            Event::Run => self.begin_run(now),
            Event::Page { began } => self.look_at_page(began, now),
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

    /// A run of the schedule, unless enough waits already.
    fn begin_run(&mut self, now: i64) {
        let calls = self.costs.calls("tick");
        let time = self.costs.time(calls);
        self.meters.invocation(calls, now, time);
        if self.sessions.waiting() > self.limits.waiting_max {
            self.note_reached("WAITING_MAX", now);
            return;
        }
        self.runs.insert(now, shards_in_turn(at(now)).map(|shard| (shard, None)).collect());
        self.plan(now + time, Event::Page { began: now });
    }

    /// One page of a run; its asks leave ten at a time, one call after the other.
    fn look_at_page(&mut self, began: i64, now: i64) {
        let Some((shard, behind)) = self.runs.get_mut(&began).and_then(VecDeque::pop_front) else {
            self.runs.remove(&began);
            return;
        };
        if now - began >= i64::from(self.limits.run_seconds) * 1000 - PAGE_TIME {
            self.runs.remove(&began);
            self.note_reached("time of a run of the schedule", now);
            return;
        }
        let (due, since) = self.users.due(shard, began, behind, PAGE_ROWS_MAX);
        self.latest = self.latest.max(since.map_or(0, |since| now - since));
        let count = u32::try_from(due.len()).expect("32 bits");
        let batches = count.div_ceil(BATCH);
        let looked = self.costs.calls("page");
        let calls = Calls { queue_sends: self.costs.calls("ask").queue_sends * batches, ..looked };
        let time = self.costs.time(calls) - self.costs.time(Calls::default());
        self.meters.calls(calls, now, time);
        self.meters.batched += u64::from(count - batches);
        for (number, (_, user)) in (1..).zip(&due) {
            let asked = now + time * number / i64::from(count);
            self.plan(asked, Event::Asked(Ask { user: *user, for_order: false, deliveries: 1 }));
        }
        if count == PAGE_ROWS_MAX
            && let Some(line) = self.runs.get_mut(&began)
        {
            line.push_back((shard, due.last().copied()));
        }
        self.plan(now + time, Event::Page { began });
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
