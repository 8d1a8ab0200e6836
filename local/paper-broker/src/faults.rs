//! Misbehaviour on request: what goes wrong, for which calls, and how often.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::oauth::Caller;

/// Rules kept at once.
const RULES_MAX: usize = 1_000;

/// A fault for the next calls that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The HTTP method; left out: any.
    #[serde(default)]
    pub method: Option<String>,
    /// The path below `/v1/api`; `*` stands for one segment, a last `**` for all that follow.
    pub path: String,
    /// Only for calls with a token of this username; left out: for everybody's.
    #[serde(default)]
    pub username: Option<String>,
    /// Matching calls let through before the first one that is struck. Default: 0.
    #[serde(default)]
    pub skip: u32,
    /// How many calls are struck. Default: 1.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to them.
    pub fault: FaultKind,
}

impl Fault {
    /// A fault for the next call of `method` whose path matches.
    #[must_use]
    pub fn next(method: &str, path: &str, fault: FaultKind) -> Self {
        Self { method: Some(method.to_owned()), path: path.to_owned(), username: None, skip: 0, times: 1, fault }
    }
}

/// What goes wrong. `executed` tells whether the call is carried out all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// Time passes, in milliseconds, before the call is carried out and before its answer leaves.
    Delay {
        /// Before.
        #[serde(default)]
        before_ms: u64,
        /// After.
        #[serde(default)]
        after_ms: u64,
    },
    /// The connection is cut, and nothing was done.
    DropBefore,
    /// The call is carried out, and the connection is cut: the answer is lost.
    DropAfter,
    /// 503 with an empty body, as when the back end takes longer than 10 s.
    Unavailable {
        /// Whether it was done all the same.
        executed: bool,
        /// Milliseconds until the answer.
        #[serde(default)]
        delay_ms: u64,
    },
    /// Carried out; the answer's bytes are not readable as JSON.
    Garbled,
    /// Carried out; the answer ends in its middle.
    Truncated,
    /// Carried out twice; the first answer is given.
    Duplicate,
    /// 503 at once; carried out later, on `POST /control/parked/release` or after the time.
    Park {
        /// Milliseconds until it is carried out by itself; left out: only when released.
        #[serde(default)]
        release_after_ms: Option<i64>,
    },
    /// A cancel or a change is answered as if it were carried out, and is not. Any other call is carried out.
    NotCarriedOut,
    /// 403 with the page of the network in front.
    AccessDenied,
    /// 429.
    TooManyRequests,
    /// 410.
    Gone,
    /// 401.
    Unauthorized,
    /// Any other answer.
    Answer {
        /// Whether the call was carried out.
        executed: bool,
        /// Status.
        status: u16,
        /// `Content-Type`.
        content_type: String,
        /// Body.
        body: String,
    },
}

impl FaultKind {
    /// Its name in the log of calls.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::Unavailable { .. } => "unavailable",
            Self::Garbled => "garbled",
            Self::Truncated => "truncated",
            Self::Duplicate => "duplicate",
            Self::Park { .. } => "park",
            Self::NotCarriedOut => "not_carried_out",
            Self::AccessDenied => "access_denied",
            Self::TooManyRequests => "too_many_requests",
            Self::Gone => "gone",
            Self::Unauthorized => "unauthorized",
            Self::Answer { .. } => "answer",
        }
    }
}

/// A call that was answered, and is yet to be carried out.
pub(crate) struct Parked {
    pub(crate) number: u64,
    pub(crate) caller: Caller,
    pub(crate) call: Call,
    pub(crate) due: Option<Timestamp>,
}

/// The rules in force, in the order in which they were given.
#[derive(Default)]
pub(crate) struct Faults {
    rules: Vec<Fault>,
}

impl Faults {
    /// False if there are too many.
    pub(crate) fn add(&mut self, fault: Fault) -> bool {
        let room = self.rules.len() < RULES_MAX;
        if room {
            self.rules.push(fault);
        }
        room
    }

    pub(crate) fn rules(&self) -> Vec<Fault> {
        self.rules.clone()
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// The fault that strikes this call, if any; a rule that has struck often enough goes.
    pub(crate) fn take(&mut self, call: &Call, username: Option<&str>) -> Option<FaultKind> {
        let segments = call.segments()?;
        let index = self.rules.iter().position(|rule| {
            let method_fits =
                rule.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()));
            let username_fits = rule.username.is_none() || rule.username.as_deref() == username;
            method_fits && username_fits && path_matches(&rule.path, &segments)
        })?;
        let rule = &mut self.rules[index];
        if rule.skip > 0 {
            rule.skip -= 1;
            return None;
        }
        rule.times = rule.times.saturating_sub(1);
        let kind = rule.fault.clone();
        if rule.times == 0 {
            self.rules.remove(index);
        }
        Some(kind)
    }
}

fn path_matches(pattern: &str, segments: &[&str]) -> bool {
    let wanted: Vec<&str> = pattern.split('/').filter(|segment| !segment.is_empty()).collect();
    let (wanted, open_ended) = match wanted.split_last() {
        Some((&"**", rest)) => (rest.to_vec(), true),
        _ => (wanted, false),
    };
    let length_fits = if open_ended { segments.len() >= wanted.len() } else { segments.len() == wanted.len() };
    length_fits && wanted.iter().zip(segments).all(|(wanted, segment)| *wanted == "*" || wanted == segment)
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::path_matches;

    #[test]
    fn a_star_stands_for_one_segment_and_two_for_the_rest() {
        let segments = ["iserver", "account", "DU1", "orders"];
        assert!(path_matches("/iserver/account/*/orders", &segments));
        assert!(path_matches("/iserver/**", &segments));
        assert!(!path_matches("/iserver/account/*", &segments));
        assert!(!path_matches("/iserver/*/DU1/trades", &segments));
    }
}
