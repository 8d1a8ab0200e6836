//! The control door and the binary, over TCP.

use std::process::Stdio;
use std::time::Duration;

use paper_broker::FaultKind;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::{Client, Key, authorization};
use crate::tickets::{ORDERS, limit_ticket, orders};
use crate::world::{ACCOUNT, CONSUMER, quiet_world, registration, world};

const PATIENCE: Duration = Duration::from_secs(20);

/// Sends a request as bytes, and reads until the server closes: the status line, the body; nothing if it sent nothing.
async fn exchange(address: &str, request: String) -> Option<(u16, String)> {
    let conversation = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A connection that is cut may end in an error as well as in silence.
        stream.read_to_end(&mut answer).await.ok();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let text = timeout(PATIENCE, conversation).await.unwrap();
    let status = text.split(' ').nth(1)?.parse().unwrap();
    Some((status, text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

async fn control(address: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} /control{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (status, body) = exchange(address, request).await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn over_tcp_a_dropped_answer_is_no_byte_at_all_and_the_order_is_in_the_ledger() {
    let world = quiet_world();
    let client = Client::trading(&world).await;
    let serving = world.broker.serve_locally().await.unwrap();
    let address = serving.url().replace("http://", "");
    let fault = json!({"method": "POST", "path": "/iserver/account/*/orders", "fault": {"kind": "drop_after"}});
    assert_eq!(control(&address, "POST", "/faults", &fault).await.0, 204);
    assert_eq!(world.broker.faults()[0].fault, FaultKind::DropAfter);

    let place = |id: &str| {
        let mut parts = client.parts("POST", ORDERS, Key::Hmac(client.live.clone()));
        parts.signed_url = format!("http://{address}/v1/api{ORDERS}");
        let body = orders(&[limit_ticket(id)]).to_string();
        format!(
            "POST {} HTTP/1.1\r\nHost: api.ibkr.com\r\nUser-Agent: t\r\nConnection: close\r\nAuthorization: {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            parts.path,
            authorization(&parts),
            body.len()
        )
    };
    assert_eq!(exchange(&address, place("c-1")).await, None);
    let (status, body) = exchange(&address, place("c-2")).await.unwrap();
    assert!(status == 200 && body.contains("Submitted"), "{status} {body}");

    let (_, ledger) = control(&address, "GET", "/ledger", &Value::Null).await;
    assert_eq!(ledger["count_by_client_order_id"], json!({"c-1": 1, "c-2": 1}));
    let (_, calls) = control(&address, "GET", "/calls", &Value::Null).await;
    let dropped = calls.as_array().unwrap().iter().find(|call| call["fault"] == "drop_after").unwrap();
    assert_eq!(
        (&dropped["status"], &dropped["executed"], &dropped["client_order_ids"]),
        (&Value::Null, &json!(true), &json!(["c-1"]))
    );
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answers() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let world = world();
        let client = Client::trading(&world).await;
        let question = client.post(ORDERS, &json!({"orders": [{"conid": 265_598, "orderType": "MKT", "side": "BUY", "tif": "DAY", "quantity": 1}]})).await.json();
        let reply = format!("/iserver/reply/{}", question[0]["id"].as_str().unwrap());
        let placed = client.post(&reply, &json!({"confirmed": true})).await.json();
        let trades = client.get("/iserver/account/trades").await.json();
        assert_eq!(trades.as_array().unwrap().len(), 1);
        runs.push((client.token.clone(), client.live.clone(), question, placed, trades, world.broker.calls()));
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn the_binary_prints_its_address_and_is_set_up_through_the_door() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_paper-broker"))
        .args(["--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    timeout(PATIENCE, output.read_line(&mut line)).await.unwrap().unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();

    let send = |method: &'static str, path: &'static str, body: Value| {
        let address = address.clone();
        async move { control(&address, method, path, &body).await }
    };
    assert_eq!(send("GET", "/health", Value::Null).await, (200, json!({"status": "ok"})));
    assert_eq!(send("POST", "/consumers", json!(registration(CONSUMER))).await.0, 200);
    assert_eq!(send("POST", "/users", json!({"username": "ada", "paper": true, "accounts": [ACCOUNT]})).await.0, 200);
    assert_eq!(send("POST", "/users", json!({"username": "ada", "paper": true, "accounts": ["U1"]})).await.0, 422);
    assert_eq!(send("POST", "/users", json!({"username": "ada", "unknown": 1})).await.0, 422);
    let (status, grant) = send("POST", "/grants", json!({"consumer_key": CONSUMER, "username": "ada"})).await;
    assert_eq!((status, &grant["is_paper"], grant["access_token"].as_str().unwrap().len()), (200, &json!(true), 20));
    assert_eq!(send("POST", "/grants", json!({"consumer_key": CONSUMER, "username": "bob"})).await.0, 422);
    assert_eq!(send("PUT", "/consumers/PAPERTEST/active", json!({"active": true})).await.0, 204);
    assert_eq!(send("PUT", "/consumers/NOBODY/active", json!({"active": true})).await.0, 404);
    assert_eq!(send("PUT", "/options", json!({"pacing": true, "idle_timeout_seconds": 5})).await.0, 204);
    let (_, options) = send("GET", "/options", Value::Null).await;
    assert_eq!(
        (&options["pacing"], &options["idle_timeout_seconds"], &options["matching"]),
        (&json!(true), &json!(5), &json!(true))
    );
    assert_eq!(send("PUT", "/options", json!({"no_such_option": 1})).await.0, 422);
    assert_eq!(send("PUT", "/prices", json!({"conid": 265_598, "price": "190.10"})).await.0, 204);
    assert_eq!(send("PUT", "/refusals", json!({"conid": 8314, "error": "No trading permissions."})).await.0, 204);
    assert_eq!(send("PUT", "/questions", json!({"market_orders": false, "always": ["o1"]})).await.0, 204);
    assert_eq!(send("POST", "/executions", json!({"order_id": 1, "quantity": "1", "price": "1"})).await.0, 404);
    assert_eq!(send("POST", "/rejections", json!({"order_id": 1, "status": "Inactive"})).await.0, 404);
    assert_eq!(
        send("POST", "/losses", json!({"username": "ada", "loss": "revoked"})).await,
        (200, json!({"count": 1}))
    );
    assert_eq!(send("POST", "/approvals", json!({"request_token": "none", "username": "ada"})).await.0, 409);
    assert_eq!(send("POST", "/sessions/ada/elsewhere", Value::Null).await.0, 204);
    assert_eq!(send("POST", "/sessions/ada/end", Value::Null).await.0, 404, "there is no session");
    assert_eq!(send("POST", "/reset", Value::Null).await.0, 204);
    assert_eq!(send("PUT", "/down", json!({"down": true})).await.0, 204);
    assert_eq!(send("POST", "/open", Value::Null).await.0, 204);
    assert_eq!(send("POST", "/parked/release", Value::Null).await, (200, json!({"count": 0})));
    assert_eq!(send("DELETE", "/faults", Value::Null).await.0, 204);
    assert_eq!(send("DELETE", "/calls", Value::Null).await.0, 204);
    assert_eq!(send("GET", "/calls", Value::Null).await, (200, json!([])));
    assert_eq!(send("GET", "/nothing", Value::Null).await.0, 404);
    child.kill().await.unwrap();
}
