//! Messages: what a sender may ask for (docs/contract.md, Orders).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::amount::Amount;
use crate::checks::Faults;
use crate::error::{Error, InvalidMessage};
use crate::ticket::{Attached, Contract, LegRole, OrderType, Side, TimeInForce, Trail};

/// The word for this form of message.
const SCHEMA: &str = "courier.order/1";
const CONID_MAX: u32 = i32::MAX.unsigned_abs();

/// A new order. `order_id` is its name for ever: placing the same order twice is placing it once. Derive it from what the
/// order is for (`monthly-2026-12-SPY`), not from the time or from chance: a program that starts again cannot buy twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct PlaceOrder {
    pub order_id: String,
    pub account_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_until: Option<Timestamp>,
    pub contract: Contract,
    pub side: Side,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_quantity: Option<Amount>,
    #[serde(rename = "type")]
    pub order_type: OrderType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_price: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
    pub time_in_force: TimeInForce,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outside_regular_hours: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<Attached>,
}

impl PlaceOrder {
    /// A market order for the day. Other orders are made of it: `PlaceOrder { order_type: …, ..PlaceOrder::market(…) }`.
    #[must_use]
    pub fn market(order_id: &str, account_id: &str, contract: Contract, side: Side, quantity: Amount) -> Self {
        Self {
            order_id: order_id.to_owned(),
            account_id: account_id.to_owned(),
            good_until: None,
            contract,
            side,
            quantity: Some(quantity),
            cash_quantity: None,
            order_type: OrderType::Market,
            limit_price: None,
            stop_price: None,
            trail: None,
            time_in_force: TimeInForce::Day,
            outside_regular_hours: None,
            attached: None,
        }
    }

    /// A limit order for the day.
    #[must_use]
    pub fn limit(
        order_id: &str,
        account_id: &str,
        contract: Contract,
        side: Side,
        quantity: Amount,
        limit_price: Amount,
    ) -> Self {
        let market = Self::market(order_id, account_id, contract, side, quantity);
        Self { order_type: OrderType::Limit, limit_price: Some(limit_price), ..market }
    }

    /// Checks it as the server does, and names every fault. Whatever sends it has it checked.
    pub fn check(&self) -> Result<(), InvalidMessage> {
        let mut faults = Faults::default();
        faults.order_id(&self.order_id);
        faults.account_id(&self.account_id);
        faults.contract(&self.contract, CONID_MAX);
        if self.quantity.is_some() == self.cash_quantity.is_some() {
            faults.add("quantity", "and cash_quantity: give one of the two");
        }
        faults.prices_of(self.order_type, self.given_prices());
        faults.trail(self.trail);
        if let Some(attached) = self.attached {
            if attached == Attached::default() {
                faults.add("attached", "needs take_profit, stop_loss, or both");
            }
            if self.cash_quantity.is_some() {
                faults.add("attached", "needs a quantity: a cash quantity leaves that of the exits open");
            }
            let prices = match self.order_type {
                OrderType::Limit | OrderType::Stop | OrderType::StopLimit | OrderType::Midprice => {
                    self.stop_price.into_iter().chain(self.limit_price).collect()
                }
                OrderType::Market | OrderType::TrailingStop | OrderType::TrailingStopLimit => Vec::new(),
            };
            faults.sides(self.side, &prices, attached);
        }
        faults.into_result()
    }

    fn given_prices(&self) -> [(&'static str, bool); 3] {
        [
            ("limit_price", self.limit_price.is_some()),
            ("stop_price", self.stop_price.is_some()),
            ("trail", self.trail.is_some()),
        ]
    }
}

/// A change of an order: what is to be different. Revisions count up from 2, and each is applied once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the field of the contract of the same name")]
pub struct ModifyOrder {
    pub order_id: String,
    pub revision: u64,
    /// The exit of a bracket that is to be different; `None`: the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegRole>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_price: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_in_force: Option<TimeInForce>,
}

impl ModifyOrder {
    /// Checks it as the server does, and names every fault. Whatever sends it has it checked.
    pub fn check(&self) -> Result<(), InvalidMessage> {
        let mut faults = Faults::default();
        faults.order_id(&self.order_id);
        if self.revision < 2 {
            faults.add("revision", "must be 2 or more: the order as placed is revision 1");
        }
        faults.trail(self.trail);
        let prices = self.limit_price.is_some() || self.stop_price.is_some() || self.trail.is_some();
        if !prices && self.quantity.is_none() && self.time_in_force.is_none() {
            faults.add("", "nothing to change: give quantity, limit_price, stop_price, trail or time_in_force");
        }
        faults.into_result()
    }
}

#[derive(Serialize)]
struct CancelOrder<'o> {
    order_id: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    leg: Option<LegRole>,
}

/// Who speaks for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) user_id: String,
    pub(crate) algorithm_id: String,
}

impl Identity {
    pub(crate) fn new(user_id: &str, algorithm_id: &str) -> Result<Self, InvalidMessage> {
        let mut faults = Faults::default();
        faults.user_id(user_id);
        faults.algorithm_id(algorithm_id);
        faults.into_result()?;
        Ok(Self { user_id: user_id.to_owned(), algorithm_id: algorithm_id.to_owned() })
    }

    /// The message that places an order.
    pub(crate) fn place(&self, order: &PlaceOrder) -> Result<Message, Error> {
        order.check()?;
        self.message("place", order)
    }

    /// The message that changes an order.
    pub(crate) fn modify(&self, change: &ModifyOrder) -> Result<Message, Error> {
        change.check()?;
        self.message("modify", change)
    }

    /// The message that ends an order, or one of its exits.
    pub(crate) fn cancel(&self, order_id: &str, leg: Option<LegRole>) -> Result<Message, Error> {
        let mut faults = Faults::default();
        faults.order_id(order_id);
        faults.into_result()?;
        self.message("cancel", &CancelOrder { order_id, leg })
    }

    fn message(&self, command: &'static str, what: &impl Serialize) -> Result<Message, Error> {
        let unwritable = |error| InvalidMessage::one("", format!("cannot be written: {error}"));
        let mut fields: Map<String, Value> =
            serde_json::to_value(what).and_then(serde_json::from_value).map_err(unwritable)?;
        let said = [
            ("schema", SCHEMA),
            ("command", command),
            ("user_id", &self.user_id),
            ("algorithm_id", &self.algorithm_id),
        ];
        fields.extend(said.map(|(name, value)| (name.to_owned(), Value::from(value))));
        Ok(Message(fields))
    }
}

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message(pub(crate) Map<String, Value>);

impl Message {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The same text for the same message: the names stand in their order.
    pub(crate) fn body(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}
