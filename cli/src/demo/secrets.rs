//! Searches every log for the secrets that passed through the demo.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::error::CourierError;
use crate::local::{Api, Consent, House, USERNAME};

/// Shorter lines of a PEM could be found by chance.
const PEM_LINE_CHARACTERS_MIN: usize = 16;

/// A secret, in one of the forms in which it could be written. Not `Debug`.
pub(crate) struct Planted {
    name: &'static str,
    text: String,
}

/// What a search found.
pub(crate) struct Search {
    /// Lines of the functions' logs, and of the engine's.
    pub(crate) lines: usize,
    /// Forms of secrets that were searched for.
    pub(crate) forms: usize,
    /// Which secret is in which log. Never the secret itself.
    pub(crate) found: Vec<String>,
}

/// The secrets that passed through the demo, each in the forms in which it could be written.
pub(crate) fn planted(house: &House, consent: &Consent, api: &Api) -> Vec<Planted> {
    let mut planted = Vec::new();
    let mut plant = |name: &'static str, text: &str| planted.push(Planted { name, text: text.to_owned() });
    for (name, pem) in house.keys.private_pems() {
        let lines = pem.lines().filter(|line| !line.starts_with("-----") && line.len() >= PEM_LINE_CHARACTERS_MIN);
        for line in lines {
            plant(name, line);
        }
    }
    plant("cookie", &consent.cookie);
    plant("request token", &consent.request_token);
    plant("verifier", &consent.verifier);
    plant("JWT", api.token());
    // The signature alone would be enough for whoever knows the claims.
    plant("signature of the JWT", api.token().rsplit('.').next().unwrap_or_default());
    for issued in house.broker.issued_secrets(USERNAME) {
        plant("access token", &issued.access_token);
        for form in forms_of(&issued.access_token_secret) {
            plant("opened access token secret", &form);
        }
        for form in forms_of(&issued.live_session_token.unwrap_or_default()) {
            plant("live session token", &form);
        }
    }
    planted.retain(|planted| !planted.text.is_empty());
    planted
}

/// Searches the log of every function, and the engine's.
pub(crate) async fn search(house: &House, planted: &[Planted]) -> Result<Search, CourierError> {
    let mut search = Search { lines: 0, forms: planted.len(), found: Vec::new() };
    for function in house.function_names()? {
        let lines = house.stack.logs(&function).await?;
        search.lines += lines.len();
        search.found.extend(found_in(&format!("the log of {function}"), &lines.join("\n"), planted));
    }
    let path = house.stack.engine_log();
    let log = std::fs::read(&path).map_err(|error| CourierError::File { path, problem: error.to_string() })?;
    let log = String::from_utf8_lossy(&log);
    search.lines += log.lines().count();
    search.found.extend(found_in("the engine's log", &log, planted));
    Ok(search)
}

fn found_in(log: &str, text: &str, planted: &[Planted]) -> Vec<String> {
    let mut names: Vec<_> =
        planted.iter().filter(|secret| text.contains(&secret.text)).map(|secret| secret.name).collect();
    names.dedup();
    names.into_iter().map(|name| format!("the {name} is in {log}")).collect()
}

/// Bytes as they could be written: hexadecimal, the base64s, and a list of numbers, as Rust's `Debug` writes them.
fn forms_of(bytes: &[u8]) -> Vec<String> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut numbers = String::new();
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(numbers, "{byte}, ");
    }
    let base64 = STANDARD_NO_PAD.encode(bytes);
    vec![
        hex::encode(bytes),
        hex::encode_upper(bytes),
        url::form_urlencoded::byte_serialize(STANDARD.encode(bytes).as_bytes()).collect(),
        base64,
        URL_SAFE_NO_PAD.encode(bytes),
        numbers.trim_end_matches(", ").to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_each_form_and_named_without_being_shown() {
        let secret = [0xfb_u8, 0xef, 0xff, 7, 1, 2, 3, 4];
        for form in forms_of(&secret) {
            let planted = [Planted { name: "live session token", text: form.clone() }];
            let found = found_in("the log of api", &format!("{{\"token\":\"{form}\"}}"), &planted);
            assert_eq!(found, ["the live session token is in the log of api"]);
        }
        let planted = [Planted { name: "cookie", text: "0123456789".to_owned() }];
        assert!(found_in("the log of api", "012345678", &planted).is_empty());
    }
}
