//! Lives: one order each, from its message to its end, and what its sender says about it.

use domain::LegRole;
use serde_json::{Value, json};

use super::dice::Dice;
use super::tickets::{Contract, DARK, FORBIDDEN, KINDS, Kind, text};
use crate::world::{ACCOUNT, ALGORITHM, SECOND_ACCOUNTS, SECOND_USERNAME, SENDER, USER, USERNAME};

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

/// A life by chance.
pub(crate) fn new_life(dice: &mut Dice, person: Person, number: i64, contracts: &[Contract]) -> Life {
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
        // Fields that live orders do not show.
        kind if dice.per_mille(150) && kind != Kind::Market => json!({"time_in_force": dice.pick(&["day", "gtc"])}),
        Kind::StopLimit | Kind::TrailingStop | Kind::TrailingStopLimit if dice.per_mille(300) => {
            json!({"stop_price": price})
        }
        Kind::Limit | Kind::Bracket | Kind::HalfBracket if dice.per_mille(700) => json!({"limit_price": price}),
        Kind::Stop => json!({"stop_price": price}),
        Kind::CashQuantity => json!({"time_in_force": "gtc"}),
        _ => json!({"quantity": dice.between(1, 60).to_string()}),
    };
    merge(&mut command, field);
    command
}

/// A change to half of what it is for.
pub(crate) fn smaller(life: &Life, revision: u64) -> Value {
    let quantity: i64 = life.command["quantity"].as_str().and_then(|text| text.parse().ok()).unwrap_or(2);
    json!({"schema": "courier.order/1", "command": "modify", "user_id": life.person.user_id, "order_id": life.order_id,
        "algorithm_id": life.command["algorithm_id"], "revision": revision, "quantity": (quantity / 2).max(1).to_string()})
}

/// A change of one of its exits: prices around those that exits are placed with, or a quantity.
pub(crate) fn change_of_exit(life: &Life, role: LegRole, revision: u64, dice: &mut Dice) -> Value {
    let mut command = json!({"schema": "courier.order/1", "command": "modify", "user_id": life.person.user_id,
        "order_id": life.order_id, "algorithm_id": life.command["algorithm_id"], "revision": revision, "leg": role});
    let cents = life.contract.map_or(1_000, |contract| contract.cents);
    let towards = if life.command["side"] == "buy" { 1 } else { -1 };
    let price = |thousandths: i64| text(cents + cents * thousandths * towards / 1000);
    let has_limit = !life.command["attached"]["stop_loss"]["limit_price"].is_null();
    let stop = dice.between(-32, -18);
    let field = match role {
        _ if dice.per_mille(300) => json!({"quantity": dice.between(1, 40).to_string()}),
        LegRole::TakeProfit => json!({"limit_price": price(dice.between(14, 32))}),
        LegRole::StopLoss if has_limit && dice.per_mille(400) => json!({"limit_price": price(stop)}),
        LegRole::StopLoss if has_limit => json!({"stop_price": price(stop), "limit_price": price(stop - 3)}),
        LegRole::StopLoss => json!({"stop_price": price(stop)}),
    };
    merge(&mut command, field);
    command
}

/// Who sends for an algorithm.
pub(crate) const ALGORITHMS_SENDER: &str = SENDER;
