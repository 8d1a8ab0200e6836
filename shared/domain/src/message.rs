//! The message: what a sender may ask for (contract: Orders). Parsed once, here, naming every fault.

mod ticket;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::amount::Amount;
use crate::fields::{FieldFault, Fields, shortened};
use crate::ids::{AccountId, AlgorithmId, OrderId, OrderKey, UserId};
use crate::json::parse_unique;
use crate::leg::LegRole;
use crate::ticket::{Ticket, TimeInForce, Trail};

/// The only schema of this version.
pub const SCHEMA: &str = "courier.order/1";
/// The longest message that is read, in bytes. The largest real one is below 2 kB.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What a sender asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A new order.
    Place(PlaceOrder),
    /// A change of an order.
    Modify(ModifyOrder),
    /// The end of an order.
    Cancel(CancelOrder),
}

impl Command {
    /// Parses a message, from the queue or from the API.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(Malformed::whole(format!(
                "the message has {} bytes; at most {MESSAGE_BYTES_MAX} are read",
                text.len()
            )));
        }
        let value =
            parse_unique(text).map_err(|error| Malformed::whole(format!("the message is not JSON: {error}")))?;
        Self::from_value(value)
    }

    /// Reads a JSON value as a message.
    pub fn from_value(value: Value) -> Result<Self, Malformed> {
        let Value::Object(object) = value else {
            return Err(Malformed::whole("the message must be a JSON object".to_owned()));
        };
        let mut faults = Vec::new();
        let mut fields = Fields::new(object, &mut faults);
        fields.required("schema", |text| {
            if text == SCHEMA { Ok(()) } else { Err(format!("must be \"{SCHEMA}\", not {:?}", shortened(text))) }
        });
        let user_id = fields.required("user_id", str::parse::<UserId>);
        let order_id = fields.required("order_id", str::parse::<OrderId>);
        let algorithm_id = fields.required("algorithm_id", str::parse::<AlgorithmId>);
        let identity = Identity { user_id, order_id, algorithm_id };
        let command = fields.required("command", |text| match text {
            "place" | "modify" | "cancel" => Ok(text.to_owned()),
            other => Err(format!("must be place, modify or cancel, not {:?}", shortened(other))),
        });
        let is_place = command.as_deref() == Some("place");
        let command = match command.as_deref() {
            Some("place") => place(&mut fields, &identity).map(Self::Place),
            Some("modify") => modify(&mut fields, &identity).map(Self::Modify),
            Some("cancel") => cancel(&mut fields, &identity).map(Self::Cancel),
            // Which fields are unknown depends on the command, so they are not judged without one.
            _ => return Err(Malformed { identity, is_place: false, faults }),
        };
        fields.finish();
        match command {
            Some(command) if faults.is_empty() => Ok(command),
            _ => Err(Malformed { identity, is_place, faults }),
        }
    }

    /// Which order this is about.
    #[must_use]
    pub fn key(&self) -> &OrderKey {
        match self {
            Self::Place(place) => &place.key,
            Self::Modify(modify) => &modify.key,
            Self::Cancel(cancel) => &cancel.key,
        }
    }

    /// On whose behalf it claims to be sent.
    #[must_use]
    pub fn algorithm_id(&self) -> &AlgorithmId {
        match self {
            Self::Place(place) => &place.algorithm_id,
            Self::Modify(modify) => &modify.algorithm_id,
            Self::Cancel(cancel) => &cancel.algorithm_id,
        }
    }
}

/// A new order, as its sender wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Its identity.
    #[serde(flatten)]
    pub key: OrderKey,
    /// The algorithm that asks.
    pub algorithm_id: AlgorithmId,
    /// The account that trades.
    pub account_id: AccountId,
    /// After it the order is not sent. Left out: a default by type, counted from the first recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_until: Option<Timestamp>,
    /// What to do.
    #[serde(flatten)]
    pub ticket: Ticket,
}

