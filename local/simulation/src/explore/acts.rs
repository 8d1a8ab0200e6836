//! What people, the broker and the market do.

use domain::{Clock, GrantStatus, Halt, HaltMode, LegRole};
use jiff::SignedDuration;
use paper_broker::{Execution, Fault, FaultKind, LedgerEntry, OrderStatus, QuestionRules};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use store::HaltScope;

use super::lives::{ALGORITHMS_SENDER, PEOPLE, Person, change, change_of_exit, smaller};
use super::neighbours::Trouble;
use super::plan::{Act, Mode, Stop};
use super::stage::{Halted, Sent, Stage};
use crate::effects::Hindrance;
use crate::world::ALGORITHM;

impl Stage {
    pub(crate) async fn perform(&mut self, act: Act) {
        self.world.effects.chronicle.note(|| format!("--- {act:?}"));
        self.count(&act);
        let broker = self.world.broker().clone();
        match act.clone() {
            Act::Place(index) | Act::Again(index) => self.place(index, &self.command(index), act),
            Act::Other(index) => {
                let mut other = self.command(index);
                other["side"] = json!(if other["side"] == "buy" { "sell" } else { "buy" });
                self.place(index, &other, act);
            }
            Act::Cancel(index) => self.cancel(index, None, act),
            Act::CancelLeg(index, role) => self.cancel(index, Some(role), act),
            Act::Modify(index, revision) => {
                let command = change(&self.plan.lives[index], revision, &mut self.dice);
                self.modify(index, &command, act);
            }
            Act::Lower(index, revision) => {
                let command = smaller(&self.plan.lives[index], revision);
                self.modify(index, &command, act);
            }
            Act::ModifyLeg(index, role, revision) => {
                let command = change_of_exit(&self.plan.lives[index], role, revision, &mut self.dice);
                self.modify(index, &command, act);
            }
            Act::Bad(bad) => {
                let message_id = self.world.queues.send_order(&bad.body, bad.sender, bad.group);
                self.note_sent(message_id, act);
            }
            Act::Halt(stop, mode, on) => self.halt(stop, mode, on).await,
            Act::Price(conid, cents) => broker.set_price(conid, Some(Decimal::new(cents, 2))),
            Act::Execute => self.execute_some(),
            Act::Fill => self.open_entries().iter().for_each(|entry| self.fill(entry)),
            Act::VenueRejects => self.reject_one(),
            Act::Elsewhere(person, true) => {
                self.hinder("session_stolen", Some(person.username), &Act::Elsewhere(person, false));
                broker.log_in_elsewhere(person.username);
            }
            Act::Elsewhere(person, false) => broker.log_out_elsewhere(person.username),
            Act::Misbehaves(person, trouble) => self.misbehave(person, trouble),
            Act::SessionEnds(person) => {
                broker.end_session(person.username);
            }
            Act::TokenGone(person) => broker.make_gone(person.username),
            Act::DayResets => {
                self.day_reset = true;
                broker.reset_day();
            }
            Act::Down(down) => {
                if down {
                    self.hinder("iserver_down", None, &Act::Down(false));
                }
                broker.set_iserver_down(down);
            }
            Act::Asks(ids) => broker.set_questions(QuestionRules { always: ids, ..QuestionRules::default() }),
            Act::Prompts(id) => broker.set_questions(prompts(id)),
            Act::Ignores(method, times) => {
                let fault = Fault::next(method, "/iserver/account/*/order/*", FaultKind::NotCarriedOut);
                broker.add_fault(Fault { times, ..fault });
            }
            Act::Suspends(suspended) => self.suspend(suspended),
            Act::Corrects => self.correct_one(),
            Act::OddWord(word) => {
                if let Some(entry) = self.some_open_parent(|_| true) {
                    broker.say_of_order(entry.order_id, Some(word.to_owned()));
                }
            }
            Act::FalselyEnds(begins) => self.end_falsely(begins),
            Act::Resizes => self.resize_one(),
            Act::Reprices => self.reprice_one(),
        }
    }

