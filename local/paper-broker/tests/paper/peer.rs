//! A peer that others wrote: ibind logs in and trades, over plain HTTP.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use paper_broker::{MachineClock, MachineEntropy, Options, OrderStatus, PaperBroker};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use crate::world::{AAPL, ACCOUNT, CONSUMER, USERNAME, registration, user};

/// The first run installs ibind; later ones find it.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(150);
const TRADE_TIMEOUT: Duration = Duration::from_mins(1);

#[tokio::test]
async fn ibind_logs_in_places_and_reads_an_order() {
    let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
    broker.register_consumer(&registration(CONSUMER)).unwrap();
    broker.register_user(user(USERNAME, true, &[ACCOUNT])).unwrap();
    // ibind does not wait for the session to be established.
    broker.change_options(|options| options.established_delay_ms = 0);
    let serving = broker.serve_locally().await.unwrap();

    let python = install().await;
    let grant = broker.grant(CONSUMER, USERNAME).unwrap();
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let saw = trade(
        &python,
        &json!({
            "base_url": format!("{}/v1/api/", serving.url()),
            "access_token": grant.access_token,
            "access_token_secret": grant.access_token_secret,
            "consumer_key": CONSUMER,
            "dh_prime": include_str!("../keys/prime.hex").trim(),
            "encryption_key": keys.join("private_encryption.pem"),
            "signature_key": keys.join("private_signature.pem"),
            "account": ACCOUNT,
        }),
    )
    .await;
    drop(serving);

    check(&saw);
    let ledger = broker.ledger();
    assert_eq!(ledger.len(), 2, "the second ibind-2 was refused: {ledger:?}");
    assert_eq!((ledger[0].status, ledger[0].price), (OrderStatus::Cancelled, Some(151.into())));
    assert_eq!((ledger[1].status, ledger[1].filled_quantity), (OrderStatus::Filled, 10.into()));
    let problems: Vec<_> = broker.calls().into_iter().filter_map(|call| call.problem).collect();
    assert_eq!(problems, ["Order couldn't be submitted: Local order ID=ibind-2 is already registered."]);
    let replies = broker.calls().iter().filter(|call| call.path.contains("/iserver/reply/")).count();
    assert_eq!(replies, 7, "three for the order, three for its change, one for the market order");
}

fn check(saw: &Value) {
    assert_eq!((&saw["health"], &saw["accounts"]), (&json!(true), &json!([ACCOUNT])));
    assert_eq!((&saw["price"], &saw["portfolio"][0]["accountId"]), (&json!("187.50"), &json!(ACCOUNT)));
    assert_eq!(saw["placed"]["order_status"], "Submitted");
    assert_eq!(saw["first_look"], json!([]));
    let live = &saw["live"][0];
    assert_eq!(live["orderId"].to_string(), saw["placed"]["order_id"].as_str().unwrap());
    assert_eq!(
        (&live["order_ref"], &live["conid"], &live["status"]),
        (&json!("ibind-1"), &json!(AAPL), &json!("Submitted"))
    );
    assert_eq!(saw["status"]["limit_price"], "150");
    assert_eq!(saw["changed"]["order_id"], saw["placed"]["order_id"]);
    assert_eq!(saw["cancelled"]["msg"], "Request was submitted");
    assert_eq!((&saw["trades"][0]["order_ref"], &saw["trades"][0]["price"]), (&json!("ibind-2"), &json!("187.5")));
    assert!(saw["again"].as_str().unwrap().contains("already registered"), "{}", saw["again"]);
}

/// Makes the environment below cargo's target folder, once; its interpreter.
async fn install() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ibind");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ibind/install");
    let run = Command::new("python3").arg(script).arg(&folder).kill_on_drop(true).output();
    let output =
        timeout(INSTALL_TIMEOUT, run).await.expect("the installation takes too long").expect("python3 is missing");
    assert!(output.status.success(), "ibind cannot be installed: {}", String::from_utf8_lossy(&output.stderr));
    folder.join("bin/python")
}

async fn trade(python: &Path, settings: &Value) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ibind/trade.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("IBIND_LOG_TO_CONSOLE", "False")
        .env("IBIND_LOG_TO_FILE", "False")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(settings.to_string().as_bytes()).await.unwrap();
    let output = timeout(TRADE_TIMEOUT, child.wait_with_output()).await.expect("ibind takes too long").unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("ibind failed: {problem}"))
}
