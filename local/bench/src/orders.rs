//! The orders that everybody places here, and the batches in which SQS hands them over.

use domain::Clock;
use jiff::SignedDuration;
use paper_broker::MachineClock;
use serde_json::{Value, json};

use crate::house::{ALGORITHM, HouseUser, PRINCIPAL};

/// AAPL at the paper broker.
pub(crate) const CONID: u32 = 265_598;
/// The market, and a limit below it: the order rests, and the broker asks no question.
pub(crate) const MARKET_PRICE: &str = "187.50";
pub(crate) const LIMIT_PRICE: &str = "187.00";

/// An order, as an algorithm sends it.
pub(crate) fn order(user: &HouseUser, order_id: &str) -> Value {
    json!({
        "schema": "courier.order/1", "command": "place", "user_id": user.user_id, "order_id": order_id,
        "algorithm_id": ALGORITHM, "account_id": user.account_id, "contract": {"conid": CONID}, "side": "buy",
        "quantity": "1", "type": "limit", "limit_price": LIMIT_PRICE, "time_in_force": "day",
    })
}

/// The same, too late to be sent: final once it is on record.
pub(crate) fn late_order(user: &HouseUser, order_id: &str) -> Value {
    let mut order = order(user, order_id);
    order["good_until"] = json!(MachineClock.now() - SignedDuration::from_mins(1));
    order
}

/// Messages of one user as one event (events/order-submit.json).
pub(crate) fn batch(user: &HouseUser, messages: &[Value]) -> Value {
    let records: Vec<Value> = messages.iter().map(|message| record(user, message)).collect();
    json!({ "Records": records })
}

/// The same event, handed over once more.
pub(crate) fn redelivered(mut batch: Value) -> Value {
    for record in batch["Records"].as_array_mut().into_iter().flatten() {
        record["attributes"]["ApproximateReceiveCount"] = json!("2");
    }
    batch
}

fn record(user: &HouseUser, message: &Value) -> Value {
    let id = message["order_id"].as_str().unwrap_or_default();
    let sent_at = MachineClock.now().as_millisecond().to_string();
    json!({
        "messageId": format!("{}-{id}", user.user_id),
        "receiptHandle": "handle",
        "body": message.to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": sent_at,
            "SequenceNumber": "18849496460467696128",
            "MessageGroupId": user.user_id,
            "SenderId": format!("{PRINCIPAL}:{ALGORITHM}"),
            "MessageDeduplicationId": id,
            "ApproximateFirstReceiveTimestamp": sent_at,
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders.fifo",
        "awsRegion": "us-east-1",
    })
}
