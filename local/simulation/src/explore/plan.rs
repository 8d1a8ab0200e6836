//! The plan of one world: who sends what when, and what else happens to them. All of it comes from the seed.

use serde_json::{Value, json};

use super::dice::Dice;
use super::messages::{Bad, bad_message};
use super::tickets::{CONTRACTS, Contract, DARK, FORBIDDEN, KINDS, Kind, text};
use super::weather::Weather;
use crate::world::{ACCOUNT, ALGORITHM, SECOND_ACCOUNTS, SECOND_USERNAME, SENDER, USER, USERNAME};

/// Lives of one world: from so many to so many.
const LIVES: (i64, i64) = (12, 24);
/// Messages come within so many milliseconds.
const MESSAGES_WITHIN_MS: i64 = 120_000;

/// Somebody who trades.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) user_id: &'static str,
    pub(crate) username: &'static str,
    pub(crate) accounts: &'static [&'static str],
}

/// Everybody.
pub(crate) const PEOPLE: [Person; 2] = [
    Person { user_id: USER, username: USERNAME, accounts: &[ACCOUNT] },
    Person { user_id: "u-8", username: SECOND_USERNAME, accounts: &SECOND_ACCOUNTS },
];

/// One order, from its message to its end.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) person: Person,
    pub(crate) account: &'static str,
    pub(crate) order_id: String,
    pub(crate) kind: Kind,
    /// The contract that the ticket names; `None`: it names none, or more than one.
    pub(crate) contract: Option<Contract>,
    /// The user's own, over the API; else an algorithm's, over the queue.
    pub(crate) own_hand: bool,
    /// The place command.
    pub(crate) command: Value,
}

/// What a halt stops, in a world's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Everything,
    Algorithm,
    User(usize),
    /// The grant of this user.
    Grant(usize),
}

/// Something that happens at a time.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// The life's command goes to the queue, or to the API.
    Place(usize),
    /// The same again.
    Again(usize),
    /// Other content under the same id.
    Other(usize),
    /// Its sender asks for its end.
    Cancel(usize),
    /// Its sender asks for a change.
    Modify(usize, u64),
    /// A message that must be refused.
    Bad(Bad),
    /// A halt begins or ends.
    Halt(Stop, bool),
    /// A contract's price, in cents.
    Price(i64, i64),
    /// Some order at the broker executes in part.
    Execute,
    /// Every order at the broker executes to its end.
    Fill,
    /// The venue refuses some order.
    VenueRejects,
    /// The username logs in elsewhere, or out there.
    Elsewhere(Person, bool),
    /// Their brokerage session ends.
    SessionEnds(Person),
    /// Their live session token is gone.
    TokenGone(Person),
    /// The daily reset.
    DayResets,
    /// The broker's trading part is down, or up again.
    Down(bool),
    /// What the broker asks changes: message ids that it asks on every order.
    Asks(Vec<String>),
}

/// What a world is told.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) people: usize,
    pub(crate) lives: Vec<Life>,
    /// By their time in milliseconds from the beginning.
    pub(crate) acts: Vec<(i64, Act)>,
    pub(crate) weather: Weather,
    /// When everything begins to work again.
    pub(crate) storm_ends_ms: i64,
    pub(crate) cancel_delay_ms: i64,
    pub(crate) live_orders_delay_ms: i64,
    pub(crate) token_life_seconds: i64,
    pub(crate) renewal_ends_session: bool,
    /// Per thousand messages: their delete is lost, and they come again.
    pub(crate) redelivered_often: u64,
    /// Per thousand batches: a second worker gets them as well.
    pub(crate) second_worker_often: u64,
    /// For what is decided while the world runs.
    pub(crate) dice: Dice,
}

