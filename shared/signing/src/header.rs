//! The `Authorization` header (RFC 5849 section 3.5.1).

use percent_encoding::percent_decode_str;
use url::Url;

use crate::base_string::percent_encode;
use crate::{BaseString, Parameters, QuerySigning};

/// The consumer key that IBKR publishes for tests.
const TEST_CONSUMER_KEY: &str = "TESTCONS";

/// The realm that goes with a consumer key when the operator names none: `test_realm` for `TESTCONS`, else `limited_poa`.
#[must_use]
pub fn default_realm(consumer_key: &str) -> &'static str {
    if consumer_key == TEST_CONSUMER_KEY { "test_realm" } else { "limited_poa" }
}

/// `OAuth realm="…", name="value", …, oauth_signature="…"`: the realm first, every value percent-encoded.
///
/// `signature` is the base64 text that a key or a token gave. The broker takes the parameters in any order.
#[must_use]
pub fn authorization_header(realm: &str, parameters: &Parameters, signature: &str) -> String {
    let fields: Vec<String> = [("realm", realm)]
        .into_iter()
        .chain(parameters.iter())
        .chain([("oauth_signature", signature)])
        .map(|(name, value)| format!("{name}=\"{}\"", percent_encode(value)))
        .collect();
    format!("OAuth {}", fields.join(", "))
}

/// Parameters of a header that are read; a real one has ten.
pub(crate) const FIELDS_MAX: usize = 32;

/// An `Authorization` header taken apart, whoever wrote it: to find what is wrong with it, and to compare two clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthHeader {
    /// The realm, where there is one.
    pub realm: Option<String>,
    /// Everything that is signed, decoded, in the header's order.
    pub parameters: Vec<(String, String)>,
    /// The signature as it stands there, still encoded.
    pub raw_signature: Option<String>,
}

impl OAuthHeader {
    /// Reads `OAuth name="value", …`, with or without quotes; `None` if it does not begin with `OAuth` and a space. What
    /// is no `name=value` is passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let list = text.trim().strip_prefix("OAuth ")?;
        let fields = list.split(',').filter_map(|item| item.trim().split_once('='));
        Some(Self::of_fields(fields.map(|(name, raw)| (name, raw.trim_matches('"')))))
    }

    /// From names and values, these still encoded.
    pub(crate) fn of_fields<'f>(fields: impl Iterator<Item = (&'f str, &'f str)>) -> Self {
        let mut header = Self { realm: None, parameters: Vec::new(), raw_signature: None };
        for (name, raw) in fields.take(FIELDS_MAX) {
            match name {
                "realm" => header.realm = Some(decoded(raw)),
                "oauth_signature" => header.raw_signature = Some(raw.to_owned()),
                _ => header.parameters.push((name.to_owned(), decoded(raw))),
            }
        }
        header
    }

    /// A signed parameter's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The signature in base64.
    #[must_use]
    pub fn signature(&self) -> Option<String> {
        self.raw_signature.as_deref().map(decoded)
    }

    /// The text that this header's signature should sign, without the secret that goes before it at the live session token.
    #[must_use]
    pub fn base_string(&self, method: &str, url: &Url, query: QuerySigning) -> BaseString {
        let fields: Vec<(&str, &str)> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        BaseString::new(method, url, query, &Parameters::default(), &fields)
    }
}

fn decoded(raw: &str) -> String {
    percent_decode_str(raw).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_taken_apart_gives_the_base_string_that_was_signed() {
        let url = Url::parse("https://api.ibkr.com/v1/api/oauth/request_token").unwrap();
        let parameters = Parameters::default().with("oauth_callback", "oob").with("oauth_consumer_key", "TESTCONS");
        let header = OAuthHeader::parse(&authorization_header("test_realm", &parameters, "a+b/c=")).unwrap();
        assert_eq!(header.realm.as_deref(), Some("test_realm"));
        assert_eq!(header.get("oauth_consumer_key"), Some("TESTCONS"));
        assert_eq!(header.signature().as_deref(), Some("a+b/c="));
        let signed = BaseString::new("POST", &url, QuerySigning::Omit, &parameters, &[]);
        assert_eq!(header.base_string("POST", &url, QuerySigning::Omit), signed);
        assert_eq!(OAuthHeader::parse("Bearer x"), None);
        assert_eq!(OAuthHeader::parse("OAuth").map(|header| header.realm), None);
    }

    #[test]
    fn the_realm_comes_first_and_the_signature_is_encoded() {
        let parameters = Parameters::default().with("oauth_consumer_key", "TESTCONS");
        assert_eq!(
            authorization_header("limited_poa", &parameters, "a+b/c="),
            r#"OAuth realm="limited_poa", oauth_consumer_key="TESTCONS", oauth_signature="a%2Bb%2Fc%3D""#
        );
    }

    #[test]
    fn a_quote_cannot_break_out_of_a_value() {
        let parameters = Parameters::default().with("oauth_token", "x\", realm=\"y");
        assert_eq!(authorization_header("r", &parameters, "").matches('"').count(), 6);
    }

    #[test]
    fn only_testcons_has_the_test_realm() {
        assert_eq!(default_realm("TESTCONS"), "test_realm");
        assert_eq!(default_realm("COURIERXX"), "limited_poa");
    }
}
