//! The plan of one world: who sends what when, and what else happens to them. All of it comes from the seed.

use domain::{LegRole, Limits};
use paper_broker::{Quotes, Spelling};
use serde_json::json;

use super::dice::Dice;
use super::lives::{Life, PEOPLE, Person, new_life};
use super::messages::{Bad, bad_message};
use super::neighbours::Trouble;
use super::reducing::Holding;
use super::tickets::{CONTRACTS, Contract, Kind};
use super::weather::Weather;

/// Lives of one world: from so many to so many.
const LIVES: (i64, i64) = (12, 24);
/// Messages come within so many milliseconds.
const MESSAGES_WITHIN_MS: i64 = 120_000;

/// What a halt stops, in a world's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Everything,
    Algorithm,
    User(usize),
    /// The grant of this user.
    Grant(usize),
}

/// What a halt lets pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It stops everything that is new.
    All,
    /// Orders pass that reduce a position.
    Reducing,
}

/// Limits that stand from the beginning.
#[derive(Debug, Clone)]
pub(crate) struct SetLimits {
    pub(crate) person: usize,
    /// On the grant to the algorithm; else the user's own.
    pub(crate) on_grant: bool,
    pub(crate) limits: Limits,
}

/// How the broker of a world writes what sources tell differently.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) spelling: Spelling,
    /// Of when its prices are.
    pub(crate) quotes: Quotes,
    pub(crate) foreign_listings: bool,
    /// Entries of the lists of accounts that are none.
    pub(crate) account_groups: Vec<String>,
    pub(crate) commission_delay_ms: i64,
    /// Until the storm is over, the quantity of a fill is told so much later than its status.
    pub(crate) quantities_delay_ms: i64,
    /// The answer to a bracket names its entry last.
    pub(crate) exits_answered_first: bool,
    /// A list without orders calls itself no snapshot.
    pub(crate) empty_is_no_snapshot: bool,
}

impl Manner {
    /// As the broker describes itself, with nothing odd.
    pub(crate) fn plain() -> Self {
        Self {
            spelling: Spelling::Described,
            quotes: Quotes::Live,
            foreign_listings: false,
            account_groups: Vec::new(),
            commission_delay_ms: 0,
            quantities_delay_ms: 0,
            exits_answered_first: false,
            empty_is_no_snapshot: false,
        }
    }

