//! `courier orders review`: a person decides what the rules could not.

use std::sync::Arc;

use domain::{Clock, Leg, Order, OrderKey, OrderStatus, Sight};
use platform::SystemClock;
use serde_json::json;
use store::{Pending, TrackAsk};
use trading::{Decision, Intake, Review};

use super::{get, show};
use crate::arguments::{OrdersReviewArguments, Stands};
use crate::error::CourierError;
use crate::output::{print, print_json, tell};
use crate::resources::Resources;

pub(crate) async fn run(arguments: &OrdersReviewArguments) -> Result<(), CourierError> {
    let resources = Resources::of_stack(&arguments.stack.stack).await;
    let intake =
        Intake { orders: resources.orders().await?, rules: resources.rules().await?, clock: Arc::new(SystemClock) };
    let json = arguments.stack.json;
    let order = get(&intake.orders, &arguments.user, &arguments.order).await?;
    let Some(review) = review_of(arguments, &order)? else {
        shown(&order, json);
        tell(&what_to_look_for(&order));
        return Ok(());
    };
    if !arguments.yes {
        shown(&review.apply(&order, SystemClock.now())?, json);
        tell("Nothing is written: this is what the decision would make of the order. Write it with --yes.");
        return Ok(());
    }
    let key = OrderKey { user_id: arguments.user.clone(), order_id: arguments.order.clone() };
    let decided = intake.review(&key, &review).await?.value;
    if let Err(error) = look_after(&resources, &decided).await {
        tell(&format!(
            "It was not asked for a look at the broker at once ({error}). What is not over is looked at within a minute."
        ));
    }
    shown(&decided, json);
    Ok(())
}

/// Has what was decided held against what the broker shows: what works or trades there after all is open again.
async fn look_after(resources: &Resources, order: &Order) -> Result<(), CourierError> {
    let (user_id, order_id) = (order.key.user_id.clone(), order.key.order_id.clone());
    resources.lanes().await?.announce(&user_id, &Pending::unread(order_id)).await?;
    resources.track_queue().await?.ask(&TrackAsk::first(user_id), 0).await?;
    Ok(())
}

/// The decision in the arguments; `None` if they hold none.
fn review_of(arguments: &OrdersReviewArguments, order: &Order) -> Result<Option<Review>, CourierError> {
    let decision = match (arguments.never_placed, arguments.stands, arguments.broker_order) {
        (true, _, _) => Decision::NeverPlaced,
        (_, Some(stands), Some(number)) => {
            let whole = match arguments.leg {
                None => order.quantity(),
                Some(role) => order.leg(role).map(Leg::quantity),
            };
            let filled = arguments.filled.or_else(|| whole.filter(|_| stands == Stands::Filled));
            if stands == Stands::Filled && filled.is_none() {
                return Err(CourierError::FilledUnknown);
            }
            Decision::Stands(Sight {
                broker_order_ids: vec![number],
                status: stands.broker_status(),
                filled_quantity: filled,
                average_price: arguments.price,
            })
        }
        _ => return Ok(None),
    };
    let because = arguments.because.clone().unwrap_or_default();
    Ok(Some(Review { leg: arguments.leg, decision, by: arguments.by.clone(), because }))
}

fn shown(order: &Order, json: bool) {
    if json {
        print_json(&json!(order.view()));
    } else {
        print(&show::text(order));
    }
}