impl Plan {
    /// The plan of this seed.
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let weather = Weather::new(dice.split());
        let storm_ends_ms = dice.between(130_000, 240_000);
        let people = if dice.per_mille(300) { 2 } else { 1 };
        let mut plan = Self {
            seed,
            people,
            lives: Vec::new(),
            acts: Vec::new(),
            weather,
            storm_ends_ms,
            cancel_delay_ms: dice.pick(&[0, 0, 400, 3_000]),
            live_orders_delay_ms: dice.pick(&[0, 0, 0, 2_000, 7_000, 20_000]),
            token_life_seconds: dice.pick(&[86_400, 86_400, 86_400, 86_400, 120, 300]),
            renewal_ends_session: dice.per_mille(200),
            redelivered_often: dice.pick(&[0, 0, 20, 60]),
            second_worker_often: dice.pick(&[0, 0, 30, 100]),
            dice: dice.split(),
        };
        plan.add_lives(&mut dice);
        plan.add_bad_messages(&mut dice);
        plan.add_market(&mut dice);
        plan.add_troubles(&mut dice);
        plan.acts.sort_by_key(|(at, _)| *at);
        plan
    }

    fn add_lives(&mut self, dice: &mut Dice) {
        let contracts: Vec<Contract> = (0..dice.between(1, 3)).map(|_| dice.pick(&CONTRACTS)).collect();
        for number in 0..dice.between(LIVES.0, LIVES.1) {
            let person = PEOPLE[usize::try_from(dice.below(self.people as u64)).unwrap()];
            let life = life(dice, person, number, &contracts);
            self.lives.push(life);
            let at = dice.between(0, MESSAGES_WITHIN_MS);
            self.add_messages(dice, self.lives.len() - 1, at);
        }
    }

    /// What is sent about one life.
    fn add_messages(&mut self, dice: &mut Dice, index: usize, at: i64) {
        self.acts.push((at, Act::Place(index)));
        if dice.per_mille(150) {
            self.acts.push((at + dice.between(0, 60_000), Act::Again(index)));
        }
        if dice.per_mille(60) {
            self.acts.push((at + dice.between(0, 60_000), Act::Other(index)));
        }
        if dice.per_mille(150) {
            self.acts.push((at + dice.between(0, 60_000), Act::Modify(index, 2)));
            if dice.per_mille(300) {
                self.acts.push((at + dice.between(0, 90_000), Act::Modify(index, 3)));
            }
        }
        // Sometimes twice, and sometimes before the order itself.
        for _ in 0..dice.weigh(&[(72, 0), (22, 1), (6, 2)]) {
            self.acts.push((at + dice.between(-2_000, 150_000), Act::Cancel(index)));
        }
    }

    fn add_bad_messages(&mut self, dice: &mut Dice) {
        for number in 0..dice.between(0, 4) {
            let bad = bad_message(dice, &self.lives[0], number);
            self.acts.push((dice.between(0, MESSAGES_WITHIN_MS), Act::Bad(bad)));
        }
    }

    fn add_market(&mut self, dice: &mut Dice) {
        let conids: Vec<Contract> = self.lives.iter().filter_map(|life| life.contract).collect();
        for _ in 0..dice.between(0, 12) {
            if let Some(contract) = (!conids.is_empty()).then(|| dice.pick(&conids)) {
                let cents = contract.cents + contract.cents * dice.between(-25, 25) / 1000;
                self.acts.push((dice.between(5_000, self.storm_ends_ms), Act::Price(contract.conid, cents)));
            }
        }
        for _ in 0..dice.between(0, 6) {
            self.acts.push((dice.between(5_000, self.storm_ends_ms), Act::Execute));
        }
        if dice.per_mille(300) {
            self.acts.push((dice.between(5_000, self.storm_ends_ms), Act::VenueRejects));
        }
        if dice.per_mille(250) {
            let asks = dice.pick(&[vec!["o403"], vec!["o99999"], vec!["o10331", "o10336"], vec![]]);
            let asks = asks.into_iter().map(str::to_owned).collect();
            self.acts.push((dice.between(0, MESSAGES_WITHIN_MS), Act::Asks(asks)));
            self.acts.push((dice.between(MESSAGES_WITHIN_MS, self.storm_ends_ms), Act::Asks(Vec::new())));
        }
    }

    /// What happens to sessions and rules.
    fn add_troubles(&mut self, dice: &mut Dice) {
        let end = self.storm_ends_ms;
        let people: Vec<Person> = PEOPLE[..self.people].to_vec();
        for _ in 0..dice.weigh(&[(50, 0), (30, 1), (15, 2), (5, 3)]) {
            let person = dice.pick(&people);
            let from = dice.between(0, end - 10_000);
            let to = (from + dice.between(1_000, 60_000)).min(end);
            let stops = [Stop::Everything, Stop::Algorithm, Stop::User(0), Stop::Grant(0)];
            match dice.weigh(&[(3, 0), (3, 1), (2, 2), (1, 3), (2, 4), (5, 5)]) {
                0 => self.span(from, to, |on| Act::Elsewhere(person, on)),
                1 => self.acts.push((from, Act::SessionEnds(person))),
                2 => self.acts.push((from, Act::TokenGone(person))),
                3 => self.acts.push((from, Act::DayResets)),
                4 => self.span(from, (from + 20_000).min(end), Act::Down),
                _ => {
                    let stop = dice.pick(&stops);
                    self.span(from, to, |on| Act::Halt(stop, on));
                }
            }
        }
    }

    fn span(&mut self, from: i64, to: i64, act: impl Fn(bool) -> Act) {
        self.acts.push((from, act(true)));
        self.acts.push((to, act(false)));
    }
}

fn life(dice: &mut Dice, person: Person, number: i64, contracts: &[Contract]) -> Life {
    let kind = dice.weigh(&KINDS);
    let account = dice.pick(person.accounts);
    let order_id = format!("order-{number:02}");
    let own_hand = dice.per_mille(120);
    let contract = dice.weigh(&[(92, None), (4, Some(DARK)), (4, Some(FORBIDDEN))]);
    let contract = contract.unwrap_or_else(|| dice.pick(contracts));
    let (named, meant) = named(dice, contract);
    let algorithm_id = if own_hand { "self" } else { ALGORITHM };
    let mut command = json!({"schema": "courier.order/1", "command": "place", "user_id": person.user_id,
        "order_id": order_id, "algorithm_id": algorithm_id, "account_id": account, "contract": named});
    merge(&mut command, kind.fields(dice, &contract));
    if let Some(seconds) = dice.weigh(&[(65, None), (15, Some(15)), (15, Some(90)), (3, Some(600)), (2, Some(-5))]) {
        // Told from the beginning of the world: most messages come within two minutes.
        command["good_until_seconds"] = json!(seconds);
    }
    Life { person, account, order_id, kind, contract: meant, own_hand, command }
}

