//! The `Authorization` header (RFC 5849 section 3.5.1).

use crate::Parameters;
use crate::base_string::percent_encode;

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

#[cfg(test)]
mod tests {
    use super::*;

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
