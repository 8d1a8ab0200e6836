//! Lives a plan through: what the cloud and the people do, all at once and in time's order.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use domain::Clock;
use jiff::{SignedDuration, Timestamp};
use paper_broker::LedgerEntry;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::dice::Dice;
use super::plan::{Act, Plan};
use crate::driver::{Deletes, Function};
use crate::message::QueueName;
use crate::world::World;

/// The pause between two ticks of the schedules (infra/template.yaml).
const TICK: SignedDuration = SignedDuration::from_mins(1);
/// How long nothing is looked at, at most.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// How often a world that may be quiet is asked whether it is.
const QUIET_ASKED_EVERY: SignedDuration = SignedDuration::from_secs(10);
/// A world that is not quiet this long after the storm is left as it is.
const LEFT_AFTER: SignedDuration = SignedDuration::from_mins(45);
/// Invocations of one function at once.
const AT_ONCE_MAX: u32 = 4;

/// A message that was sent, and what for.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) at: Timestamp,
    pub(crate) act: Act,
}

/// A time during which nothing may be sent, or only what reduces a position.
#[derive(Debug, Clone)]
pub(crate) struct Halted {
    pub(crate) stop: super::plan::Stop,
    pub(crate) mode: super::plan::Mode,
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
}

/// A world in which a plan is lived through.
pub(crate) struct Stage {
    pub(crate) world: Rc<World>,
    pub(crate) plan: Plan,
    pub(crate) begun_at: Timestamp,
    /// When everything began to work again.
    pub(crate) calm_at: Option<Timestamp>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) halted: Vec<Halted>,
    pub(crate) day_reset: bool,
    /// The broker's orders that it calls cancelled, and that work.
    pub(crate) falsely_ended: Vec<i64>,
    /// Those that it ever called so.
    pub(crate) ever_falsely_ended: BTreeSet<i64>,
    /// The broker's orders that a person changed in its own program.
    pub(crate) by_hand: BTreeSet<i64>,
    /// The most orders that each username ever had open at the broker at once. A bracket is one, until its exits ended.
    pub(crate) most_open: BTreeMap<String, usize>,
    pub(crate) dice: Dice,
    pub(crate) tasks: JoinSet<()>,
    running: BTreeMap<&'static str, Rc<Cell<u32>>>,
    acts: std::vec::IntoIter<(i64, Act)>,
    next_tick: Timestamp,
    market_ends_after_ms: Option<i64>,
    quiet_asked_at: Timestamp,
}

impl Stage {
    pub(crate) fn new(world: Rc<World>, plan: Plan) -> Self {
        let now = world.right_time();
        Self {
            begun_at: now,
            calm_at: None,
            sent: Vec::new(),
            halted: Vec::new(),
            day_reset: false,
            falsely_ended: Vec::new(),
            ever_falsely_ended: BTreeSet::new(),
            by_hand: BTreeSet::new(),
            most_open: BTreeMap::new(),
            dice: plan.dice.clone(),
            tasks: JoinSet::new(),
            running: BTreeMap::new(),
            acts: plan.acts.clone().into_iter(),
            next_tick: now + TICK,
            market_ends_after_ms: plan.market_ends_after_ms,
            quiet_asked_at: now,
            world,
            plan,
        }
    }

    /// Until the world is quiet, or has had its time; true: it became quiet.
    pub(crate) async fn run(&mut self) -> bool {
        loop {
            let now = self.world.right_time();
            self.take_acts(now).await;
            self.deliver();
            self.count_open();
            if now >= self.next_tick {
                self.next_tick = now + TICK;
                self.tick();
            }
            if let Some(calm_at) = self.calm_at {
                if let Some(after) =
                    self.market_ends_after_ms.filter(|after| now >= calm_at + SignedDuration::from_millis(*after))
                {
                    self.market_ends_after_ms = None;
                    self.world.effects.chronicle.note(|| format!("=== {after} ms later the market ends"));
                    self.end_market();
                }
                if self.market_ends_after_ms.is_none() && now >= self.quiet_asked_at + QUIET_ASKED_EVERY {
                    self.quiet_asked_at = now;
                    if self.is_quiet().await {
                        return true;
                    }
                }
                if now > calm_at + LEFT_AFTER {
                    return false;
                }
            }
            self.wait(now).await;
        }
    }

    /// Lets time pass until something may be due.
    async fn wait(&mut self, now: Timestamp) {
        let pause = SignedDuration::from_millis(1);
        let mut next = (now + PAUSE).min(self.next_tick);
        if let Some((at, _)) = self.acts.as_slice().first() {
            next = next.min(self.time(*at));
        }
        if let Some(at) = self.world.queues.next_visible_at() {
            next = next.min(at.max(now + SignedDuration::from_millis(100)));
        }
        let next = next.max(now + pause);
        let world = Rc::clone(&self.world);
        tokio::select! {
            biased;
            Some(ended) = self.tasks.join_next(), if !self.tasks.is_empty() => ended.unwrap(),
            () = world.sleep_until(next) => {}
        }
    }

    fn time(&self, milliseconds: i64) -> Timestamp {
        self.begun_at + SignedDuration::from_millis(milliseconds)
    }

