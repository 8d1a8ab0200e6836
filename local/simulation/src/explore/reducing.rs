//! Halts that let only reducing orders pass: positions from before, orders against them by quantity and by cash, brackets,
//! several at once, and fills in between.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::dice::Dice;
use super::lives::{Life, PEOPLE, Person, merge};
use super::plan::{Act, Mode, Plan, Stop};
use super::tickets::{CONTRACTS, Contract, Kind};
use crate::world::ALGORITHM;

/// Worlds with such a halt, of a thousand.
const OFTEN: u64 = 300;
/// Positions are of so many shares.
const SHARES: (i64, i64) = (3, 60);
/// Kinds of orders that come under such a halt, and how often.
const KINDS: [(u64, Kind); 8] = [
    (34, Kind::Limit),
    (22, Kind::Market),
    (10, Kind::Stop),
    (5, Kind::StopLimit),
    (5, Kind::TrailingStop),
    (4, Kind::Midprice),
    (10, Kind::CashQuantity),
    (10, Kind::Bracket),
];

/// What an account holds from before every order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holding {
    pub(crate) person: Person,
    pub(crate) account: &'static str,
    pub(crate) contract: Contract,
    /// Less than nothing: it is short of it.
    pub(crate) quantity: i64,
}

impl Holding {
    pub(crate) fn quantity(&self) -> Decimal {
        Decimal::from(self.quantity)
    }
}

impl Plan {
    /// Dice of its own, so that the rest of a world does not depend on it.
    pub(crate) fn add_reducing(&mut self) {
        const APART: u64 = 0x7265_6475_6369_6e67;
        let mut dice = Dice::new(self.seed ^ APART);
        if !dice.per_mille(OFTEN) {
            return;
        }
        self.add_holdings(&mut dice);
        for _ in 0..dice.weigh(&[(70, 1), (30, 2)]) {
            let from = dice.between(15_000, 90_000);
            let to = (from + dice.between(20_000, 90_000)).min(self.storm_ends_ms);
            let person = usize::try_from(dice.below(self.people as u64)).unwrap();
            let stop = dice.pick(&[Stop::Everything, Stop::Algorithm, Stop::User(person), Stop::Grant(person)]);
            self.acts.push((from, Act::Halt(stop, Mode::Reducing, true)));
            self.acts.push((to, Act::Halt(stop, Mode::Reducing, false)));
            self.add_orders_against_positions(&mut dice, from, to);
        }
    }

    fn add_holdings(&mut self, dice: &mut Dice) {
        let mut contracts: Vec<Contract> = self.lives.iter().filter_map(|life| life.contract).collect();
        contracts.retain(|contract| CONTRACTS.contains(contract));
        contracts.sort_unstable_by_key(|contract| contract.conid);
        contracts.dedup();
        contracts.truncate(2);
        for person in &PEOPLE[..self.people] {
            for account in person.accounts {
                for contract in &contracts {
                    let shares = dice.between(SHARES.0, SHARES.1);
                    let quantity = if dice.per_mille(300) { -shares } else { shares };
                    self.holdings.push(Holding { person: *person, account, contract: *contract, quantity });
                }
            }
        }
    }

    fn add_orders_against_positions(&mut self, dice: &mut Dice, from: i64, to: i64) {
        if self.holdings.is_empty() {
            return;
        }
        let mut at = from;
        for _ in 0..dice.between(4, 9) {
            // Often several at once.
            if !dice.per_mille(400) {
                at = dice.between(from, (to - 1_000).max(from));
            }
            let holding = dice.pick(&self.holdings);
            let number = self.lives.len();
            self.lives.push(life_against(dice, &holding, number));
            self.acts.push((at, Act::Place(number)));
            match dice.weigh(&[(2, 0), (2, 1), (6, 2)]) {
                1 => self.acts.push((dice.between(at, to), Act::Modify(number, 2))),
                2 => self.acts.push((dice.between(at, to), Act::Lower(number, 2))),
                _ => {}
            }
            if dice.per_mille(150) {
                self.acts.push((dice.between(at, to), Act::Cancel(number)));
            }
        }
        for _ in 0..dice.between(2, 6) {
            self.acts.push((dice.between(from, to), Act::Execute));
        }
        for _ in 0..dice.between(0, 3) {
            let contract = dice.pick(&self.holdings).contract;
            let cents = contract.cents + contract.cents * dice.between(-20, 20) / 1000;
            self.acts.push((dice.between(from, to), Act::Price(contract.conid, cents)));
        }
    }
}

/// An order on a contract that is held, mostly against the position and not larger than it.
fn life_against(dice: &mut Dice, holding: &Holding, number: usize) -> Life {
    let Holding { person, account, contract, quantity } = *holding;
    let kind = dice.weigh(&KINDS);
    let against = if quantity > 0 { "sell" } else { "buy" };
    let side = match (dice.per_mille(870), against) {
        (true, side) => side,
        (false, "buy") => "sell",
        (false, _) => "buy",
    };
    let mut fields = fields_of_side(dice, kind, &contract, side);
    let held = quantity.abs();
    if kind == Kind::CashQuantity {
        fields["cash_quantity"] = json!(dice.between(200, 3_000).to_string());
    } else {
        let shares = dice.pick(&[held, held, held / 2, held / 3, held / 5, held + 1, 1]);
        fields["quantity"] = json!(shares.max(1).to_string());
    }
    let own_hand = dice.per_mille(100);
    let algorithm_id = if own_hand { "self" } else { ALGORITHM };
    let order_id = format!("against-{number:02}");
    let mut command = json!({"schema": "courier.order/1", "command": "place", "user_id": person.user_id,
        "order_id": order_id, "algorithm_id": algorithm_id, "account_id": account,
        "contract": {"conid": contract.conid}});
    merge(&mut command, fields);
    Life { person, account, order_id, kind, contract: Some(contract), own_hand, command }
}

/// The fields of an order on this side: the kind throws its own.
fn fields_of_side(dice: &mut Dice, kind: Kind, contract: &Contract, side: &str) -> Value {
    loop {
        let fields = kind.fields(dice, contract);
        if fields["side"] == side {
            return fields;
        }
    }
}
