//! The peer: `ibind` places the same orders at the same broker, without a ledger.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use broker::DiffieHellmanParameters;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Failure;
use crate::house::{CONSUMER_KEY, DH_PARAMETERS, House};
use crate::orders::{CONID, LIMIT_PRICE};

/// What the peer needed.
#[derive(Debug, Deserialize)]
pub(crate) struct PeerCost {
    pub(crate) cpu_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) orders: u32,
}

/// Has the peer log in so many users, and place so many orders for each; what the orders cost, the logins left out.
pub(crate) async fn place(root: &Path, house: &House, users: usize, orders: usize) -> Result<PeerCost, Failure> {
    let python = install(root).await?;
    let prime = hex::encode(DiffieHellmanParameters::from_pem(DH_PARAMETERS)?.prime());
    let keys = root.join("local/simulation/keys");
    let users = (0..users).map(|number| {
        let (grant, account_id) = house.foreigner(number)?;
        Ok(json!({"account": account_id, "access_token": grant.access_token, "access_token_secret": grant.access_token_secret}))
    });
    let settings = json!({
        "base_url": format!("{}/v1/api/", house.broker_url),
        "consumer_key": CONSUMER_KEY,
        "dh_prime": prime,
        "encryption_key": keys.join("private_encryption.pem"),
        "signature_key": keys.join("private_signature.pem"),
        "users": users.collect::<Result<Vec<Value>, Failure>>()?,
        "orders_of_user": orders,
        "conid": CONID,
        "limit_price": LIMIT_PRICE.parse::<f64>()?,
    });
    run(&python, &root.join("local/bench/src/peer.py"), &settings).await
}

async fn run(python: &Path, script: &Path, settings: &Value) -> Result<PeerCost, Failure> {
    let mut child = Command::new(python)
        .arg(script)
        .env("IBIND_LOG_TO_CONSOLE", "False")
        .env("IBIND_LOG_TO_FILE", "False")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("the peer has no standard input")?;
    stdin.write_all(settings.to_string().as_bytes()).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).map_err(|_| format!("the peer failed: {said}").into())
}

/// The interpreter that has the peer; it is made below the target folder, once.
async fn install(root: &Path) -> Result<PathBuf, Failure> {
    let folder = root.join("target/bench/ibind");
    let script = root.join("local/paper-broker/tests/ibind/install");
    let output = Command::new("python3").arg(script).arg(&folder).kill_on_drop(true).output().await?;
    if !output.status.success() {
        return Err(format!("ibind cannot be installed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(folder.join("bin/python"))
}
