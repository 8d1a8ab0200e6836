//! What a placed or changed order is answered with (5.2 of the facts).

use serde_json::{Value, json};

use super::book::Book;

/// Options of the advanced prompt: the first goes on.
pub(crate) const PROMPT_OPTIONS: [&str; 2] = ["Yes", "No"];

/// One row per order.
pub(crate) fn acks(book: &Book, ids: &[i64]) -> Value {
    ids.iter()
        .filter_map(|id| book.order(*id))
        .map(|order| json!({"order_id": order.id.to_string(), "order_status": order.status.wire(), "encrypt_message": "1"}))
        .collect()
}

/// The advanced reject prompt.
pub(crate) fn prompt(order_id: i64, request_id: &str, message_id: &str) -> Value {
    json!({
        "orderId": order_id,
        "reqId": request_id,
        "text": "Order Confirmation. The order may be disruptive: its price is managed. Submit it all the same?",
        "options": PROMPT_OPTIONS,
        "type": "QUESTION",
        "messageId": message_id,
        "prompt": true,
    })
}