    /// Everything works again from here on.
    pub(crate) async fn clear_the_sky(&mut self) {
        self.world.effects.chronicle.note(|| "=== the storm is over".to_owned());
        self.world.effects.direct(None);
        let broker = self.world.broker().clone();
        broker.clear_faults();
        broker.set_iserver_down(false);
        broker.change_options(|options| options.quantities_delay_ms = 0);
        self.suspend(false);
        self.end_falsely(false);
        for person in &PEOPLE[..self.plan.people] {
            broker.log_out_elsewhere(person.username);
        }
        for halted in self.halted.clone() {
            if halted.to.is_none() {
                self.halt(halted.stop, halted.mode, false).await;
            }
        }
    }

    /// The market comes to an end: most orders fill, some are cancelled by their senders, some by the venue, and some
    /// stay.
    pub(crate) fn end_market(&mut self) {
        self.world.broker().open_market();
        for entry in self.open_entries() {
            match self.dice.weigh(&[(45, 0), (30, 1), (10, 2), (15, 3)]) {
                0 => self.fill(&entry),
                1 => self.cancel_entry(&entry),
                2 => {
                    let status = self.dice.pick(&[OrderStatus::Inactive, OrderStatus::Cancelled]);
                    self.world.broker().reject_order(entry.order_id, status);
                }
                _ => {}
            }
        }
    }

    /// The life's command, with the times that it tells from the world's beginning.
    pub(crate) fn command(&self, index: usize) -> Value {
        let mut command = self.plan.lives[index].command.clone();
        if let Some(seconds) = command["good_until_seconds"].take().as_i64() {
            // So long after its message is due, which is the same for every copy of it.
            let due = self.plan.acts.iter().find(|(_, act)| matches!(act, Act::Place(other) if *other == index));
            let due = self.begun_at + SignedDuration::from_millis(due.map_or(0, |(at, _)| *at));
            command["good_until"] = json!((due + SignedDuration::from_secs(seconds)).to_string());
        }
        if let Some(command) = command.as_object_mut() {
            command.remove("good_until_seconds");
        }
        command
    }

    fn place(&mut self, index: usize, command: &Value, act: Act) {
        let life = &self.plan.lives[index];
        let user_id = life.person.user_id;
        if life.own_hand {
            self.call_api(user_id, "POST /orders", json!({"body": command}));
            return;
        }
        let message_id = self.world.queues.send_order(&command.to_string(), ALGORITHMS_SENDER, user_id);
        self.note_sent(message_id, act);
    }

    fn cancel(&mut self, index: usize, leg: Option<LegRole>, act: Act) {
        let life = &self.plan.lives[index];
        let (user_id, order_id) = (life.person.user_id, life.order_id.clone());
        if life.own_hand {
            let query = leg.map_or_else(|| json!({}), |role| json!({"leg": role}));
            let details = json!({"path": {"order_id": order_id}, "query": query});
            self.call_api(user_id, "DELETE /orders/{order_id}", details);
            return;
        }
        let mut command = json!({"schema": "courier.order/1", "command": "cancel", "user_id": user_id,
            "order_id": order_id, "algorithm_id": ALGORITHM});
        if let Some(role) = leg {
            command["leg"] = json!(role);
        }
        let message_id = self.world.queues.send_order(&command.to_string(), ALGORITHMS_SENDER, user_id);
        self.note_sent(message_id, act);
    }

    fn modify(&mut self, index: usize, command: &Value, act: Act) {
        let life = &self.plan.lives[index];
        let (user_id, order_id) = (life.person.user_id, &life.order_id);
        if life.own_hand {
            let details = json!({"path": {"order_id": order_id}, "body": command});
            self.call_api(user_id, "PUT /orders/{order_id}", details);
            return;
        }
        let message_id = self.world.queues.send_order(&command.to_string(), ALGORITHMS_SENDER, user_id);
        self.note_sent(message_id, act);
    }

