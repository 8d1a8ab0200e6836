//! The brokerage session: one per username, however many logins want it (section 3 of the facts).

use std::collections::BTreeSet;

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::{Caller, random_hex};
use crate::orders::Pending;
use crate::state::Desk;

/// What the broker knows of a username's brokerage session.
pub(crate) struct BrokerageSession {
    /// The access token whose session it is.
    pub(crate) owner: String,
    /// What `/tickle` gives out, and the cookie `api`.
    pub(crate) id: String,
    pub(crate) established_at: Timestamp,
    pub(crate) last_seen: Timestamp,
    /// Another login took the session over.
    pub(crate) competing: bool,
    pub(crate) accounts_read: bool,
    pub(crate) selected_account: String,
    pub(crate) suppressed: BTreeSet<String>,
    /// The question or prompt that waits for its answer.
    pub(crate) pending: Option<Pending>,
    pub(crate) orders_preflighted: bool,
    pub(crate) snapshots: BTreeSet<i64>,
}

impl BrokerageSession {
    pub(crate) fn is_established(&self, now: Timestamp) -> bool {
        self.established_at <= now
    }
}

/// Ends sessions that stood idle, and marks the caller's as seen.
pub(crate) fn touch(desk: &mut Desk<'_>, caller: &Caller) {
    let (now, limit) = (desk.now, desk.state.options.idle_timeout());
    desk.state.sessions.retain(|_, session| now.duration_since(session.last_seen) < limit);
    if let Some(session) = desk.session(caller) {
        session.last_seen = now;
    }
}

/// `POST /iserver/auth/ssodh/init`.
pub(crate) fn init(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let (publish, compete) = init_flags(call);
    if !publish {
        return Answer::error(500, "publish must be true");
    }
    let taken = desk.state.other_logins.contains(&caller.username)
        || desk.state.sessions.get(&caller.username).is_some_and(|session| session.owner != caller.access_token);
    if taken && !compete {
        return Answer::json(&signed_out_status(true));
    }
    desk.state.other_logins.remove(&caller.username);
    let session = BrokerageSession {
        owner: caller.access_token.clone(),
        id: random_hex(desk.entropy, 16),
        established_at: desk.now + SignedDuration::from_millis(desk.state.options.established_delay_ms),
        last_seen: desk.now,
        competing: false,
        accounts_read: false,
        selected_account: desk.accounts(caller).first().cloned().unwrap_or_default(),
        suppressed: BTreeSet::new(),
        pending: None,
        orders_preflighted: false,
        snapshots: BTreeSet::new(),
    };
    let cookie = format!("api={}; Secure; HttpOnly; Path=/", session.id);
    desk.state.sessions.insert(caller.username.clone(), session);
    Answer::json(&status_value(desk, caller)).with_header("set-cookie", cookie)
}

/// `POST /iserver/auth/status`.
pub(crate) fn status(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    Answer::json(&status_value(desk, caller))
}

/// `POST /tickle`: keeps the session alive; tells 200 whether or not there is one.
pub(crate) fn tickle(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    let id = desk.session(caller).map(|session| session.id.clone()).unwrap_or_default();
    let status = status_value(desk, caller);
    let body = json!({"session": id, "hmds": {"error": "no bridge"}, "iserver": {"authStatus": status}});
    let answer = Answer::json(&body);
    if id.is_empty() { answer } else { answer.with_header("set-cookie", format!("api={id}; Secure; HttpOnly; Path=/")) }
}

/// `POST /logout`: the brokerage session and the live session token end.
pub(crate) fn logout(desk: &mut Desk<'_>, caller: &Caller) -> Answer {
    if desk.session(caller).is_some() {
        desk.state.sessions.remove(&caller.username);
    }
    if let Some(access) = desk.state.registry.access.get_mut(&caller.access_token) {
        access.live = None;
    }
    Answer::json(&json!({"status": true}))
}

/// `publish` and `compete`, from the body or (as one of the broker's own clients sends them) from the query.
fn init_flags(call: &Call) -> (bool, bool) {
    if call.method == Method::GET {
        let query = call.query_values();
        let flag = |name: &str| query.get(name).is_some_and(|value| value == "true");
        return (flag("publish"), flag("compete"));
    }
    let body = call.json_value();
    let flag = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or(false);
    (flag("publish"), flag("compete"))
}

fn status_value(desk: &mut Desk<'_>, caller: &Caller) -> Value {
    let now = desk.now;
    let competing = desk
        .state
        .sessions
        .get(&caller.username)
        .is_some_and(|session| session.competing || session.owner != caller.access_token)
        || desk.state.other_logins.contains(&caller.username);
    let Some(session) = desk.session(caller) else {
        return signed_out_status(competing);
    };
    json!({
        "authenticated": true,
        "established": session.is_established(now),
        "competing": false,
        "connected": true,
        "message": "",
        "MAC": "98:F2:B3:23:BF:A0",
        "serverInfo": {"serverName": "JifN19053", "serverVersion": "Build 10.25.0p, Dec 5, 2023 5:48:12 PM"},
        "hardware_info": "paper|98:F2:B3:23:BF:A0",
        "fail": "",
    })
}

fn signed_out_status(competing: bool) -> Value {
    json!({"authenticated": false, "competing": competing, "connected": competing, "MAC": "98:F2:B3:23:BF:A0"})
}
