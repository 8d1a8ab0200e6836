//! Messages: what an algorithm sends for one user, good and bad.

use domain::{OrderId, OrderKey};
use serde_json::{Value, json};

use crate::error::HarnessError;
use crate::house::{ALGORITHM, HouseUser};
use crate::market::{CONTRACTS, price};
use crate::random::Random;

/// Contracts that one user trades: few, so that orders wait for each other.
const CONTRACTS_OF_USER: usize = 2;
/// Only the latest orders are changed, cancelled and repeated.
const LATEST: usize = 15;

/// What a message is, and so what must become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A new order.
    Place,
    /// An earlier order's message again.
    Same,
    /// Another order under an id that is taken: refused.
    Differs,
    /// A message that cannot be read, but for who sends it and what it names: a denied order.
    Malformed,
    /// A message for an algorithm that nobody registered: refused.
    Stranger,
    /// A change of this number.
    Modify(u64),
    /// A cancel.
    Cancel,
}

/// A message to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) what: What,
    pub(crate) key: OrderKey,
    pub(crate) body: Value,
}

/// What was sent for one user.
#[derive(Debug)]
pub(crate) struct Book {
    user: HouseUser,
    number: usize,
    placed: Vec<Placed>,
}

#[derive(Debug)]
struct Placed {
    order_id: OrderId,
    body: Value,
    revision: u64,
}

impl Book {
    /// The book of the user of this number.
    pub(crate) fn new(user: &HouseUser, number: usize) -> Self {
        Self { user: user.clone(), number, placed: Vec::new() }
    }

    /// The next message.
    pub(crate) fn compose(&mut self, random: &mut Random) -> Result<Message, HarnessError> {
        let choice = if self.placed.is_empty() { 0 } else { random.between(0, 99) };
        Ok(match choice {
            0..=67 => self.place(random)?,
            68..=77 => self.cancel(random),
            78..=85 => self.modify(random),
            86..=93 => self.repeat(random, What::Same),
            94..=95 => self.repeat(random, What::Differs),
            96..=97 => self.malformed()?,
            _ => self.stranger()?,
        })
    }

    fn place(&mut self, random: &mut Random) -> Result<Message, HarnessError> {
        let order_id = self.next_id()?;
        let (conid, cents) = CONTRACTS[(self.number + random.index(CONTRACTS_OF_USER)) % CONTRACTS.len()];
        let buys = random.percent(50);
        let mut body = json!({
            "schema": "courier.order/1", "command": "place", "user_id": self.user.user_id, "order_id": order_id,
            "algorithm_id": ALGORITHM, "account_id": self.user.account_id, "contract": {"conid": conid},
            "side": if buys { "buy" } else { "sell" }, "quantity": random.between(1, 20).to_string(),
            "time_in_force": "day",
        });
        let fields = match random.between(0, 99) {
            0..=34 => limit(random, cents, buys),
            35..=64 => json!({"type": "market"}),
            65..=81 => stop(random, cents, buys),
            _ => bracket(random, cents, buys),
        };
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        self.placed.push(Placed { order_id: order_id.clone(), body: body.clone(), revision: 1 });
        Ok(self.message(What::Place, order_id, body))
    }

    fn cancel(&mut self, random: &mut Random) -> Message {
        let order_id = self.latest(random).order_id.clone();
        let body = self.command("cancel", &order_id);
        self.message(What::Cancel, order_id, body)
    }

    fn modify(&mut self, random: &mut Random) -> Message {
        let placed = self.latest(random);
        placed.revision += 1;
        let (order_id, revision) = (placed.order_id.clone(), placed.revision);
        let name = if placed.body["type"] == "stop" { "stop_price" } else { "limit_price" };
        let cents =
            CONTRACTS.iter().find(|(conid, _)| placed.body["contract"]["conid"] == *conid).map_or(10_000, |row| row.1);
        let mut body = self.command("modify", &order_id);
        body["revision"] = json!(revision);
        body[name] = json!(price(cents, random.between(980, 1_020)).to_string());
        if random.percent(40) {
            body["quantity"] = json!(random.between(20, 30).to_string());
        }
        self.message(What::Modify(revision), order_id, body)
    }

