//! A Diffie-Hellman prime of one's own: `openssl dhparam`, which takes from seconds to minutes.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::error::CourierError;
use crate::output::tell;

/// What the broker asks for (IBKR Web API, commands).
const BITS: &str = "2048";
/// How often it is told that the search goes on.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// Longest search. It is a matter of luck; ten minutes are bad luck on a slow machine.
const SEARCH_MAX: Duration = Duration::from_mins(30);

/// Finds a safe prime and writes it as openssl does: the file that IBKR's portal and its support expect.
pub(super) async fn make() -> Result<String, CourierError> {
    tell("Searching a Diffie-Hellman prime of 2048 bits (openssl dhparam): from seconds to some minutes, by luck …");
    let failed = CourierError::machine("running `openssl dhparam` (is openssl installed?)");
    let mut command = Command::new("openssl");
    command.args(["dhparam", BITS]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let begun = Instant::now();
    let search = command.output();
    tokio::pin!(search);
    let output = loop {
        match tokio::time::timeout(TELL_EVERY, &mut search).await {
            Ok(output) => break output.map_err(|error| failed(error.into()))?,
            Err(_) if begun.elapsed() > SEARCH_MAX => return Err(failed("it found none in half an hour".into())),
            Err(_) => tell(&format!("  still searching after {} s", begun.elapsed().as_secs())),
        }
    };
    if !output.status.success() {
        return Err(failed(format!("it ended with {}", output.status).into()));
    }
    tell(&format!("Found after {} s.", begun.elapsed().as_secs()));
    String::from_utf8(output.stdout).map_err(|error| failed(error.into()))
}
