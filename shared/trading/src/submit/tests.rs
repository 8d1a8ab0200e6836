//! Which of a batch's messages go ahead of the others.

use domain::{Command, OrderKey, Reason, ReasonCode};
use serde_json::{Value, json};

use super::ahead::go_ahead;
use super::{OnRecord, Task};
use crate::receive::{QueueMessage, Request};

fn message(fields: &Value) -> Value {
    let mut message = json!({"schema": "courier.order/1", "user_id": "u-7", "algorithm_id": "mr-7"});
    for (name, value) in fields.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn place(order_id: &str) -> Value {
    message(
        &json!({"command": "place", "order_id": order_id, "account_id": "DU0000001", "contract": {"conid": 265_598},
        "side": "buy", "quantity": "10", "type": "market", "time_in_force": "day"}),
    )
}

fn cancel(order_id: &str) -> Value {
    message(&json!({"command": "cancel", "order_id": order_id}))
}

fn modify(order_id: &str, revision: u64) -> Value {
    message(&json!({"command": "modify", "order_id": order_id, "revision": revision, "quantity": "5"}))
}

fn queued(message: &Value) -> QueueMessage {
    QueueMessage {
        message_id: "m-1".to_owned(),
        sender_id: "AROA4EXAMPLE:worker".to_owned(),
        group_id: "u-7".to_owned(),
        place: None,
        sent_at: None,
        deliveries: 1,
        body: message.to_string(),
        is_dead_letter: false,
    }
}

/// What was read of a message.
fn read(message: &Value) -> Task {
    let request = match Command::from_value(message.clone()).unwrap() {
        Command::Place(place) => Request::Place(place),
        Command::Modify(modify) => Request::Modify(modify),
        Command::Cancel(cancel) => Request::Cancel(cancel),
    };
    Task::Read(queued(message), Box::new(request))
}

fn which(tasks: &[Task]) -> Vec<usize> {
    go_ahead(tasks).into_iter().map(|(index, ..)| index).collect()
}

#[test]
fn a_cancel_passes_orders_and_nothing_of_its_own() {
    assert_eq!(which(&[read(&place("o-1")), read(&cancel("o-2"))]), [1]);
    assert_eq!(
        which(&[read(&place("o-1")), read(&cancel("o-1"))]),
        [0_usize; 0],
        "it comes after what places its order"
    );
    assert_eq!(which(&[read(&cancel("o-1")), read(&place("o-1"))]), [0], "it is about what was there before");
    assert_eq!(which(&[Task::Done, read(&cancel("o-1"))]), [1]);
}

#[test]
fn one_that_asks_for_the_same_once_more_has_its_own_turn() {
    assert_eq!(which(&[read(&cancel("o-1")), read(&place("o-2")), read(&cancel("o-1"))]), [0]);
    let leg = message(&json!({"command": "cancel", "order_id": "o-1", "leg": "stop_loss"}));
    assert_eq!(which(&[read(&cancel("o-1")), read(&leg)]), [0, 1], "an exit's end is not that of the order");
}

#[test]
fn a_change_goes_ahead_with_the_cancel_that_comes_after_it() {
    assert_eq!(which(&[read(&place("o-2")), read(&modify("o-1", 2))]), [0_usize; 0]);
    assert_eq!(which(&[read(&place("o-2")), read(&modify("o-1", 2)), read(&cancel("o-1"))]), [1, 2]);
    assert_eq!(which(&[read(&cancel("o-1")), read(&modify("o-1", 2))]), [0], "one that comes after it keeps its place");
    assert_eq!(which(&[read(&modify("o-3", 2)), read(&cancel("o-1"))]), [1], "another order's change keeps its place");
}

#[test]
fn what_was_refused_ahead_of_its_turn_is_told_in_its_turn() {
    for message in [modify("o-1", 2), cancel("o-1")] {
        let mut task = read(&message);
        let key = OrderKey { user_id: "u-7".parse().unwrap(), order_id: "o-1".parse().unwrap() };
        task.is_on_record(OnRecord::Refused(key, Reason::new(ReasonCode::NoSuchOrder, "There is no order o-1.")));
        assert!(matches!(task, Task::OnRecord(_, OnRecord::Refused(..))));
        assert_eq!(which(&[task]), [0_usize; 0]);
    }
}
