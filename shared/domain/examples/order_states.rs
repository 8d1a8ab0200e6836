//! Draws the states of an order from the one table (`OrderState::after`): `cargo run -p domain --example order_states`.
//! `tests/it/order_states.rs` holds `docs/order-states.md` to it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::{Act, BrokerStatus, Doubt, Fact, Intent, OrderState, Reason, ReasonCode, Sight};
use jiff::Timestamp;

fn main() {
    print!("{}", markdown());
}

/// `docs/order-states.md`.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "# The states of an order\n\n\
         Drawn from the one table that moves an order, `OrderState::after` (shared/domain/src/state.rs), by\n\
         `cargo run -p domain --example order_states`. A test holds this page to it. What a state means stands in\n\
         [the contract](contract.md#what-an-order-shows).\n\n\
         An arrow from **at the broker** stands for one from each of the states in it. What leaves a state as it is has no arrow.\n\n\
         ```mermaid\nstateDiagram-v2\n  direction LR\n  [*] --> received\n  state at_the_broker {\n",
    );
    for state in AT_THE_BROKER {
        let _ = writeln!(text, "    {state}");
    }
    text.push_str("  }\n");
    let arrows = arrows();
    for ((from, to), facts) in &arrows {
        let _ = writeln!(text, "  {from} --> {to}: {}", facts.iter().copied().collect::<Vec<_>>().join(", "));
    }
    text.push_str("```\n\n| From | To | By |\n|---|---|---|\n");
    for ((from, to), facts) in &arrows {
        let facts: Vec<&str> = facts.iter().copied().collect();
        let _ = writeln!(text, "| `{from}` | `{to}` | {} |", facts.join("; "));
    }
    text
}

const AT_THE_BROKER: [&str; 6] = ["sending", "unknown", "working", "partially_filled", "cancelling", "needs_review"];
const GROUP: &str = "at_the_broker";

type Arrows = BTreeMap<(&'static str, &'static str), BTreeSet<&'static str>>;

/// Every move of the table, those that all states at the broker have in common told once.
fn arrows() -> Arrows {
    let mut arrows = Arrows::new();
    for (word, fact) in facts() {
        let moves: Vec<(&str, &str)> = states()
            .iter()
            .filter_map(|from| Some((from.status().as_str(), from.after(fact.clone())?.status().as_str())))
            .collect();
        let shared = shared_target(&moves);
        for (from, to) in moves.into_iter().filter(|(from, to)| from != to) {
            let from = if shared == Some(to) && AT_THE_BROKER.contains(&from) { GROUP } else { from };
            arrows.entry((from, to)).or_default().insert(word);
        }
    }
    arrows
}

/// Where a fact leads from each of the states at the broker, if it is the same from all.
fn shared_target(moves: &[(&'static str, &'static str)]) -> Option<&'static str> {
    let to = |state: &str| moves.iter().find(|(from, _)| *from == state).map(|(_, to)| *to);
    let target = to(AT_THE_BROKER[0])?;
    AT_THE_BROKER.iter().all(|state| to(state) == Some(target)).then_some(target)
}

fn states() -> Vec<OrderState> {
    let intent = intent(Act::Place);
    vec![
        OrderState::Received,
        OrderState::Held { reason: reason() },
        OrderState::Sending { intent: intent.clone() },
        OrderState::Unknown { intent, doubt: Doubt::Unread, reason: reason(), complete_negatives: u32::MAX },
        OrderState::Working,
        OrderState::PartiallyFilled,
        OrderState::Cancelling,
        OrderState::NeedsReview { reason: reason() },
        OrderState::Filled,
        OrderState::Cancelled { reason: None },
        OrderState::Rejected { reason: reason() },
        OrderState::Denied { reason: reason() },
        OrderState::Expired { reason: reason() },
        OrderState::NotPlaced { reason: reason() },
    ]
}

fn facts() -> Vec<(&'static str, Fact)> {
    vec![
        ("it has to wait", Fact::Hold(reason())),
        ("a rule forbids it", Fact::Deny(reason())),
        ("it is too late", Fact::Expire(reason())),
        ("its end is asked for", Fact::CancelAsked(reason())),
        ("its intent is recorded", Fact::Intend(intent(Act::Place))),
        ("its intent to go out once more is recorded", Fact::Intend(intent(Act::PlaceAgain))),
        ("no byte left", Fact::NotSent(reason())),
        ("the broker refuses it", Fact::Refused(reason())),
        ("the answer is not read", Fact::Unread(Doubt::Unread, reason())),
        ("shown at work", Fact::Seen(sight(BrokerStatus::Submitted, 0))),
        ("shown at work, a part filled", Fact::Seen(sight(BrokerStatus::Submitted, 1))),
        ("shown being cancelled", Fact::Seen(sight(BrokerStatus::PendingCancel, 0))),
        ("shown filled", Fact::Seen(sight(BrokerStatus::Filled, 1))),
        ("shown cancelled or expired", Fact::Seen(sight(BrokerStatus::Cancelled, 0))),
        ("shown inactive, and so again by its number", Fact::Ended(sight(BrokerStatus::Inactive, 0))),
        ("shown at work, and so again by its number", Fact::Back(sight(BrokerStatus::Submitted, 0))),
        ("complete looks prove that it never arrived", Fact::NeverReached(reason())),
        ("the rules are exhausted", Fact::Exhausted(reason())),
    ]
}

fn intent(act: Act) -> Intent {
    Intent { at: Timestamp::UNIX_EPOCH, epoch: 1, act }
}

fn reason() -> Reason {
    Reason::new(ReasonCode::Asked, "")
}

fn sight(status: BrokerStatus, filled: i64) -> Sight {
    Sight { broker_order_ids: Vec::new(), status, filled_quantity: Some(filled.into()), average_price: None }
}