    fn note_sent(&mut self, message_id: String, act: Act) {
        let at = self.world.right_time();
        self.sent.push(Sent { message_id, at, act });
    }

    /// From now until that act nobody sees what the broker does, or only this username's broker is hidden.
    fn hinder(&self, what: &'static str, username: Option<&'static str>, until: &Act) {
        let now = self.world.clock.glance();
        let until = format!("{until:?}");
        let ends = self.plan.acts.iter().map(|(at, act)| (self.begun_at + SignedDuration::from_millis(*at), act));
        let to = ends.filter(|(at, act)| *at > now && format!("{act:?}") == until).map(|(at, _)| at).min();
        let to = to.unwrap_or_else(|| self.begun_at + SignedDuration::from_millis(self.plan.storm_ends_ms));
        self.world.effects.note_hindrance(Hindrance { what, username, from: now, to });
    }

    /// The broker misbehaves towards this user alone.
    fn misbehave(&self, person: Person, trouble: Option<Trouble>) {
        let broker = self.world.broker();
        let Some(trouble) = trouble else { return broker.clear_faults() };
        self.hinder("one_users_broker", Some(person.username), &Act::Misbehaves(person, None));
        let fault = match trouble {
            Trouble::Slow => FaultKind::Delay { before_ms: 0, after_ms: 14_500 },
            Trouble::Away => FaultKind::Unavailable { executed: false, delay_ms: 10_000 },
            Trouble::Mute => FaultKind::DropAfter,
            Trouble::Garbles => FaultKind::Garbled,
        };
        let everywhere = Fault { username: Some(person.username.to_owned()), ..Fault::next("GET", "/**", fault) };
        broker.add_fault(Fault { method: None, times: u32::MAX, ..everywhere });
    }

    /// From when the rule stands until it is about to be taken away, nothing may be sent, or only what reduces a position.
    async fn halt(&mut self, stop: Stop, mode: Mode, on: bool) {
        let now = || self.world.clock.now();
        // One rule stands for each: it takes the place of the one before.
        for halted in self.halted.iter_mut().filter(|halted| halted.stop == stop && halted.to.is_none()) {
            halted.to = Some(now());
        }
        let halt_mode = match mode {
            Mode::All => HaltMode::All,
            Mode::Reducing => HaltMode::Reducing,
        };
        let halt = Halt { halted: on, since: on.then(now), mode: halt_mode, ..Halt::default() };
        let rules = &self.world.store().rules;
        match stop {
            Stop::Everything => rules.put_halt(&HaltScope::Global, &halt).await.unwrap(),
            Stop::Algorithm => {
                rules.put_halt(&HaltScope::Algorithm(ALGORITHM.parse().unwrap()), &halt).await.unwrap();
            }
            Stop::User(index) => {
                // Sometimes with the end of all that works, the exits of filled brackets among it.
                let ends_all = on && mode == Mode::All && self.dice.per_mille(400);
                let body = match (ends_all, on && mode == Mode::Reducing) {
                    (true, _) => json!({"body": {"halted": true, "cancel_working": true}}),
                    (false, true) => json!({"body": {"halted": true, "mode": "reducing"}}),
                    (false, false) => json!({"body": {"halted": on}}),
                };
                let answered = self.world.api_as(&json!({"sub": PEOPLE[index].user_id}), "PUT /halt", &body).await;
                assert_eq!(answered.status, 200, "{}", answered.text);
            }
            Stop::Grant(index) => {
                let status = match (on, mode) {
                    (true, Mode::All) => GrantStatus::Halted,
                    (true, Mode::Reducing) => GrantStatus::Reducing,
                    (false, _) => GrantStatus::Active,
                };
                let limits = self.plan.grant_limits(index);
                self.world.grant(PEOPLE[index].user_id, PEOPLE[index].accounts, status, limits).await;
            }
        }
        if on {
            self.halted.push(Halted { stop, mode, from: self.world.clock.now(), to: None });
        }
    }

