//! The text that a signature signs, in every reading that the broker is known to accept (section 1.5 of the facts).

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::call::Call;

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Python's `quote`, which leaves the slash alone.
const RESERVED_BUT_SLASH: AsciiSet = RESERVED.remove(b'/');

/// How the query of a protected call enters its base string. All three are reported to work against the real broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryStyle {
    /// Neither in the parameters nor in the URL: what the broker's present documents say.
    Omit,
    /// Among the parameters: what its older documents say.
    Include,
    /// Left in the URL part.
    InUrl,
}

impl QueryStyle {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Omit, Self::Include, Self::InUrl];
}

/// Every base string that `call` may have been signed with, without repeats.
pub(crate) fn candidates(call: &Call, signed: &BTreeMap<String, String>, styles: &[QueryStyle]) -> Vec<String> {
    let mut found = Vec::new();
    for origin in &call.origins {
        let url = format!("{origin}{}", call.path);
        for style in styles {
            for parameters in parameter_readings(signed, call.query.as_deref(), *style) {
                let url = match (&call.query, style) {
                    (Some(query), QueryStyle::InUrl) => format!("{url}?{query}"),
                    _ => url.clone(),
                };
                push_encodings(&mut found, call.method.as_str(), &url, &parameters);
            }
        }
    }
    found
}

/// The joined parameters, with query values as sent and as meant.
fn parameter_readings(signed: &BTreeMap<String, String>, query: Option<&str>, style: QueryStyle) -> Vec<String> {
    let Some(query) = query.filter(|_| style == QueryStyle::Include) else {
        return vec![joined(signed)];
    };
    let as_sent = query_pairs(query, str::to_owned);
    let as_meant = query_pairs(query, decoded);
    [as_sent, as_meant]
        .map(|pairs| {
            let mut all = signed.clone();
            all.extend(pairs);
            joined(&all)
        })
        .to_vec()
}

/// The query's pairs, decoded.
pub(crate) fn query_values(query: &str) -> BTreeMap<String, String> {
    query_pairs(query, decoded).into_iter().collect()
}

fn query_pairs(query: &str, read: fn(&str) -> String) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (read(key), read(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Values stay raw; the whole string is encoded once (unlike RFC 5849, 3.4.1.3.2).
fn joined(pairs: &BTreeMap<String, String>) -> String {
    pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("&")
}

fn push_encodings(found: &mut Vec<String>, method: &str, url: &str, parameters: &str) {
    let url = utf8_percent_encode(url, &RESERVED);
    let strict = utf8_percent_encode(parameters, &RESERVED).to_string();
    let plus = strict.replace("%20", "+");
    let slash = utf8_percent_encode(parameters, &RESERVED_BUT_SLASH).to_string();
    for encoded in [strict, plus, slash] {
        let candidate = format!("{method}&{url}&{encoded}");
        if !found.contains(&candidate) {
            found.push(candidate);
        }
    }
}