    /// Dice of its own, so that the rest of a world does not depend on it.
    fn of(seed: u64) -> Self {
        const APART: u64 = 0x006d_616e_6e65_7200;
        let mut dice = Dice::new(seed ^ APART);
        let not_of_now =
            [Quotes::PreviousClose, Quotes::Halted, Quotes::Delayed, Quotes::Frozen, Quotes::NotSubscribed];
        Self {
            spelling: dice.pick(&[Spelling::Described, Spelling::Recorded]),
            quotes: if dice.per_mille(150) { dice.pick(&not_of_now) } else { Quotes::Live },
            foreign_listings: dice.per_mille(300),
            account_groups: if dice.per_mille(200) {
                vec!["All".to_owned(), "Long Only".to_owned()]
            } else {
                Vec::new()
            },
            commission_delay_ms: dice.pick(&[0, 0, 5_000, 60_000]),
            quantities_delay_ms: dice.pick(&[0, 0, 0, 2_000, 9_000, 25_000]),
            exits_answered_first: dice.per_mille(200),
            empty_is_no_snapshot: dice.per_mille(100),
        }
    }
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
    /// Its sender asks for the end of one of its exits.
    CancelLeg(usize, LegRole),
    /// Its sender asks for a change.
    Modify(usize, u64),
    /// Its sender asks for a change that makes it smaller.
    Lower(usize, u64),
    /// Its sender asks for a change of one of its exits.
    ModifyLeg(usize, LegRole, u64),
    /// A message that must be refused.
    Bad(Bad),
    /// A halt begins or ends.
    Halt(Stop, Mode, bool),
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
    /// The broker asks an advanced prompt of this id on every order and every change, or none any more.
    Prompts(Option<&'static str>),
    /// The broker answers the next calls of this method that name an order with 200, and does not carry them out.
    Ignores(&'static str, u32),
    /// Some order at the broker is shown as `Inactive` though it works; or all of those work again.
    Suspends(bool),
    /// The latest execution of some order is corrected.
    Corrects,
    /// The broker has another word for where some order stands.
    OddWord(&'static str),
    /// The broker calls some order or exit cancelled that works; or tells again what they are.
    FalselyEnds(bool),
    /// A person makes some order or exit smaller in the broker's own program, or gives it another price there.
    Resizes,
    Reprices,
    /// The broker misbehaves towards this user alone, or does so no more.
    Misbehaves(Person, Option<Trouble>),
}

impl Act {
    /// Whether it is a message about this life.
    pub(crate) fn is_about(&self, life: usize) -> bool {
        match self {
            Self::Place(of)
            | Self::Again(of)
            | Self::Other(of)
            | Self::Cancel(of)
            | Self::CancelLeg(of, _)
            | Self::Modify(of, _)
            | Self::Lower(of, _)
            | Self::ModifyLeg(of, ..) => *of == life,
            _ => false,
        }
    }
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
    /// So long after it the market comes to an end; `None`: it goes on.
    pub(crate) market_ends_after_ms: Option<i64>,
    pub(crate) cancel_delay_ms: i64,
    pub(crate) live_orders_delay_ms: i64,
    pub(crate) token_life_seconds: i64,
    pub(crate) renewal_ends_session: bool,
    /// What this world's broker writes otherwise than others.
    pub(crate) manner: Manner,
    /// Limits that somebody set.
    pub(crate) limits: Vec<SetLimits>,
    /// What accounts hold from before every order.
    pub(crate) holdings: Vec<Holding>,
    /// Nothing goes wrong in this world but what befalls this person, so it shows whether anybody else waits for them.
    pub(crate) troubled: Option<usize>,
    /// Nothing but lost answers goes wrong in this world, so it shows how long they take to settle.
    pub(crate) measures_settling: bool,
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
        let measures_settling = dice.per_mille(200);
        let troubled = Self::troubled(seed).filter(|_| !measures_settling);
        let weather = match (measures_settling, troubled) {
            (true, _) => Weather::of_lost_answers(dice.split()),
            (false, Some(_)) => Weather::fair(dice.split()),
            (false, None) => Weather::new(dice.split()),
        };
        let storm_ends_ms = dice.between(130_000, 240_000);
        let people = if dice.per_mille(300) || troubled.is_some() { 2 } else { 1 };
        let mut plan = Self {
            seed,
            people,
            lives: Vec::new(),
            acts: Vec::new(),
            weather,
            storm_ends_ms,
            market_ends_after_ms: Some(75_000),
            cancel_delay_ms: dice.pick(&[0, 0, 400, 3_000]),
            live_orders_delay_ms: dice.pick(&[0, 0, 0, 2_000, 7_000, 20_000]),
            token_life_seconds: dice.pick(&[86_400, 86_400, 86_400, 86_400, 120, 300]),
            renewal_ends_session: dice.per_mille(200),
            manner: Manner::of(seed),
            limits: limits(&mut dice, people),
            holdings: Vec::new(),
            troubled,
            measures_settling,
            redelivered_often: dice.pick(&[0, 0, 20, 60]),
            second_worker_often: dice.pick(&[0, 0, 30, 100]),
            dice: dice.split(),
        };
        plan.add_lives(&mut dice);
        plan.add_bad_messages(&mut dice);
        plan.add_market(&mut dice);
        if measures_settling || troubled.is_some() {
            plan.manner.quantities_delay_ms = 0;
        }
        if measures_settling {
            plan.live_orders_delay_ms = 0;
            plan.manner.empty_is_no_snapshot = false;
            plan.token_life_seconds = 86_400;
            (plan.redelivered_often, plan.second_worker_often) = (0, 0);
        } else if let Some(person) = troubled {
            plan.token_life_seconds = 86_400;
            (plan.redelivered_often, plan.second_worker_often) = (0, 0);
            plan.limits.clear();
            plan.add_trouble_of_one(&mut dice, person);
        } else {
            plan.add_troubles(&mut dice);
            plan.add_oddities(&mut dice);
            plan.add_reducing();
        }
        plan.acts.sort_by_key(|(at, _)| *at);
        plan
    }

    /// The limits on this person's grant.
    pub(crate) fn grant_limits(&self, person: usize) -> Limits {
        let set = self.limits.iter().find(|set| set.person == person && set.on_grant);
        set.map(|set| set.limits.clone()).unwrap_or_default()
    }

    fn add_lives(&mut self, dice: &mut Dice) {
        let contracts: Vec<Contract> = (0..dice.between(1, 3)).map(|_| dice.pick(&CONTRACTS)).collect();
        for number in 0..dice.between(LIVES.0, LIVES.1) {
            let person = PEOPLE[usize::try_from(dice.below(self.people as u64)).unwrap()];
            let life = new_life(dice, person, number, &contracts);
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
        let mut revision = 1;
        if dice.per_mille(150) {
            revision = 2;
            self.acts.push((at + dice.between(0, 60_000), Act::Modify(index, 2)));
            if dice.per_mille(300) {
                revision = 3;
                self.acts.push((at + dice.between(0, 90_000), Act::Modify(index, 3)));
            }
        }
        // Sometimes twice, and sometimes before the order itself.
        for _ in 0..dice.weigh(&[(72, 0), (22, 1), (6, 2)]) {
            self.acts.push((at + dice.between(-2_000, 150_000), Act::Cancel(index)));
        }
        if matches!(self.lives[index].kind, Kind::Bracket | Kind::HalfBracket) {
            self.add_messages_about_exits(dice, index, at, revision);
        }
    }

    fn add_messages_about_exits(&mut self, dice: &mut Dice, index: usize, at: i64, mut revision: u64) {
        let roles = [LegRole::TakeProfit, LegRole::StopLoss];
        let mut after = 0;
        for _ in 0..dice.weigh(&[(50, 0), (30, 1), (20, 2)]) {
            revision += 1;
            after += dice.between(0, 60_000);
            let role = dice.pick(&roles);
            self.acts.push((at + after, Act::ModifyLeg(index, role, revision)));
        }
        for _ in 0..dice.weigh(&[(70, 0), (22, 1), (8, 2)]) {
            self.acts.push((at + dice.between(0, 150_000), Act::CancelLeg(index, dice.pick(&roles))));
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
                    self.span(from, to, |on| Act::Halt(stop, Mode::All, on));
                }
            }
        }
    }

    /// What the broker says and does not mean.
    fn add_oddities(&mut self, dice: &mut Dice) {
        let end = self.storm_ends_ms;
        if dice.per_mille(400) {
            let method = dice.pick(&["DELETE", "DELETE", "POST"]);
            let times = u32::try_from(dice.between(1, 6)).unwrap();
            self.acts.push((dice.between(0, end - 30_000), Act::Ignores(method, times)));
        }
        if dice.per_mille(300) {
            let from = dice.between(5_000, end - 30_000);
            self.span(from, from + dice.between(1_000, 30_000), Act::Suspends);
        }
        for _ in 0..dice.weigh(&[(60, 0), (30, 1), (10, 3)]) {
            self.acts.push((dice.between(10_000, end), Act::Corrects));
        }
        if dice.per_mille(150) {
            let word = dice.pick(&["ApiPending", "Routed", "pre_submitted"]);
            self.acts.push((dice.between(5_000, end), Act::OddWord(word)));
        }
        for _ in 0..dice.weigh(&[(75, 0), (20, 1), (5, 2)]) {
            let from = dice.between(5_000, end - 30_000);
            self.span(from, from + dice.between(1_000, 40_000), Act::FalselyEnds);
        }
        for _ in 0..dice.weigh(&[(80, 0), (15, 1), (5, 2)]) {
            self.acts.push((dice.between(5_000, end), Act::Resizes));
        }
        for _ in 0..dice.weigh(&[(75, 0), (20, 1), (5, 3)]) {
            self.acts.push((dice.between(5_000, end), Act::Reprices));
        }
        if dice.per_mille(150) {
            let from = dice.between(0, end - 60_000);
            let id = dice.pick(&["p6", "p6", "p12"]);
            self.acts.push((from, Act::Prompts(Some(id))));
            self.acts.push((from + dice.between(5_000, 60_000), Act::Prompts(None)));
        }
    }

    pub(crate) fn span(&mut self, from: i64, to: i64, act: impl Fn(bool) -> Act) {
        self.acts.push((from, act(true)));
        self.acts.push((to, act(false)));
    }
}

/// In a quarter of all worlds somebody sets a limit that some orders meet.
fn limits(dice: &mut Dice, people: usize) -> Vec<SetLimits> {
    let choices = [
        json!({"max_order_quantity": "30"}),
        json!({"max_order_notional": "9000"}),
        json!({"max_daily_notional": "40000"}),
        json!({"max_daily_orders": 7}),
        json!({"max_open_orders": 3}),
        json!({"max_open_orders": 4, "max_daily_orders": 12}),
        json!({"allowed_conids": [265_598, 272_093, 756_733]}),
        json!({"price_collar_percent": "1.5"}),
    ];
    if !dice.per_mille(250) {
        return Vec::new();
    }
    let limits = serde_json::from_value(dice.pick(&choices)).unwrap();
    let person = usize::try_from(dice.below(people as u64)).unwrap();
    vec![SetLimits { person, on_grant: dice.per_mille(500), limits }]
}
