//! The string that is signed: RFC 5849 section 3.4.1, with the broker's own encoding.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;
use zeroize::Zeroizing;

use crate::AccessTokenSecret;

/// Everything but RFC 3986's unreserved characters is encoded (RFC 5849 section 3.6).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether the query of a protected call is signed. IBKR's documents of different years disagree, and clients of both kinds
/// are reported working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QuerySigning {
    /// The query is no part of the base string (IBKR's documents of 2026, and the most used client).
    #[default]
    Omit,
    /// The query's parameters are signed with the others (IBKR's document of 2018, and its JavaScript demo).
    Include,
}

/// OAuth parameters by name, without `realm` and `oauth_signature`, which are never signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// Adds one parameter.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// The parameters in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// What is signed. For the live session token it begins with the access token secret, so it is kept like one.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseString(Zeroizing<String>);

impl BaseString {
    /// `METHOD&encoded(URL without query)&encoded(sorted parameters)`.
    ///
    /// Unlike RFC 5849 the parameters are joined as raw `name=value` and encoded once, as a whole. `form` holds the fields of
    /// an `application/x-www-form-urlencoded` body; JSON bodies are never signed.
    #[must_use]
    pub fn new(method: &str, url: &Url, query: QuerySigning, oauth: &Parameters, form: &[(&str, &str)]) -> Self {
        let in_query: Vec<_> = match query {
            QuerySigning::Omit => Vec::new(),
            QuerySigning::Include => url.query_pairs().collect(),
        };
        let mut parameters: Vec<(&str, &str)> = oauth
            .iter()
            .chain(form.iter().copied())
            .chain(in_query.iter().map(|(name, value)| (&**name, &**value)))
            .collect();
        parameters.sort_unstable();
        let joined: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Self(Zeroizing::new(format!(
            "{}&{}&{}",
            method.to_ascii_uppercase(),
            percent_encode(without_query(url)),
            percent_encode(&joined.join("&"))
        )))
    }

    /// Puts the hex of the opened access token secret in front, as the request for a live session token needs it.
    #[must_use]
    pub fn after_secret(&self, secret: &AccessTokenSecret) -> Self {
        let prefix = Zeroizing::new(hex::encode(secret.expose()));
        Self(Zeroizing::new(format!("{}{}", *prefix, *self.0)))
    }

    /// The text to sign.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BaseString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("BaseString(redacted)")
    }
}

/// RFC 3986 percent-encoding, upper-case hex, unreserved characters left alone.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn without_query(url: &Url) -> &str {
    let text = url.as_str();
    text.split(['?', '#']).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_once() {
        let url = Url::parse("https://api.ibkr.com/v1/api/trsrv/stocks?symbols=AAPL%2CMSFT").unwrap();
        let base = BaseString::new("get", &url, QuerySigning::Include, &Parameters::default(), &[]);
        assert_eq!(base.expose(), "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Ftrsrv%2Fstocks&symbols%3DAAPL%2CMSFT");
    }

    #[test]
    fn a_name_that_is_the_beginning_of_another_sorts_first() {
        // '-' sorts before '=', so sorting the joined text would put `a-b=…` before `a=…`.
        let url = Url::parse("https://h/p").unwrap();
        let base =
            BaseString::new("GET", &url, QuerySigning::Omit, &Parameters::default(), &[("a-b", "1"), ("a", "2")]);
        assert!(base.expose().ends_with("&a%3D2%26a-b%3D1"));
    }

    #[test]
    fn the_base_string_never_shows_in_debug() {
        let url = Url::parse("https://h/p").unwrap();
        let base = BaseString::new("GET", &url, QuerySigning::Omit, &Parameters::default(), &[]);
        let base = base.after_secret(&AccessTokenSecret::from_bytes(vec![0xab]));
        assert!(base.expose().starts_with("abGET&"));
        assert_eq!(format!("{base:?}"), "BaseString(redacted)");
    }
}
