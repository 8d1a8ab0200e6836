//! A file with an access token and its secret, as the portal shows them to a first party once, or as the broker answers.

use broker::AccessToken;
use domain::{Secret, parse_unique};
use serde_json::{Map, Value};

/// Characters of the broker's access tokens, hexadecimal digits (IBKR Web API, answers).
const TOKEN_DIGITS: usize = 20;
/// The names here, and those of the broker's own answer.
const TOKEN: [&str; 2] = ["access_token", "oauth_token"];
const SECRET: [&str; 2] = ["access_token_secret", "oauth_token_secret"];
/// What the broker's answer says beside them.
const BESIDE: [&str; 2] = ["is_paper", "is_true"];

/// A first party's access token, or a user's.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) token: Secret,
    /// As the broker gave it: base64.
    pub(crate) sealed_secret: Secret,
}

/// Reads the file's text; what is wrong with it, without a piece of it.
pub(crate) fn read(text: &str) -> Result<Access, String> {
    let mut object = object(text)?;
    let token = field(&mut object, TOKEN)?;
    let sealed_secret = field(&mut object, SECRET)?;
    for name in BESIDE {
        object.remove(name);
    }
    if let Some(name) = object.keys().next() {
        return Err(unknown(name));
    }
    let is_token = |text: &str| text.len() == TOKEN_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_token(&token) && is_token(&sealed_secret) {
        return Err("access_token and access_token_secret are swapped".to_owned());
    }
    AccessToken::new(&token).map_err(|error| match token.len() {
        200.. => "access_token is as long as a secret, and the token has 20 hexadecimal digits".to_owned(),
        _ => error.to_string(),
    })?;
    Ok(Access { token: Secret::new(token), sealed_secret: Secret::new(sealed_secret) })
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || matches!(letter, '\u{feff}' | '\0'));
    let line = |error: &serde_json::Error| format!("(line {}, column {})", error.line(), error.column());
    match parse_unique(text) {
        _ if text.is_empty() => Err("the file is empty".to_owned()),
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the file is JSON and no object".to_owned()),
        Err(_) if text.starts_with("{'") => {
            Err("the file is written with single quotes, as Python prints it, and JSON has double quotes".to_owned())
        }
        Err(error) if serde_json::from_str::<Map<String, Value>>(text).is_ok() => {
            Err(format!("a name stands twice in the file {}", line(&error)))
        }
        Err(error) if error.is_eof() => Err(format!("the file is cut: it ends in its middle {}", line(&error))),
        Err(error) => Err(format!("the file is no JSON {}", line(&error))),
    }
}

/// A field under the one name or the other, without what copying puts around it: white space, quotes, percent-encoding.
fn field(object: &mut Map<String, Value>, names: [&'static str; 2]) -> Result<String, String> {
    let found: Vec<Value> = names.iter().filter_map(|name| object.remove(*name)).collect();
    let [name, _] = names;
    match found.as_slice() {
        [Value::String(text)] => {
            Some(unwrapped(text)).filter(|text| !text.is_empty()).ok_or(format!("{name} is empty"))
        }
        [] | [Value::Null] => Err(format!("{name} is missing")),
        [_] => Err(format!("{name} is no text")),
        _ => Err(format!("{name} stands there under both its names; leave one")),
    }
}

fn unwrapped(text: &str) -> String {
    let inner = text.trim().trim_matches(['"', '\'']);
    let packed: String = inner.split_whitespace().collect();
    // Base64 has no percent sign, and a header's value is encoded.
    let codes =
        [("%2B", "+"), ("%2b", "+"), ("%2F", "/"), ("%2f", "/"), ("%3D", "="), ("%3d", "="), ("%0A", ""), ("%0D", "")];
    codes.into_iter().fold(packed, |text, (code, plain)| text.replace(code, plain))
}

/// A name that does not belong here; one that looks like no name is not shown.
fn unknown(name: &str) -> String {
    if matches!(name, "diffie_hellman_response" | "live_session_token_signature" | "live_session_token_expiration") {
        return "the file is the answer to a live session token, and not an access token".to_owned();
    }
    let shown =
        name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let name = if shown { format!("`{name}`") } else { "a long one".to_owned() };
    format!("the file has a name that it must not have: {name}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123";

    #[test]
    fn a_token_is_read_as_the_portal_shows_it_and_as_the_broker_answers() {
        let plain = json!({"access_token": TOKEN, "access_token_secret": "a+b/c="}).to_string();
        for text in [
            plain.clone(),
            format!("\u{feff}{plain}\r\n"),
            json!({"is_paper": true, "oauth_token": TOKEN, "oauth_token_secret": "a+b/c="}).to_string(),
            json!({"oauth_token": TOKEN, "access_token_secret": "a%2Bb%2Fc%3D"}).to_string(),
            json!({"access_token": format!(" {TOKEN}\n"), "access_token_secret": "\"a+b\n/c=\""}).to_string(),
        ] {
            let access = read(&text).unwrap();
            assert_eq!((access.token.expose(), access.sealed_secret.expose()), (TOKEN, "a+b/c="), "{text}");
        }
    }

    #[test]
    fn what_is_no_token_is_named_and_never_shown() {
        let secret = "s".repeat(344);
        for (text, says) in [
            (String::new(), "empty"),
            ("[]".to_owned(), "no object"),
            ("{'access_token': 'x'}".to_owned(), "single quotes"),
            (format!("{{\"access_token\": \"{secret}"), "cut"),
            (format!("access_token={secret}"), "no JSON"),
            (format!("{{\"access_token\": \"{TOKEN}\", \"access_token\": \"{TOKEN}\"}}"), "stands twice"),
            (json!({"access_token": TOKEN}).to_string(), "access_token_secret is missing"),
            (json!({"access_token": TOKEN, "access_token_secret": null}).to_string(), "access_token_secret is missing"),
            (json!({"access_token": TOKEN, "access_token_secret": " "}).to_string(), "access_token_secret is empty"),
            (json!({"access_token": 5, "access_token_secret": secret}).to_string(), "access_token is no text"),
            (json!({"access_token": secret, "access_token_secret": TOKEN}).to_string(), "swapped"),
            (json!({"access_token": secret, "access_token_secret": secret}).to_string(), "as long as a secret"),
            (
                json!({"access_token": TOKEN, "oauth_token": TOKEN, "access_token_secret": secret}).to_string(),
                "both its names",
            ),
            (json!({"access_token": TOKEN, "access_token_secret": secret, "realm": 1}).to_string(), "`realm`"),
            (
                json!({"access_token": TOKEN, "access_token_secret": secret, "diffie_hellman_response": "1"})
                    .to_string(),
                "live session token",
            ),
        ] {
            let problem = read(&text).unwrap_err();
            assert!(
                problem.contains(says) && !problem.contains(&secret) && !problem.contains(TOKEN),
                "{says}: {problem}"
            );
        }
    }
}
