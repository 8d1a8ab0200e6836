//! The page on which a user lets a consumer in: outside `/v1/api`, a plain form that works without script.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::{User, query_values, random_hex};
use crate::state::Desk;

const RESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Bytes of a verifier.
const VERIFIER_BYTES: usize = 10;

/// Answers `GET /authorize` with the page, and its form's `POST` with the redirect to the consumer's callback.
pub(crate) fn answer(desk: &mut Desk<'_>, call: &Call) -> Answer {
    let query = call.query_values();
    let token = query.get("oauth_token").map_or("", String::as_str);
    let Some((consumer_key, callback)) = open_request(desk, token) else {
        return page(
            400,
            "<p role=\"alert\">This request is unknown, used, or too old. Start again at the application.</p>",
        );
    };
    if query.get("redirect_uri").is_some_and(|uri| *uri != callback) {
        return page(
            400,
            "<p role=\"alert\">The redirect address is not the one that is registered for this application.</p>",
        );
    }
    if call.method == Method::GET {
        return page(200, &form(desk, &consumer_key, call));
    }
    let fields = query_values(&String::from_utf8_lossy(&call.body));
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    if field("decision") != "approve" {
        desk.state.registry.request_tokens.remove(token);
        let separator = if callback.contains('?') { '&' } else { '?' };
        return redirect(&format!("{callback}{separator}oauth_token={token}"));
    }
    match approve(desk, token, field("username")) {
        Ok(location) => redirect(&location),
        Err(problem) => page(400, &format!("<p role=\"alert\">{}</p>", escaped(&problem))),
    }
}

/// Approves as the page would; the address the browser is sent to.
pub(crate) fn approve(desk: &mut Desk<'_>, token: &str, username: &str) -> Result<String, String> {
    let (consumer_key, callback) = open_request(desk, token).ok_or("This request is unknown, used, or too old.")?;
    let user = desk.state.registry.users.get(username).ok_or("This username is not known.")?;
    if consumer_key == "TESTCONS" && !user.paper {
        return Err("The test application takes paper usernames only.".to_owned());
    }
    let verifier = random_hex(desk.entropy, VERIFIER_BYTES);
    if let Some(entry) = desk.state.registry.request_tokens.get_mut(token) {
        entry.approval = Some((username.to_owned(), verifier.clone()));
    }
    let separator = if callback.contains('?') { '&' } else { '?' };
    Ok(format!("{callback}{separator}oauth_token={token}&oauth_verifier={verifier}"))
}

/// The consumer and its callback, while the request token waits for a decision.
fn open_request(desk: &Desk<'_>, token: &str) -> Option<(String, String)> {
    let registry = &desk.state.registry;
    let entry =
        registry.request_tokens.get(token).filter(|entry| entry.expires_at > desk.now && entry.approval.is_none())?;
    let consumer = registry.consumers.get(&entry.consumer_key)?;
    Some((entry.consumer_key.clone(), consumer.callback_url.clone()))
}

fn form(desk: &Desk<'_>, consumer_key: &str, call: &Call) -> String {
    let options: Vec<String> = desk.state.registry.users.values().map(login).collect();
    let options = options.concat();
    let action = escaped(&format!("/authorize?{}", call.query.as_deref().unwrap_or_default()));
    format!(
        "<p>The application <strong>{}</strong> asks to see your accounts and to trade in them.</p>\
         <form method=\"post\" action=\"{action}\">\
         <p><label for=\"username\">Username</label> <select id=\"username\" name=\"username\" required>{options}</select></p>\
         <p><button type=\"submit\" name=\"decision\" value=\"approve\">Approve</button> \
         <button type=\"submit\" name=\"decision\" value=\"cancel\" formnovalidate>Cancel</button></p></form>",
        escaped(consumer_key)
    )
}

/// One login to choose.
fn login(user: &User) -> String {
    let kind = if user.paper { "paper" } else { "live" };
    let name = escaped(&user.username);
    format!("<option value=\"{name}\">{name} ({kind}: {})</option>", escaped(&user.accounts.join(", ")))
}

fn page(status: u16, content: &str) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Paper broker: third-party authorization</title></head><body><main><h1>Third-party authorization</h1>{content}</main></body></html>"
    );
    Answer::new(status, "text/html; charset=utf-8", page).with_header("cache-control", "no-store")
}

fn redirect(location: &str) -> Answer {
    let location: String = location
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() {
                c.to_string()
            } else {
                utf8_percent_encode(&c.to_string(), &RESERVED).to_string()
            }
        })
        .collect();
    Answer::new(303, "text/plain", "").with_header("location", location)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}
