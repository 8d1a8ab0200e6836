//! A first party: its own consumer, and the token that the portal showed.

use domain::Clock;
use jiff::SignedDuration;
use paper_broker::MachineClock;
use serde_json::json;

use super::operator::{ACCOUNT, Operator, Party, USER};

#[tokio::test(flavor = "multi_thread")]
async fn stack_a_first_party_is_set_up_and_looked_after_by_the_commands_of_the_docs() {
    let operator = Operator::with_an_empty_stack().await;
    operator.makes_keys_and_introduces_them(Party::First).await;
    let token = operator.access_token();
    operator.waits_for_the_night(&["--first-party", "--access-token", &token]).await;
    let connection = operator.imports_the_token().await;
    operator.lets_an_algorithm_trade().await;
    operator.stops_everything_and_goes_on().await;
    operator.sees_that_a_dead_letter_is_not_placed_late().await;
    operator.replays_a_dead_letter().await;
    operator.rotates_the_sealing_key(&connection).await;
    operator.stack.stop().await;
}

impl Operator {
    async fn imports_the_token(&self) -> String {
        let token = self.access_token();
        let imported = self.does(&["connections", "import", "--user", USER, "--access-token", &token]).await;
        assert_eq!((&imported["status"], &imported["accounts"]), (&json!("connected"), &json!([ACCOUNT])));
        imported["connection_id"].as_str().unwrap().to_owned()
    }

    async fn stops_everything_and_goes_on(&self) {
        self.does(&["halt", "all", "--reason", "drill"]).await;
        self.sends("OrderQueueUrl", "halted", None).await;
        let denied = self.sees("halted", "denied").await;
        assert_eq!(denied["reason"]["code"], "halted");
        self.does(&["resume", "all"]).await;
        assert_eq!(self.tickets(), 1);
    }

    async fn sees_that_a_dead_letter_is_not_placed_late(&self) {
        self.sends("OrderDeadLetterQueueUrl", "too-late", None).await;
        self.sees("too-late", "expired").await;
        assert_eq!(self.tickets(), 1);
    }

    /// Nobody takes the letter up by itself here, as when the function is broken.
    async fn replays_a_dead_letter(&self) {
        self.stack.turn_event_sources_off().await.unwrap();
        let good_until = MachineClock.now() + SignedDuration::from_hours(1);
        self.sends("OrderDeadLetterQueueUrl", "in-time", Some(good_until.to_string())).await;
        let listed = self.does(&["dead-letters", "list"]).await;
        assert_eq!(listed[0]["order_id"], "in-time", "{listed:#}");
        let (code, _) = self.asks(&["orders", "show", USER, "in-time"]).await;
        assert_eq!(code, Some(1), "looking does nothing");
        self.does(&["dead-letters", "replay", "--yes"]).await;
        assert_eq!(self.does(&["orders", "show", USER, "in-time"]).await["status"], "received");
        assert_eq!(self.does(&["dead-letters", "list"]).await, json!([]));
        let ask = json!({"schema": "courier.track/1", "user_id": USER}).to_string();
        let tick = json!({"Records": [{"messageId": "by-hand", "body": ask, "attributes": {}}]});
        self.stack.invoke("order-track", &tick).await.unwrap();
        self.sees("in-time", "working").await;
        assert_eq!(self.tickets(), 2);
    }

    async fn rotates_the_sealing_key(&self, connection: &str) {
        let looked = self.does(&["rotate", "sealing-key"]).await;
        assert_eq!((&looked["rotation"], &looked["connections"]), (&json!("none"), &json!(1)));
        // No function of this stack runs any more.
        let rotated = self.does(&["rotate", "sealing-key", "--yes", "--pause", "0"]).await;
        assert_eq!((&rotated["done"], &rotated["sealed_anew"]), (&json!(true), &json!(1)));
        let shown = self.does(&["connections", "show", USER, connection]).await;
        assert_eq!(shown["status"], "connected");
        // Only who opens the tokens can log out at the broker.
        self.does(&["connections", "disconnect", USER, connection, "--yes"]).await;
        assert!(self.broker.calls().iter().any(|call| call.path.ends_with("/logout") && call.status == Some(200)));
    }
}