impl PlaceOrder {
    /// A digest of the whole content. The same order again has the same one, however it was spelled
    /// (field order, trailing zeros); other content under the same id has another.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        // Serialising plain data into a JSON value cannot fail; were it ever to, no two orders would be the same.
        let content = serde_json::to_value(self).map_or_else(|error| error.to_string(), |value| value.to_string());
        hex::encode(Sha256::digest(content))
    }

    /// The names of the fields in which two orders differ.
    #[must_use]
    pub fn differing_fields(&self, other: &Self) -> Vec<String> {
        // Serialising plain data into a JSON value cannot fail; were it ever to, no field could be named.
        let fields = |order: &Self| match serde_json::to_value(order) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (own, others) = (fields(self), fields(other));
        let names: std::collections::BTreeSet<&String> = own.keys().chain(others.keys()).collect();
        names.into_iter().filter(|name| own.get(*name) != others.get(*name)).cloned().collect()
    }
}

/// A change of an order: the fields that are to be different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModifyOrder {
    /// The order.
    #[serde(flatten)]
    pub key: OrderKey,
    /// The algorithm that asks.
    pub algorithm_id: AlgorithmId,
    /// Counts up from 2; each is applied once.
    pub revision: u64,
    /// The exit of a bracket that is to be different; left out, the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<LegRole>,
    /// The new whole quantity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Amount>,
    /// The new limit price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_price: Option<Amount>,
    /// The new stop price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_price: Option<Amount>,
    /// The new distance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<Trail>,
    /// The new time in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_in_force: Option<TimeInForce>,
}

/// The end of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// The order.
    pub key: OrderKey,
    /// The algorithm that asks.
    pub algorithm_id: AlgorithmId,
    /// The exit of a bracket that is to end; left out, the whole order.
    pub leg: Option<LegRole>,
}

/// What could be read of a message's identity, even where the rest is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Whose order it says it is.
    pub user_id: Option<UserId>,
    /// Which order.
    pub order_id: Option<OrderId>,
    /// Which algorithm.
    pub algorithm_id: Option<AlgorithmId>,
}

/// What can be read of a message's identity, whether or not it can be read as a command.
#[must_use]
pub fn identity_of(text: &str) -> Identity {
    match Command::parse(text) {
        Ok(command) => {
            let OrderKey { user_id, order_id } = command.key().clone();
            let algorithm_id = Some(command.algorithm_id().clone());
            Identity { user_id: Some(user_id), order_id: Some(order_id), algorithm_id }
        }
        Err(malformed) => malformed.identity,
    }
}

/// A message that cannot be read as a command: every fault, and what could be read of its identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the message was refused: {}", summary(.faults))]
pub struct Malformed {
    /// What could be read of whose order it is.
    pub identity: Identity,
    /// Whether it asks for a new order, as far as could be read.
    pub is_place: bool,
    /// Every fault.
    pub faults: Vec<FieldFault>,
}

impl Malformed {
    fn whole(message: String) -> Self {
        let fault = FieldFault { field: String::new(), message };
        Self { identity: Identity::default(), is_place: false, faults: vec![fault] }
    }
}

/// Faults that a summary spells out; the count tells of the rest.
const SUMMARY_FAULTS_MAX: usize = 20;

/// All faults in one line.
#[must_use]
pub fn summary(faults: &[FieldFault]) -> String {
    let mut parts: Vec<String> = faults
        .iter()
        .take(SUMMARY_FAULTS_MAX)
        .map(|fault| fault.clone().shortened())
        .map(|fault| format!("{} {}", fault.field, fault.message).trim_start().to_owned())
        .collect();
    if faults.len() > SUMMARY_FAULTS_MAX {
        parts.push(format!("and {} more", faults.len() - SUMMARY_FAULTS_MAX));
    }
    parts.join("; ")
}

impl Identity {
    fn complete(&self) -> Option<(OrderKey, AlgorithmId)> {
        let key = OrderKey { user_id: self.user_id.clone()?, order_id: self.order_id.clone()? };
        Some((key, self.algorithm_id.clone()?))
    }
}

fn place(fields: &mut Fields<'_>, identity: &Identity) -> Option<PlaceOrder> {
    let account_id = fields.required("account_id", str::parse::<AccountId>);
    let good_until = fields.optional("good_until", utc);
    let ticket = ticket::read(fields);
    let (key, algorithm_id) = identity.complete()?;
    Some(PlaceOrder { key, algorithm_id, account_id: account_id?, good_until, ticket: ticket? })
}