/// How a message names a contract, and which one it is then.
fn named(dice: &mut Dice, contract: Contract) -> (Value, Option<Contract>) {
    match dice.weigh(&[(80, 0), (16, 1), (2, 2), (2, 3)]) {
        0 => (json!({"conid": contract.conid}), Some(contract)),
        1 => (json!({"symbol": contract.symbol, "exchange": contract.exchange}), Some(contract)),
        2 => (json!({"symbol": "BHP"}), None),
        _ => (json!({"symbol": "NOSUCH"}), None),
    }
}

pub(crate) fn merge(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}

/// A change that fits the kind of order.
pub(crate) fn change(life: &Life, revision: u64, dice: &mut Dice) -> Value {
    let mut command = json!({"schema": "courier.order/1", "command": "modify", "user_id": life.person.user_id,
        "order_id": life.order_id, "algorithm_id": life.command["algorithm_id"], "revision": revision});
    let cents = life.contract.map_or(1_000, |contract| contract.cents);
    let price = text(cents + cents * dice.between(-20, 20) / 1000);
    let field = match life.kind {
        Kind::Limit | Kind::Bracket | Kind::HalfBracket if dice.per_mille(700) => json!({"limit_price": price}),
        Kind::Stop => json!({"stop_price": price}),
        Kind::CashQuantity => json!({"time_in_force": "gtc"}),
        _ => json!({"quantity": dice.between(1, 60).to_string()}),
    };
    merge(&mut command, field);
    command
}

/// Who sends for an algorithm.
pub(crate) const ALGORITHMS_SENDER: &str = SENDER;

/// A life without chance, whose every effect is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    kind: Kind,
    own_hand: bool,
    by_symbol: bool,
    is_cancelled: bool,
}

impl Script {
    /// Each kind of order once, a plain limit order first; and a limit order that comes over the API, names its contract
    /// by a symbol, or is cancelled.
    pub(crate) fn all() -> Vec<Self> {
        let plain = Self { kind: Kind::Limit, own_hand: false, by_symbol: false, is_cancelled: false };
        let others =
            KINDS.iter().filter(|(_, kind)| *kind != Kind::Limit).map(|(_, kind)| Self { kind: *kind, ..plain });
        let variants =
            [Self { own_hand: true, ..plain }, Self { by_symbol: true, ..plain }, Self { is_cancelled: true, ..plain }];
        std::iter::once(plain).chain(others).chain(variants).collect()
    }

    pub(crate) fn name(&self) -> String {
        let mut name = self.kind.name().to_owned();
        for (is_so, word) in [
            (self.own_hand, " over the api"),
            (self.by_symbol, " by symbol"),
            (self.is_cancelled, " that is cancelled"),
        ] {
            if is_so {
                name.push_str(word);
            }
        }
        name
    }
}

impl Plan {
    /// One order in fair weather: it is sent, filled in part after 12 s, and filled whole after 20 s; or cancelled then.
    pub(crate) fn scripted(script: &Script, storm_ends_ms: i64) -> Self {
        let contract = CONTRACTS[0];
        let mut dice = Dice::new(7);
        let mut life = life(&mut dice, PEOPLE[0], 0, &[contract]);
        life.kind = script.kind;
        life.own_hand = script.own_hand;
        life.contract = Some(contract);
        let named = if script.by_symbol { json!({"symbol": "AAPL"}) } else { json!({"conid": contract.conid}) };
        let algorithm_id = if script.own_hand { "self" } else { ALGORITHM };
        life.command = json!({"schema": "courier.order/1", "command": "place", "user_id": USER, "order_id": life.order_id,
            "algorithm_id": algorithm_id, "account_id": ACCOUNT, "contract": named});
        merge(&mut life.command, script.kind.fields(&mut Dice::new(11), &contract));
        // A price that waits, so that the order is at work for a while.
        if script.kind == Kind::Limit {
            merge(
                &mut life.command,
                json!({"side": "buy", "quantity": "10", "limit_price": "186.00", "time_in_force": "day"}),
            );
        }
        let mut acts = vec![(0, Act::Place(0)), (12_000, Act::Execute)];
        acts.push((20_000, if script.is_cancelled { Act::Cancel(0) } else { Act::Fill }));
        Self {
            seed: 7,
            people: 1,
            lives: vec![life],
            acts,
            weather: Weather::new(Dice::new(7)),
            storm_ends_ms,
            cancel_delay_ms: 400,
            live_orders_delay_ms: 0,
            token_life_seconds: 86_400,
            renewal_ends_session: false,
            redelivered_often: 0,
            second_worker_often: 0,
            dice: Dice::new(7),
        }
    }
}