    /// What can trade: an exit does once its parent is filled.
    fn open_entries(&self) -> Vec<LedgerEntry> {
        let book = self.world.broker().ledger();
        let filled = |id: i64| book.iter().any(|entry| entry.order_id == id && entry.status == OrderStatus::Filled);
        let can_trade = |entry: &&LedgerEntry| !entry.status.is_final() && entry.parent_order_id.is_none_or(filled);
        book.iter().filter(can_trade).cloned().collect()
    }

    fn fill(&self, entry: &LedgerEntry) {
        let price = entry.price.unwrap_or_else(|| Decimal::new(10_000, 2));
        let quantity = entry.quantity - entry.filled_quantity;
        self.world.broker().execute_order(Execution { order_id: entry.order_id, quantity, price });
    }

    fn execute_some(&mut self) {
        let open = self.open_entries();
        if open.is_empty() {
            return;
        }
        let entry = self.dice.pick(&open);
        let quantity = Decimal::from(self.dice.between(1, 12));
        let price =
            entry.price.unwrap_or_else(|| Decimal::new(10_000, 2)) + Decimal::new(self.dice.between(-40, 40), 2);
        self.world.broker().execute_order(Execution { order_id: entry.order_id, quantity, price });
    }

    fn reject_one(&mut self) {
        let open = self.open_entries();
        if !open.is_empty() {
            let entry = self.dice.pick(&open);
            let status = self.dice.pick(&[OrderStatus::Inactive, OrderStatus::Cancelled]);
            self.world.broker().reject_order(entry.order_id, status);
        }
    }

    /// One of the orders that were placed, exits apart, and that work.
    fn some_open_parent(&mut self, fits: impl Fn(&LedgerEntry) -> bool) -> Option<LedgerEntry> {
        let mut open = self.open_entries();
        open.retain(|entry| entry.parent_order_id.is_none() && fits(entry));
        (!open.is_empty()).then(|| self.dice.pick(&open))
    }

    fn suspend(&mut self, suspended: bool) {
        let broker = self.world.broker().clone();
        if suspended {
            if let Some(entry) = self.some_open_parent(|entry| entry.status == OrderStatus::Submitted) {
                broker.suspend_order(entry.order_id, true);
            }
            return;
        }
        for entry in self.open_entries().iter().filter(|entry| entry.status == OrderStatus::Suspended) {
            broker.suspend_order(entry.order_id, false);
        }
    }

    /// The broker calls one order cancelled that works, or all of those what they are again.
    fn end_falsely(&mut self, begins: bool) {
        let broker = self.world.broker().clone();
        if begins {
            let open = self.open_entries();
            if !open.is_empty() {
                let entry = self.dice.pick(&open);
                self.falsely_ended.push(entry.order_id);
                self.ever_falsely_ended.insert(entry.order_id);
                broker.say_of_order(entry.order_id, Some(OrderStatus::Cancelled.wire().to_owned()));
            }
            return;
        }
        for order_id in self.falsely_ended.drain(..) {
            broker.say_of_order(order_id, None);
        }
    }

    fn resize_one(&mut self) {
        let least = |entry: &LedgerEntry| entry.filled_quantity + Decimal::ONE;
        if let Some(entry) = self.some_at_work(|entry| least(entry) < entry.quantity) {
            self.by_hand.insert(entry.order_id);
            self.world.broker().resize_order(entry.order_id, least(&entry));
            self.world.effects.chronicle.count_fault("made_smaller_by_hand");
        }
    }

    fn reprice_one(&mut self) {
        let has_a_price =
            |entry: &LedgerEntry| matches!(entry.order_type.as_str(), "LMT" | "STP") && entry.price.is_some();
        if let Some(entry) = self.some_at_work(has_a_price) {
            self.by_hand.insert(entry.order_id);
            let price = entry.price.unwrap_or_default() + Decimal::new(self.dice.between(-60, 60), 2);
            self.world.broker().reprice_order(entry.order_id, price);
            self.world.effects.chronicle.count_fault("repriced_by_hand");
        }
    }

