//! The `Authorization` header (RFC 5849, 3.5.1), as the broker reads it.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

/// Parameters accepted in one header.
const PARAMETERS_MAX: usize = 32;

/// The header's parameters, apart from the two that are never signed.
#[derive(Debug, Clone)]
pub(crate) struct OAuthHeader {
    /// Empty if the header names none.
    pub(crate) realm: String,
    /// As sent, without quotes; sorted by key, as the base string wants it.
    pub(crate) signed: BTreeMap<String, String>,
    /// Empty if the header carries none, or none that can be read.
    pub(crate) signature: Vec<u8>,
    /// Whether the signature's `+`, `/` and `=` were percent-encoded, as they must be.
    pub(crate) signature_encoded: bool,
}

impl OAuthHeader {
    /// Reads `OAuth k="v", k="v"`; quotes may be missing, as in one of the broker's own samples.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let list = text.strip_prefix("OAuth ").ok_or("the scheme is not OAuth")?;
        let mut pairs = BTreeMap::new();
        for item in list.split(',') {
            let (key, value) = item.trim().split_once('=').ok_or("a parameter has no value")?;
            if pairs.insert(key.to_owned(), value.trim_matches('"').to_owned()).is_some() {
                return Err("a parameter is there twice");
            }
            if pairs.len() > PARAMETERS_MAX {
                return Err("too many parameters");
            }
        }
        let realm = pairs.remove("realm").unwrap_or_default();
        let raw = pairs.remove("oauth_signature").unwrap_or_default();
        let signature = STANDARD.decode(percent_decode_str(&raw).decode_utf8_lossy().as_bytes()).unwrap_or_default();
        let signature_encoded = !raw.contains(['+', '/', '=']);
        Ok(Self { realm, signed: pairs, signature, signature_encoded })
    }

    /// A parameter's value; empty if it is missing.
    pub(crate) fn get(&self, key: &str) -> &str {
        self.signed.get(key).map_or("", String::as_str)
    }
}
