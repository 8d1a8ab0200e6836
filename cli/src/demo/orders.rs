//! Sends the orders, and follows each until it is where it must be.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Entropy, UserId};
use http::Method;
use jiff::Timestamp;
use platform::SystemEntropy;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::samples::{Expectation, LIMIT, Sample};
use crate::error::CourierError;
use crate::local::{Api, House, expect, read};
use crate::output::tell;

/// The longest that all of it may take: an order may be held for a session first.
const FOLLOW_WITHIN: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The tracker looks at an order every minute, and the broker allows one look in 5 s: the demo asks as often.
const TRACK_EVERY: Duration = Duration::from_secs(5);

/// Apple, whose limit order at 150.00 works until the price falls. It starts near the limit: about a price more than 3% away
/// the broker asks, and the policy of answers declines.
const APPLE_CONID: i64 = 265_598;
const APPLE_BEFORE_CENTS: i64 = 15_100;
const APPLE_AFTER_CENTS: i64 = 14_900;
const OTHER_PRICES: [(i64, i64); 2] = [(272_093, 42_000), (756_733, 60_000)];

/// An order as the API shows it (contract: What an order shows), as far as the demo compares it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ShownOrder {
    pub(crate) status: String,
    pub(crate) filled_quantity: Decimal,
    pub(crate) average_price: Option<Decimal>,
    pub(crate) reason: Option<ShownReason>,
    pub(crate) history: Vec<ShownChange>,
}

/// Why it is where it is.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct ShownReason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// One change of its status.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct ShownChange {
    pub(crate) at: Timestamp,
    pub(crate) status: String,
}

/// What the API shows, by order id; nothing for an order that it does not know.
pub(crate) type Shown = BTreeMap<String, ShownOrder>;

/// Sends every sample as its algorithm would: to the FIFO queue, in the user's group.
pub(crate) async fn send(house: &House, user_id: &UserId, samples: &[Sample]) -> Result<(), CourierError> {
    for (conid, cents) in OTHER_PRICES.into_iter().chain([(APPLE_CONID, APPLE_BEFORE_CENTS)]) {
        house.broker.set_price(conid, Some(Decimal::new(cents, 2)));
    }
    let queue = aws_sdk_sqs::Client::new(&house.stack.sdk_config());
    let url = house.stack.outputs().get("OrderQueueUrl").cloned().unwrap_or_default();
    for sample in samples {
        let message = queue.send_message().queue_url(&url).message_group_id(user_id.as_str());
        let message =
            message.message_deduplication_id(unguessable(sample.order_id.as_str())).message_body(&sample.body);
        message
            .send()
            .await
            .map_err(|error| CourierError::aws(format!("sending {} to the order queue", sample.file), error))?;
    }
    Ok(())
}

/// An id under which the queue takes a message once, and that nobody can guess and use first.
fn unguessable(order_id: &str) -> String {
    let mut chance = [0; 16];
    SystemEntropy.fill(&mut chance);
    format!("{order_id}-{}", hex::encode(chance))
}

/// Looks at every order until each is where it must be, or ended elsewhere, or time is up.
pub(crate) async fn follow(house: &House, api: &Api, samples: &[Sample]) -> Result<Shown, CourierError> {
    let deadline = Instant::now() + FOLLOW_WITHIN;
    let mut track_at = Instant::now() + TRACK_EVERY;
    let mut shown = Shown::new();
    let mut has_fallen = false;
    loop {
        look(api, samples, &mut shown).await?;
        if !has_fallen && shown.get(LIMIT).is_some_and(|order| order.status == "working") {
            house.broker.set_price(APPLE_CONID, Some(Decimal::new(APPLE_AFTER_CENTS, 2)));
            tell("           AAPL falls from 151.00 to 149.00");
            has_fallen = true;
        }
        let all_there = samples
            .iter()
            .all(|sample| shown.get(sample.order_id.as_str()).is_some_and(|order| is_done(order, sample.expected)));
        if all_there || Instant::now() > deadline {
            return Ok(shown);
        }
        if Instant::now() > track_at {
            track_now(house).await?;
            track_at = Instant::now() + TRACK_EVERY;
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether nothing more is to be waited for.
fn is_done(order: &ShownOrder, expected: &Expectation) -> bool {
    const FINAL: [&str; 7] = ["filled", "cancelled", "rejected", "denied", "expired", "not_placed", "needs_review"];
    order.status == expected.status || FINAL.contains(&order.status.as_str())
}

async fn look(api: &Api, samples: &[Sample], shown: &mut Shown) -> Result<(), CourierError> {
    for sample in samples {
        let id = sample.order_id.as_str();
        let path = format!("/orders/{id}");
        let answer = api.ask(Method::GET, &path, &Value::Null).await?;
        if answer.status() == http::StatusCode::NOT_FOUND {
            continue;
        }
        let order: ShownOrder = read(&path, &expect(&path, 200, answer)?)?;
        let before = shown.get(id).map_or(0, |before| before.history.len());
        for change in order.history.iter().skip(before) {
            tell(&format!("           {id} is {}", change.status));
        }
        shown.insert(id.to_owned(), order);
    }
    Ok(())
}

/// Asks the tracker for a look at once, as the worker asks it by its queue.
async fn track_now(house: &House) -> Result<(), CourierError> {
    let body = json!({"schema": store::TrackAsk::SCHEMA, "user_id": crate::local::DEMO_USER}).to_string();
    let record = json!({"messageId": "demo", "eventSource": "aws:sqs", "body": body, "attributes": {}});
    house.stack.invoke("order-track", &json!({"Records": [record]})).await?;
    Ok(())
}
