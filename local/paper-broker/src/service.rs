//! How one call below `/v1/api` is answered: the network's front, OAuth, pacing, and then the endpoint.

use http::{Method, header};
use serde_json::json;

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::{self, Caller};
use crate::state::Desk;
use crate::{accounts, contracts, orders, sessions};

/// Answers a call; the second part tells whose it was, once that was proved.
pub(crate) fn execute(desk: &mut Desk<'_>, call: &Call) -> (Answer, Option<Caller>) {
    match admit(desk, call) {
        Ok(caller) => {
            let answer = dispatch(desk, &caller, call);
            (answer, Some(caller))
        }
        Err(answer) => (answer, None),
    }
}

/// Everything before the endpoint. An OAuth step is answered here as well: it has no caller yet.
pub(crate) fn admit(desk: &mut Desk<'_>, call: &Call) -> Result<Caller, Answer> {
    front(desk, call)?;
    let Some(segments) = call.segments() else {
        return Err(Answer::error(404, "Not Found"));
    };
    if let ["oauth", endpoint] = segments.as_slice() {
        return Err(oauth::answer(desk, call, endpoint));
    }
    let caller = oauth::authenticate(desk, call)?;
    let paced =
        !desk.state.options.pacing || desk.state.pacing.admit(&caller.username, &call.method, &segments, desk.now);
    if paced { Ok(caller) } else { Err(too_many_requests()) }
}

/// Answers an authenticated call.
pub(crate) fn dispatch(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    sessions::touch(desk, caller);
    let segments = call.segments().unwrap_or_default();
    let answer = match segments.as_slice() {
        ["iserver", ..] if desk.state.iserver_down => {
            Answer::new(503, "text/plain", "").with_header("x-response-time", "10000ms")
        }
        ["iserver", rest @ ..] => brokerage(desk, caller, call, rest),
        rest => read_only(desk, caller, call, rest),
    };
    answer.with_header("set-cookie", "x-sess-uuid=0.78b61002.1700000000.1b2c3d4; Secure; HttpOnly; Path=/")
}

/// 429, as pacing and faults give it.
pub(crate) fn too_many_requests() -> Answer {
    let mut answer = Answer::json_with_status(429, &json!({"error": "Too many requests"}));
    answer.problem = Some("pacing".to_owned());
    answer
}

/// What the network in front of the broker refuses by itself.
fn front(desk: &Desk<'_>, call: &Call) -> Result<(), Answer> {
    if desk.state.options.pacing && desk.state.pacing.is_boxed(desk.now) {
        return Err(too_many_requests());
    }
    if call.header(header::USER_AGENT).is_empty() {
        return Err(Answer::access_denied("no User-Agent"));
    }
    let has_length =
        call.headers.contains_key(header::CONTENT_LENGTH) || call.headers.contains_key(header::TRANSFER_ENCODING);
    if call.method == Method::POST && !has_length {
        let mut answer = Answer::new(411, "text/html", "<HTML><BODY><H1>Length Required</H1></BODY></HTML>\n");
        answer.problem = Some("no Content-Length".to_owned());
        return Err(answer);
    }
    Ok(())
}

fn read_only(desk: &mut Desk<'_>, caller: &Caller, call: &Call, segments: &[&str]) -> Answer {
    match (&call.method, segments) {
        (&Method::POST | &Method::GET, ["tickle"]) => sessions::tickle(desk, caller),
        (&Method::POST, ["logout"]) => sessions::logout(desk, caller),
        (&Method::GET, ["portfolio", "accounts"]) => accounts::portfolio_accounts(desk, caller),
        (&Method::GET, ["portfolio", account, "positions", page]) => accounts::positions(desk, caller, account, page),
        (&Method::POST, ["portfolio", account, "positions", "invalidate"]) => {
            accounts::invalidate_positions(desk, caller, account)
        }
        (&Method::GET, ["trsrv", "stocks"]) => contracts::stocks(desk, call),
        (&Method::GET, ["trsrv", "secdef"]) => contracts::definitions(call),
        _ => Answer::error(404, "Not Found"),
    }
}

fn brokerage(desk: &mut Desk<'_>, caller: &Caller, call: &Call, segments: &[&str]) -> Answer {
    match (&call.method, segments) {
        (&Method::POST | &Method::GET, ["auth", "status"]) => return sessions::status(desk, caller),
        (&Method::POST | &Method::GET, ["auth", "ssodh", "init"]) => return sessions::init(desk, caller, call),
        _ if desk.session(caller).is_none() => return Answer::error(400, "Bad Request: no bridge"),
        _ => {}
    }
    match (&call.method, segments) {
        (&Method::GET, ["accounts"]) => accounts::brokerage_accounts(desk, caller),
        (&Method::POST, ["account"]) => accounts::select(desk, caller, call),
        (&Method::GET | &Method::POST, ["secdef", "search"]) => contracts::search(desk, call),
        (&Method::GET, ["secdef", "info"]) => contracts::info(call),
        (&Method::POST, ["contract", "rules"]) => contracts::rules(desk, caller, call),
        (&Method::GET, ["contract", conid, "info-and-rules"]) => contracts::info_and_rules(desk, caller, conid),
        (&Method::POST, ["questions", "suppress"]) => orders::suppress(desk, caller, call),
        (&Method::POST, ["questions", "suppress", "reset"]) => orders::reset_suppression(desk, caller),
        _ if !accounts_read(desk, caller) && !has_other_accounts_rule(segments) => {
            accounts_missing(desk, caller, segments)
        }
        (&Method::GET, ["marketdata", "snapshot"]) => contracts::snapshot(desk, caller, call),
        _ => orders::answer(desk, caller, call, segments),
    }
}

fn accounts_read(desk: &mut Desk<'_>, caller: &Caller) -> bool {
    desk.session(caller).is_some_and(|session| session.accounts_read)
}

/// A reply belongs to an order that was placed: its own rules say whether it is in time.
fn has_other_accounts_rule(segments: &[&str]) -> bool {
    matches!(segments, ["reply", ..] | ["notification"])
}

/// Before `GET /iserver/accounts`: an order names an account that is not there until the session is established.
fn accounts_missing(desk: &mut Desk<'_>, caller: &Caller, segments: &[&str]) -> Answer {
    let now = desk.now;
    let established = desk.session(caller).is_some_and(|session| session.is_established(now));
    match segments {
        ["account", account, "orders" | "order", ..] if !established => {
            Answer::error(400, format!("Bad Request: accountId is not valid: {account}"))
        }
        _ => Answer::error(400, "Bad Request: Please query /accounts first"),
    }
}
