//! Planted secrets appear in no log, event, row, message, dead letter, problem body or panic of a whole run.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{Answered, JWT, SENDER, USER, USERNAME, World};

/// Everything that somebody could read afterwards.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// Catches the logs of this thread, at the most talkative level that the template lets an operator set, and what a
    /// panic says.
    fn catch(&self) -> tracing::subscriber::DefaultGuard {
        let writer = self.clone();
        let subscriber = platform::telemetry::subscriber(Some("debug"), None, move || writer.clone());
        tracing::subscriber::set_default(subscriber)
    }

    fn note(&self, text: &str) {
        self.clone().write_all(text.as_bytes()).unwrap();
        self.clone().write_all(b"\n").unwrap();
    }

    fn answer(&self, answered: &Answered) {
        self.note(&answered.text);
        self.note(answered.location.as_deref().unwrap_or_default());
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

/// What the run itself makes and carries.
#[derive(Default)]
struct Planted(Vec<(String, String)>);

impl Planted {
    fn add(&mut self, name: &str, text: &str) {
        assert!(text.len() >= 8, "{name} is too short to be searched for: {text:?}");
        self.0.push((name.to_owned(), text.to_owned()));
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) {
        for spelled in [hex::encode(bytes), STANDARD.encode(bytes)] {
            self.add(name, &spelled);
        }
    }
}

/// Consents: one that comes back to another browser, one that the broker's answer spoils, one that succeeds.
async fn connect(world: &World, written: &Written, planted: &mut Planted) {
    for fault in [None, Some(FaultKind::Garbled), None] {
        let begun = world.begin().await;
        let back = world.consent(&begun);
        let parameter = |name: &str| back.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
        planted.add("a verifier", &parameter("oauth_verifier"));
        planted.add("a request token", &begun.request_token());
        planted.add("a cookie", begun.cookie.split_once('=').unwrap().1);
        written.answer(&world.come_back(&back, Some("__Host-courier_attempt=another")).await);
        if let Some(fault) = fault {
            world.broker().add_fault(Fault::next("POST", "/oauth/access_token", fault));
        }
        written.answer(&world.come_back(&back, Some(&begun.cookie)).await);
        written.answer(&world.come_back(&back, Some(&begun.cookie)).await);
    }
}

/// Orders and other calls, with everything that the broker can do wrong.
async fn trade(world: &World, written: &Written) {
    for (number, fault) in [
        FaultKind::DropBefore,
        FaultKind::DropAfter,
        FaultKind::Garbled,
        FaultKind::Truncated,
        FaultKind::Unavailable { executed: true, delay_ms: 0 },
        FaultKind::AccessDenied,
        FaultKind::Unauthorized,
        FaultKind::Gone,
        FaultKind::TooManyRequests,
    ]
    .into_iter()
    .enumerate()
    {
        world.broker().add_fault(Fault::next("POST", "/iserver/account/*/orders", fault));
        world.place(&format!("order-{number}"), &json!({"type": "limit", "limit_price": "186"}));
        world.run_for(Duration::from_secs(30)).await;
        // What works no more is not looked at again and again.
        world.cancel(&format!("order-{number}"));
        world.settle().await;
    }
    for (route, details) in [
        ("GET /orders", json!({})),
        ("POST /orders", json!({"body": {"order_id": "bad", "colour": "red"}})),
        ("GET /orders/{order_id}", json!({"path": {"order_id": "nothing"}})),
        ("PUT /limits", json!({"body": {"max_weekly_orders": 1}})),
        ("GET /contracts", json!({"query": {"symbol": "AAPL"}})),
        ("GET /connections", json!({})),
    ] {
        written.answer(&world.api(route, &details).await);
        written.answer(&world.api_as(&json!({"sub": "a", "algorithm_id": "x"}), route, &details).await);
        written.answer(&world.api_as(&Value::Null, route, &details).await);
    }
    world.queues.send_order("no order at all", SENDER, USER);
    let late = world.place_command("dead", &json!({"type": "market"}));
    world.submit_dead_letters(&[late]).await;
    world.run_for(Duration::from_mins(2)).await;
}

/// Everything that is left of the run.
async fn note_what_is_left(world: &World, written: &Written) {
    for table in ["orders", "connections", "attempts", "rules", "lanes"] {
        world.rows(table).iter().for_each(|row| written.note(&row.to_string()));
    }
    world.queues.bodies().iter().for_each(|body| written.note(body));
    world.queues.dead_letters().iter().for_each(|letter| written.note(&letter.body));
    let events = world.tell_changes().await;
    assert!(events.len() > 20, "{} events", events.len());
    for event in &events {
        written.note(&event.to_string());
    }
    // What a panic in the middle of the work could show of the things at hand.
    written.note(&format!("{world:?} {:?} {:?}", world.desk(), world.connections().await));
}

#[tokio::test(start_paused = true)]
async fn planted_secrets_appear_nowhere_in_a_whole_run() {
    let (written, mut planted) = (Written::default(), Planted::default());
    let _guard = written.catch();
    let world = World::start().await;
    connect(&world, &written, &mut planted).await;
    let grant =
        json!({"path": {"algorithm_id": simulation::ALGORITHM}, "body": {"account_ids": [simulation::ACCOUNT]}});
    written.answer(&world.api("PUT /grants/{algorithm_id}", &grant).await);
    trade(&world, &written).await;
    note_what_is_left(&world, &written).await;
    planted.add("a JWT", JWT);
    for issued in world.broker().issued_secrets(USERNAME) {
        planted.add("an access token", &issued.access_token);
        planted.add_bytes("an access token secret", &issued.access_token_secret);
        issued.live_session_token.iter().for_each(|token| planted.add_bytes("a live session token", token));
    }
    for secret in world.vault() {
        // A private key is told by a line from its middle.
        let object: Value = serde_json::from_str(&secret).unwrap_or_default();
        let pems = object.as_object().into_iter().flatten().filter(|(name, _)| name.starts_with("private_"));
        pems.for_each(|(name, pem)| planted.add(name, pem.as_str().unwrap().lines().nth(5).unwrap()));
        if object.is_null() {
            planted.add("a sealing key", &secret);
        }
    }
    let text = written.text();
    assert!(text.contains("an order changed") && text.contains("a message was refused"), "the log was caught");
    assert!(
        text.contains("\"forgeries_refused\":1"),
        "an algorithm that asked for a user's own is counted as a forgery"
    );
    for (name, secret) in &planted.0 {
        assert!(!text.contains(secret.as_str()), "{name} stands somewhere in the clear");
    }
    let kinds: std::collections::BTreeSet<_> = planted.0.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(kinds.len(), 10, "{kinds:?}");
}