fn what_to_look_for(order: &Order) -> String {
    let exit = order.legs().iter().find(|leg| leg.status() == OrderStatus::NeedsReview);
    if let Some(leg) = exit.filter(|_| order.status() != OrderStatus::NeedsReview) {
        return format!(
            "Its {} needs a decision: look at IBKR for the order {} in the account {}, in orders and in trades. \
             `courier orders review --help` tells how to say what you saw, with --leg {}.",
            leg.role,
            leg.broker_order_id
                .map_or_else(|| format!("attached to {}", order.client_order_id), |number| number.to_string()),
            order.account_id().map(ToString::to_string).unwrap_or_default(),
            leg.role.as_str(),
        );
    }
    if order.status() != OrderStatus::NeedsReview {
        return format!("This order is {}: nobody has to decide it.", order.status().as_str());
    }
    let sent = order.history.iter().find(|entry| entry.status == OrderStatus::Sending).map(|entry| entry.at);
    format!(
        "Look at IBKR for the reference {} in the account {}, in orders and in trades, from {}. `courier orders review --help` \
         tells how to say what you saw.",
        order.client_order_id,
        order.account_id().map(ToString::to_string).unwrap_or_default(),
        sent.unwrap_or(order.created_at),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use domain::{LegFact, LegRole};

    use super::*;
    use crate::arguments::{Arguments, Command, OrdersCommand};
    use crate::testing::{World, at, filled_bracket, needs_review, order};

    fn arguments(decision: &[&str]) -> OrdersReviewArguments {
        let line = ["courier", "orders", "review", "u-7", "mr7-1", "--by", "Ann"].iter().chain(decision);
        match Arguments::try_parse_from(line).unwrap().command {
            Command::Orders { command: OrdersCommand::Review(arguments) } => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn each_decision_is_written_with_its_author_and_evidence() {
        let filled = ["--broker-order", "1234", "--stands", "filled", "--price", "187.5", "--filled", "10"];
        let working = ["--broker-order", "1234", "--stands", "working"];
        let partly = ["--broker-order", "1234", "--stands", "working", "--filled", "4"];
        let cancelled = ["--broker-order", "1234", "--stands", "cancelled"];
        let decisions: [(&[&str], OrderStatus); 5] = [
            (&["--never-placed"], OrderStatus::NotPlaced),
            (&filled, OrderStatus::Filled),
            (&working, OrderStatus::Working),
            (&partly, OrderStatus::PartiallyFilled),
            (&cancelled, OrderStatus::Cancelled),
        ];
        for (decision, status) in decisions {
            let world = World::new().await;
            let order = needs_review("u-7", "mr7-1");
            world.store.orders.insert(&order).await.unwrap();
            let line = [decision, &["--because", "seen in Client Portal"]].concat();
            let review = review_of(&arguments(&line), &order).unwrap().unwrap();
            let decided = world.intake().review(&order.key, &review).await.unwrap().value;
            assert_eq!(decided.status(), status);
            // What stands at the broker is watched again, by the tracker.
            assert_eq!(decided.next_check_at.is_some(), !status.is_final());
            let why = decided.history.last().unwrap().reason.clone().unwrap();
            assert_eq!(why.message, "Ann decided: seen in Client Portal");
            let stored = world.store.orders.get(&order.key).await.unwrap().unwrap().value;
            assert_eq!(stored, decided);
            assert!(world.intake().review(&order.key, &review).await.is_err(), "it is decided once");
        }
    }

    #[tokio::test]
    async fn an_exit_is_decided_by_itself_and_only_where_it_needs_it() {
        let exhausted =
            LegFact::Exhausted(domain::Reason::new(domain::ReasonCode::MissingAtBroker, "It does not show."));
        let filled =
            ["--leg", "stop_loss", "--broker-order", "1234", "--stands", "filled", "--filled", "10", "--price", "171"];
        let working = ["--leg", "stop_loss", "--broker-order", "1234", "--stands", "working"];
        let refused = ["--leg", "stop_loss", "--broker-order", "1234", "--stands", "rejected"];
        let decisions: [(&[&str], OrderStatus); 4] = [
            (&["--leg", "stop_loss", "--never-placed"], OrderStatus::Cancelled),
            (&filled, OrderStatus::Filled),
            (&working, OrderStatus::Working),
            (&refused, OrderStatus::Rejected),
        ];
        for (decision, status) in decisions {
            let world = World::new().await;
            let mut order = filled_bracket("u-7", "mr7-1");
            order.leg_fact(LegRole::StopLoss, &exhausted, at(3));
            world.store.orders.insert(&order).await.unwrap();
            assert!(what_to_look_for(&order).contains("--leg stop_loss"), "{}", what_to_look_for(&order));
            let line = [decision, &["--because", "seen in Client Portal"]].concat();
            let review = review_of(&arguments(&line), &order).unwrap().unwrap();
            let decided = world.intake().review(&order.key, &review).await.unwrap().value;
            assert_eq!(decided.leg(LegRole::StopLoss).unwrap().status(), status);
            assert_eq!(decided.status(), OrderStatus::Filled, "the order is as it was");
            assert!(decided.next_check_at.is_some(), "its other exit is watched");
            let last = decided.history.last().unwrap();
            assert_eq!(last.reason.clone().unwrap().message, "Ann decided: seen in Client Portal");
            assert_eq!(last.leg.as_ref().unwrap().status, status);
            assert!(world.intake().review(&order.key, &review).await.is_err(), "it is decided once");
        }
        let plain =
            review_of(&arguments(&["--leg", "stop_loss", "--never-placed", "--because", "x"]), &order("u-7", "p"));
        assert!(plain.unwrap().unwrap().apply(&order("u-7", "p"), at(5)).is_err(), "it has no exits");
    }

    #[tokio::test]
    async fn the_number_of_another_order_decides_nothing() {
        let world = World::new().await;
        let mut other = filled_bracket("u-7", "other");
        other.broker_order_ids = vec!["1234".parse().unwrap()];
        world.store.orders.insert(&other).await.unwrap();
        let order = needs_review("u-7", "mr7-1");
        world.store.orders.insert(&order).await.unwrap();
        let line = ["--broker-order", "1234", "--stands", "filled", "--because", "seen"];
        let review = review_of(&arguments(&line), &order).unwrap().unwrap();
        let refused = world.intake().review(&order.key, &review).await.unwrap_err().to_string();
        assert!(refused.contains("1234 is the broker's number of the order u-7/other"), "{refused}");
        let mut known = order.clone();
        known.broker_order_ids = vec!["99".parse().unwrap()];
        let refused = review.apply(&known, at(5)).unwrap_err().to_string();
        assert!(refused.contains("took it as 99") && refused.contains("1234 is another order"), "{refused}");
    }

    #[tokio::test]
    async fn an_order_that_needs_no_review_is_left_alone() {
        let world = World::new().await;
        let order = order("u-7", "mr7-1");
        world.store.orders.insert(&order).await.unwrap();
        let review = review_of(&arguments(&["--never-placed", "--because", "x"]), &order).unwrap().unwrap();
        let refused = world.intake().review(&order.key, &review).await.unwrap_err().to_string();
        assert!(refused.contains("received"), "{refused}");
        assert!(review.apply(&order, at(5)).is_err());
        assert!(what_to_look_for(&order).contains("nobody has to decide it"));
    }

    #[test]
    fn a_decision_needs_its_evidence() {
        let line = ["courier", "orders", "review", "u-7", "mr7-1", "--never-placed"];
        assert!(Arguments::try_parse_from(line).unwrap_err().to_string().contains("--because"));
        assert!(review_of(&arguments(&[]), &needs_review("u-7", "mr7-1")).unwrap().is_none());
    }
}