    fn some_at_work(&mut self, fits: impl Fn(&LedgerEntry) -> bool) -> Option<LedgerEntry> {
        let mut at_work = self.world.broker().ledger();
        at_work.retain(|entry| !entry.status.is_final() && fits(entry));
        (!at_work.is_empty()).then(|| self.dice.pick(&at_work))
    }

    fn correct_one(&mut self) {
        if let Some(entry) = self.some_open_parent(|entry| !entry.filled_quantity.is_zero()) {
            let price =
                entry.average_price.unwrap_or_default().round_dp(2) + Decimal::new(self.dice.between(-40, 40), 2);
            self.world.broker().correct_execution(entry.order_id, price);
            self.world.effects.chronicle.count_fault("execution_corrected");
        }
    }

    /// An exit ends alone, or with its whole order.
    fn cancel_entry(&mut self, entry: &LedgerEntry) {
        let book = self.world.broker().ledger();
        let parent = book.iter().find(|other| Some(other.order_id) == entry.parent_order_id);
        let named = parent.unwrap_or(entry);
        let index = self.plan.lives.iter().position(|life| {
            let name = super::evidence::client_order_id(life.person.user_id, &life.order_id);
            named.client_order_id.as_deref() == Some(name.as_str())
        });
        let Some(index) = index else { return };
        if parent.is_some() && self.dice.per_mille(500) {
            let role = super::evidence::role_of(entry);
            self.cancel(index, Some(role), Act::CancelLeg(index, role));
        } else {
            self.cancel(index, None, Act::Cancel(index));
        }
    }

    fn count(&self, act: &Act) {
        let name = match act {
            Act::Again(_) => "duplicate_message",
            Act::Other(_) => "other_content",
            Act::Bad(_) => "bad_message",
            Act::Halt(Stop::Everything, Mode::All, true) => "halt_of_everything",
            Act::Halt(Stop::Algorithm, Mode::All, true) => "halt_of_algorithm",
            Act::Halt(Stop::User(_), Mode::All, true) => "halt_of_user",
            Act::Halt(Stop::Grant(_), Mode::All, true) => "halt_of_grant",
            Act::Halt(Stop::Everything, Mode::Reducing, true) => "reducing_everything",
            Act::Halt(Stop::Algorithm, Mode::Reducing, true) => "reducing_algorithm",
            Act::Halt(Stop::User(_), Mode::Reducing, true) => "reducing_user",
            Act::Halt(Stop::Grant(_), Mode::Reducing, true) => "reducing_grant",
            Act::Lower(..) => "change_to_a_smaller_order",
            Act::ModifyLeg(..) => "change_of_an_exit",
            Act::Misbehaves(_, Some(_)) => "one_users_broker",
            Act::Price(..) => "price_move",
            Act::Execute => "partial_fill",
            Act::CancelLeg(..) => "cancel_of_an_exit",
            Act::VenueRejects => "venue_rejects",
            Act::Elsewhere(_, true) => "session_stolen",
            Act::SessionEnds(_) => "session_ended",
            Act::TokenGone(_) => "token_gone",
            Act::DayResets => "day_reset",
            Act::Down(true) => "iserver_down",
            Act::Asks(_) => "other_questions",
            Act::Prompts(Some(_)) => "prompted",
            Act::Ignores("DELETE", _) => "cancels_not_carried_out",
            Act::Ignores(..) => "changes_not_carried_out",
            Act::Suspends(true) => "suspended",
            Act::OddWord(_) => "odd_word",
            Act::FalselyEnds(true) => "falsely_cancelled",
            _ => return,
        };
        self.world.effects.chronicle.count_fault(name);
    }
}

/// An advanced prompt of this id on every order and every change, or none.
fn prompts(id: Option<&str>) -> QuestionRules {
    let conids = super::tickets::CONTRACTS.iter().map(|contract| contract.conid);
    match id {
        Some(id) => {
            QuestionRules { prompted_conids: conids.collect(), prompt_id: id.to_owned(), ..QuestionRules::default() }
        }
        None => QuestionRules::default(),
    }
}
