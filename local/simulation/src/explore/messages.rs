//! Messages that must be refused.

use serde_json::json;

use super::dice::Dice;
use super::lives::Life;
use crate::world::{ALGORITHM, SENDER, USER};

/// A message, and the codes of a refusal, any of which it must meet.
#[derive(Debug, Clone)]
pub(crate) struct Bad {
    pub(crate) body: String,
    pub(crate) sender: &'static str,
    pub(crate) group: &'static str,
    pub(crate) code: &'static str,
    /// The id of the order that it becomes, denied from the start; `None`: a refusal apart from every order.
    pub(crate) denied: Option<String>,
}

/// One of the ways in which a message is bad.
pub(crate) fn bad_message(dice: &mut Dice, like: &Life, number: i64) -> Bad {
    let mut command = like.command.clone();
    if let Some(command) = command.as_object_mut() {
        command.remove("good_until_seconds");
    }
    let order_id = format!("bad-{number}");
    command["order_id"] = json!(order_id);
    command["user_id"] = json!(USER);
    command["algorithm_id"] = json!(ALGORITHM);
    command["account_id"] = json!("DU0000001");
    let mut bad = Bad { body: String::new(), sender: SENDER, group: USER, code: "", denied: None };
    match dice.below(9) {
        0 => {
            r#"{"schema": "#.clone_into(&mut bad.body);
            bad.code = "malformed";
            return bad;
        }
        1 => {
            command["quantity"] = json!("-1");
            command["colour"] = json!("red");
            bad.code = "malformed";
            bad.denied = Some(order_id);
        }
        2 => {
            command["note"] = json!("x".repeat(20_000));
            bad.code = "malformed";
        }
        3 => (bad.sender, bad.code) = ("AROASTRANGER:x", "sender_not_registered"),
        4 => (bad.sender, bad.code) = ("", "no_sender"),
        5 => (bad.group, bad.code) = ("u-9", "other_group"),
        6 => {
            command["algorithm_id"] = json!("unheard-of");
            bad.code = "algorithm_unknown";
        }
        7 => {
            command["algorithm_id"] = json!("self");
            bad.code = "own_hand_on_the_queue";
        }
        _ => {
            command["account_id"] = json!("DU0000099");
            bad.code = "account_not_granted";
        }
    }
    bad.body = command.to_string();
    bad
}