    fn repeat(&mut self, random: &mut Random, what: What) -> Message {
        let placed = self.latest(random);
        let (order_id, mut body) = (placed.order_id.clone(), placed.body.clone());
        if what == What::Differs {
            body["quantity"] = json!("999");
        }
        self.message(what, order_id, body)
    }

    fn malformed(&mut self) -> Result<Message, HarnessError> {
        let order_id = self.next_id()?;
        let mut body = self.command("place", &order_id);
        body["type"] = json!("limit");
        body["side"] = json!("sideways");
        self.placed.push(Placed { order_id: order_id.clone(), body: body.clone(), revision: 1 });
        Ok(self.message(What::Malformed, order_id, body))
    }

    fn stranger(&mut self) -> Result<Message, HarnessError> {
        let order_id = format!("stranger-{}", self.placed.len()).parse();
        let order_id: OrderId =
            order_id.map_err(|error: domain::InvalidId| HarnessError::machine("naming")(error.into()))?;
        let mut body = self.command("cancel", &order_id);
        body["algorithm_id"] = json!("stranger");
        Ok(self.message(What::Stranger, order_id, body))
    }

    fn command(&self, command: &str, order_id: &OrderId) -> Value {
        json!({"schema": "courier.order/1", "command": command, "user_id": self.user.user_id, "order_id": order_id,
               "algorithm_id": ALGORITHM})
    }

    fn message(&self, what: What, order_id: OrderId, body: Value) -> Message {
        Message { what, key: OrderKey { user_id: self.user.user_id.clone(), order_id }, body }
    }

    /// There is one: nothing else is sent first.
    fn latest(&mut self, random: &mut Random) -> &mut Placed {
        let first = self.placed.len().saturating_sub(LATEST);
        let latest = &mut self.placed[first..];
        let index = random.index(latest.len());
        &mut latest[index]
    }

    fn next_id(&self) -> Result<OrderId, HarnessError> {
        let id = format!("order-{:05}", self.placed.len() + 1);
        id.parse().map_err(|error: domain::InvalidId| HarnessError::machine("naming")(error.into()))
    }
}

/// From well inside the market to far outside.
fn limit(random: &mut Random, cents: u64, buys: bool) -> Value {
    let per_mille = if buys { random.between(978, 1_012) } else { random.between(988, 1_022) };
    json!({"type": "limit", "limit_price": price(cents, per_mille).to_string()})
}

/// Some are touched by the moves of the market.
fn stop(random: &mut Random, cents: u64, buys: bool) -> Value {
    let per_mille = if buys { random.between(1_005, 1_025) } else { random.between(975, 995) };
    json!({"type": "stop", "stop_price": price(cents, per_mille).to_string(), "time_in_force": "gtc"})
}

fn bracket(random: &mut Random, cents: u64, buys: bool) -> Value {
    let entry = if buys { random.between(990, 1_005) } else { random.between(995, 1_010) };
    let (profit, stop) = if buys { (entry + 20, entry - 20) } else { (entry - 20, entry + 20) };
    json!({
        "type": "limit", "limit_price": price(cents, entry).to_string(),
        "attached": {"take_profit": {"limit_price": price(cents, profit).to_string()},
                     "stop_loss": {"stop_price": price(cents, stop).to_string()}},
    })
}

#[cfg(test)]
mod tests {
    use domain::Command;

    use super::*;

    #[test]
    fn every_kind_of_message_is_what_it_says() {
        let user = HouseUser {
            user_id: "user-1".parse().unwrap(),
            username: "paper-1".to_owned(),
            account_id: "DU0000001".parse().unwrap(),
        };
        let (mut book, mut random) = (Book::new(&user, 0), Random::of_part(3, 3));
        let mut seen = Vec::new();
        for _ in 0..600 {
            let message = book.compose(&mut random).unwrap();
            let parsed = Command::parse(&message.body.to_string());
            // A message that cannot be read is repeated as well.
            assert_eq!(parsed.is_err(), message.body["side"] == "sideways", "{message:?}");
            let what = match message.what {
                What::Modify(_) => What::Modify(0),
                other => other,
            };
            if !seen.contains(&what) {
                seen.push(what);
            }
        }
        assert_eq!(seen.len(), 7, "{seen:?}");
    }
}