    async fn take_acts(&mut self, now: Timestamp) {
        while let Some((_, act)) = self.acts.as_slice().first().filter(|(at, _)| self.time(*at) <= now).cloned() {
            self.acts.next();
            self.perform(act).await;
        }
        if self.calm_at.is_none() && now >= self.time(self.plan.storm_ends_ms) {
            self.clear_the_sky().await;
            self.calm_at = Some(self.world.right_time());
            self.quiet_asked_at = now;
        }
    }

    /// Hands out every message that can be seen now, several batches at once.
    fn deliver(&mut self) {
        let queues = [
            (QueueName::Orders, Function::Submit, "submit"),
            (QueueName::DeadLetters, Function::Submit, "dead letters"),
            (QueueName::Sessions, Function::Refresh, "refresh"),
            (QueueName::Tracks, Function::Track, "track"),
        ];
        let stormy = self.calm_at.is_none();
        self.world.queues.bury();
        for (queue, function, name) in queues {
            let running = Rc::clone(self.running.entry(name).or_default());
            while running.get() < AT_ONCE_MAX {
                let batch = self.world.queues.receive(queue);
                if batch.is_empty() {
                    break;
                }
                let deletes_lost = stormy && self.dice.per_mille(self.plan.redelivered_often);
                let deletes = if deletes_lost { Deletes::AreLost } else { Deletes::Arrive };
                if deletes_lost {
                    self.world.effects.chronicle.count_fault("redelivered");
                }
                if stormy && self.dice.per_mille(self.plan.second_worker_often) {
                    self.world.effects.chronicle.count_fault("second_worker");
                    let after = Duration::from_millis(self.dice.below(40_000));
                    let (world, batch) = (Rc::clone(&self.world), batch.clone());
                    self.tasks.spawn_local(async move {
                        tokio::time::sleep(after).await;
                        world.hand_over(&batch, function, Deletes::Arrive).await;
                    });
                }
                running.set(running.get() + 1);
                let (world, running) = (Rc::clone(&self.world), Rc::clone(&running));
                self.tasks.spawn_local(async move {
                    world.hand_over(&batch, function, deletes).await;
                    running.set(running.get() - 1);
                });
            }
        }
    }

    fn count_open(&mut self) {
        if self.plan.limits.is_empty() {
            return;
        }
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        let book = self.world.broker().ledger();
        // What the broker called over gave its place back, and holds none when it works again (docs/decisions/0009).
        let called_over = &self.ever_falsely_ended;
        let of_called_over: BTreeSet<i64> = book
            .iter()
            .filter(|row| called_over.contains(&row.order_id))
            .filter_map(|row| row.parent_order_id)
            .collect();
        let counts = |entry: &&LedgerEntry| {
            let id = &entry.order_id;
            super::evidence::is_open(entry, &book) && !called_over.contains(id) && !of_called_over.contains(id)
        };
        for entry in book.iter().filter(counts) {
            *open.entry(entry.username.clone()).or_default() += 1;
        }
        for (username, count) in open {
            let most = self.most_open.entry(username).or_default();
            *most = count.max(*most);
        }
    }

    fn tick(&mut self) {
        for function in [Function::Track, Function::Refresh] {
            let world = Rc::clone(&self.world);
            let schedule = json!({"version": "0", "source": "aws.scheduler"});
            self.tasks.spawn_local(async move {
                world.invoke(function, schedule).await;
            });
        }
    }

    /// Calls the API until it answers that it took the request in, as a caller does that wants to be sure.
    pub(crate) fn call_api(&mut self, user_id: &'static str, route: &'static str, details: Value) {
        let world = Rc::clone(&self.world);
        self.tasks.spawn_local(async move {
            for _ in 0..6 {
                let taken = world.call_api(&json!({"sub": user_id}), route, &details).await;
                if taken.is_some_and(|answered| answered.status < 500) {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
        });
    }

    /// Whether nothing is on its way, and nothing is left to be found out.
    async fn is_quiet(&self) -> bool {
        let waiting = self
            .world
            .queues
            .messages()
            .into_iter()
            .any(|message| matches!(message.queue, QueueName::Orders | QueueName::DeadLetters));
        if waiting || !self.tasks.is_empty() {
            return false;
        }
        let ledger = self.world.broker().ledger();
        let book = super::evidence::by_client_order_id(&ledger);
        let now = self.world.clock.now();
        for person in &super::lives::PEOPLE[..self.plan.people] {
            for order in self.world.all_orders(person.user_id).await {
                let entry = book.get(order.client_order_id.as_str());
                let told = entry.is_some_and(|entry| {
                    super::evidence::is_told(&order, entry) && super::evidence::exits_are_told(&order, entry, &ledger)
                });
                // A change that went astray may still come into force.
                let may_change = order.changes_astray().next().is_some();
                // A person is told of it some seconds later.
                let is_untold =
                    order.exit_is_too_small().is_some() && !order.has_warned(&domain::ReasonCode::ExitDoesNotFollow);
                let exit_waits = order.legs().iter().any(|leg| leg.cancel.is_some() && !leg.has_ended());
                let cancel_waits = order.cancel_asked_at.is_some() || exit_waits;
                if !order.is_over() && (!told || may_change || cancel_waits || is_untold) {
                    self.world
                        .effects
                        .chronicle
                        .note(|| format!("not quiet at {now}: {} is {}", order.key, order.status().as_str()));
                    return false;
                }
            }
        }
        true
    }
}