fn modify(fields: &mut Fields<'_>, identity: &Identity) -> Option<ModifyOrder> {
    if !fields.has("revision") {
        fields.fault("revision", "is missing");
    }
    let revision = fields.whole_number("revision");
    if revision.is_some_and(|revision| revision < 2) {
        fields.fault("revision", "must be 2 or more: the order as placed is revision 1");
    }
    let asks_for_something = CHANGEABLE.iter().chain(&FIXED).any(|field| fields.has(field));
    let leg = fields.optional("leg", LegRole::parse);
    let quantity = fields.optional("quantity", ticket::size_amount);
    let limit_price = fields.optional("limit_price", str::parse::<Amount>);
    let stop_price = fields.optional("stop_price", str::parse::<Amount>);
    let trail = ticket::trail(fields);
    let time_in_force = fields.optional("time_in_force", ticket::time_in_force);
    refuse_fixed(fields);
    if !asks_for_something {
        fields.fault("", "nothing to change: give quantity, limit_price, stop_price, trail or time_in_force");
    }
    let (key, algorithm_id) = identity.complete()?;
    Some(ModifyOrder {
        key,
        algorithm_id,
        revision: revision?,
        leg,
        quantity,
        limit_price,
        stop_price,
        trail,
        time_in_force,
    })
}

/// What a change can make different.
const CHANGEABLE: [&str; 5] = ["quantity", "limit_price", "stop_price", "trail", "time_in_force"];
/// What an order has, and no change can make different.
const FIXED: [&str; 8] =
    ["account_id", "good_until", "contract", "side", "cash_quantity", "type", "outside_regular_hours", "attached"];

fn refuse_fixed(fields: &mut Fields<'_>) {
    for field in FIXED.into_iter().filter(|field| fields.has(field)).collect::<Vec<_>>() {
        fields.take(field);
        let fault = match field {
            "attached" => "cannot be changed as a whole: name the exit by leg, and give its new prices",
            _ => "cannot be changed: cancel the order, and place a new one under a new id",
        };
        fields.fault(field, fault);
    }
}

fn cancel(fields: &mut Fields<'_>, identity: &Identity) -> Option<CancelOrder> {
    let leg = fields.optional("leg", LegRole::parse);
    let (key, algorithm_id) = identity.complete()?;
    Some(CancelOrder { key, algorithm_id, leg })
}

/// A time in UTC as RFC 3339 writes it; else what is expected.
pub fn utc(text: &str) -> Result<Timestamp, String> {
    const EXPECTED: &str = "must be a time in UTC by RFC 3339, such as \"2026-11-24T15:04:05Z\"";
    let time = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00")).filter(|time| is_written_out(time));
    // The parser takes more forms of ISO 8601 than RFC 3339 has.
    time.and_then(|_| text.parse().ok()).ok_or_else(|| match other_zone(text) {
        Some(zone) => format!("{EXPECTED}; convert it: {zone} is not UTC"),
        None => EXPECTED.to_owned(),
    })
}

/// The zone that a time names in place of UTC, as `+02:00`.
fn other_zone(text: &str) -> Option<&str> {
    let (time, zone) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let form = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let fits = |pattern: &str| zone.bytes().zip(pattern.bytes()).all(form);
    let is_zone = (fits("+00:00") || fits("-00:00")) && !zone.ends_with("00:00");
    (is_zone && is_written_out(time)).then_some(zone)
}

/// Whether a date and time has the form of RFC 3339: `2026-11-24T15:04:05`, and a fraction of a second or none.
fn is_written_out(time: &str) -> bool {
    let (whole, fraction) = time.split_once('.').map_or((time, None), |(whole, fraction)| (whole, Some(fraction)));
    let form = b"0000-00-00T00:00:00";
    let fits = |(byte, form): (u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form };
    let digits = |fraction: &str| !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() == form.len() && whole.bytes().zip(form).all(fits) && fraction.is_none_or(digits)
}
