//! Whole lives of users and orders, through the real functions, against the paper broker.
#![expect(
    clippy::unwrap_used,
    clippy::large_futures,
    reason = "a test is one future of a whole life, and stops where it cannot go on"
)]

mod advisors;
mod alarms;
mod bad_input;
mod brackets;
mod broker_words;
mod cancels;
mod changes;
mod connecting;
mod customer_time;
mod day;
mod duplicates;
mod empty_lists;
mod ends;
mod exactly_once;
mod exchanges;
mod exits;
mod exploration;
mod fan_out;
mod foreign_cells;
mod halting;
mod hands;
mod hostile_answers;
mod intake;
mod late_looks;
mod legs;
mod limit_prices;
mod limits;
mod limits_kept;
mod listings;
mod multipliers;
mod nameless;
mod orders;
mod outcomes;
mod pacing;
mod planted_secrets;
mod price_steps;
mod quotes;
mod readings;
mod reducing;
mod refused_messages;
mod registration;
mod rights;
mod rotation;
mod rules;
mod session_care;
mod sessions;
mod settling;
mod side_by_side;
mod spellings;
mod usernames;
mod waiting;
mod watching;

use paper_broker::{Fault, FaultKind};
use serde_json::json;
use simulation::{ACCOUNT, ALGORITHM, World};

/// A part of the write that puts an order on record, and in line.
const RECORDING: &str = "list_append";
/// A part of the write of an intent to put a ticket on the wire.
const INTENT: &str = r#""status":{"S":"sending"}"#;

/// As [`World::with_a_connected_user`], at a broker that would not switch any question off.
async fn with_every_question_asked() -> World {
    let world = World::start().await;
    let refused = FaultKind::Unavailable { executed: false, delay_ms: 0 };
    world.broker().add_fault(Fault::next("POST", "/iserver/questions/suppress", refused));
    world.connect_user().await;
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world
}
