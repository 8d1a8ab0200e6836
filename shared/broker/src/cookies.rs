//! The cookies of one session. They are never shared between users (IBKR Web API, required headers).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, header};

/// Most cookies kept; the broker sets `api` and `x-sess-uuid`, and the network before it a few more.
const COOKIES_MAX: usize = 16;
/// Longest cookie kept, bytes.
const COOKIE_BYTES_MAX: usize = 4096;

/// What the broker asked this session to send back.
#[derive(Default)]
pub(crate) struct Cookies(Mutex<BTreeMap<String, String>>);

impl Cookies {
    /// Takes the cookies of an answer. Their attributes are ignored: the session talks to one host, and ends in a day.
    pub(crate) fn take(&self, headers: &HeaderMap) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in headers.get_all(header::SET_COOKIE).iter().filter_map(pair) {
            if kept.len() < COOKIES_MAX || kept.contains_key(name) {
                kept.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// The `Cookie` header, if there is anything to send.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs: Vec<String> = kept.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut header = HeaderValue::from_str(&pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Forgets them all, as after logging out.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn pair(header: &HeaderValue) -> Option<(&str, &str)> {
    let text = header.to_str().ok().filter(|text| text.len() <= COOKIE_BYTES_MAX)?;
    let (name, value) = text.split(';').next()?.split_once('=')?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_comes_back_without_its_attributes() {
        let cookies = Cookies::default();
        assert!(cookies.header().is_none());
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("x-sess-uuid=0.1; secure; HttpOnly"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("api=a; Path=/"));
        cookies.take(&headers);
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("api=b"));
        cookies.take(&headers);
        assert_eq!(cookies.header().unwrap(), "api=b; x-sess-uuid=0.1");
        cookies.clear();
        assert!(cookies.header().is_none());
    }
}
