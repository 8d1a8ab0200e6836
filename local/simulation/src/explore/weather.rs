//! The weather of a world: what goes wrong by chance, and how often.

use std::time::Duration;

use paper_broker::FaultKind;

use super::dice::Dice;
use crate::effects::{Director, Door, Strike};

/// A mishap's name and what it does; the number of milliseconds or the like comes from the dice.
type Mishap = (&'static str, fn(&mut Dice) -> Strike);

/// What goes wrong with calls to the broker.
pub(crate) const AT_THE_BROKER: [Mishap; 24] = [
    ("broker_crash_before", |_| Strike::CrashBefore),
    ("broker_crash_after", |_| Strike::CrashAfter),
    ("broker_frozen_before", |dice| Strike::FreezeBefore(seconds(dice, 5, 110))),
    ("broker_frozen_after", |dice| Strike::FreezeAfter(seconds(dice, 5, 110))),
    ("broker_connection_refused", |_| Strike::ConnectionRefused),
    ("broker_cut_before", |_| Strike::Broker(FaultKind::DropBefore)),
    ("broker_answer_lost", |_| Strike::Broker(FaultKind::DropAfter)),
    ("broker_503", |dice| Strike::Broker(FaultKind::Unavailable { executed: false, delay_ms: wait(dice) })),
    ("broker_503_executed", |dice| Strike::Broker(FaultKind::Unavailable { executed: true, delay_ms: wait(dice) })),
    ("broker_late_answer", |_| Strike::Broker(FaultKind::Delay { before_ms: 0, after_ms: 20_000 })),
    ("broker_late_request", |_| Strike::Broker(FaultKind::Delay { before_ms: 20_000, after_ms: 0 })),
    ("broker_slow", |dice| Strike::Broker(FaultKind::Delay { before_ms: 200, after_ms: dice.below(4_000) })),
    ("broker_garbled", |_| Strike::Broker(FaultKind::Garbled)),
    ("broker_truncated", |_| Strike::Broker(FaultKind::Truncated)),
    ("broker_doubled", |_| Strike::Broker(FaultKind::Duplicate)),
    ("broker_parked", |dice| Strike::Broker(FaultKind::Park { release_after_ms: Some(dice.between(1_000, 58_000)) })),
    ("broker_access_denied", |_| Strike::Broker(FaultKind::AccessDenied)),
    ("broker_410", |_| Strike::Broker(FaultKind::Gone)),
    ("broker_401", |_| Strike::Broker(FaultKind::Unauthorized)),
    ("broker_no_bridge", |_| told(400, "Bad Request: no bridge")),
    ("broker_accounts_first", |_| told(400, "Bad Request: Please query /accounts first")),
    ("broker_200_no_session", |_| told(200, "Please init session first")),
    ("broker_200_failure", |dice| failed_with_200(dice.per_mille(500))),
    ("broker_500_page", |dice| page(500, dice.per_mille(500))),
];
/// What goes wrong with calls to the database.
pub(crate) const AT_THE_DATABASE: [Mishap; 9] = [
    ("database_crash_before", |_| Strike::CrashBefore),
    ("database_crash_after", |_| Strike::CrashAfter),
    ("database_frozen", |dice| Strike::FreezeBefore(seconds(dice, 5, 110))),
    ("database_answer_lost", |_| Strike::AnswerLost),
    ("database_lost_for_good", |_| Strike::LostForGood),
    ("database_never_arrives", |_| Strike::NeverArrives),
    ("database_throttled", |_| Strike::Throttled),
    ("database_internal_error", |_| Strike::InternalError),
    ("database_contention", |_| Strike::Contention),
];
/// What goes wrong with messages that the functions send.
pub(crate) const AT_A_QUEUE: [Mishap; 5] = [
    ("queue_crash_before", |_| Strike::CrashBefore),
    ("queue_crash_after", |_| Strike::CrashAfter),
    ("queue_answer_lost", |_| Strike::AnswerLost),
    ("queue_lost_for_good", |_| Strike::LostForGood),
    ("queue_throttled", |_| Strike::Throttled),
];
/// Those after which the broker has the order, and nobody knows.
const LOST_ANSWERS: [&str; 5] =
    ["broker_answer_lost", "broker_503_executed", "broker_late_answer", "broker_garbled", "broker_truncated"];
/// Too many requests: ten minutes without the broker, so it strikes seldom, and a world at most once.
pub(crate) const PENALTY: &str = "broker_429";

/// What goes wrong in one world. Each has some of the mishaps, so that those which hide others are often absent.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    dice: Dice,
    broker: Vec<Mishap>,
    database: Vec<Mishap>,
    queue: Vec<Mishap>,
    /// Per thousand calls that place or cancel, or answer a question.
    placing_often: u64,
    /// Per thousand other calls to the broker.
    broker_often: u64,
    database_often: u64,
    queue_often: u64,
    penalties_left: u64,
}

impl Weather {
    pub(crate) fn new(mut dice: Dice) -> Self {
        let severity = dice.weigh(&[(15, 0), (45, 1), (40, 2)]);
        let penalties_left = u64::from(dice.per_mille(60) && severity > 0);
        Self {
            broker: some(&mut dice, &AT_THE_BROKER),
            database: some(&mut dice, &AT_THE_DATABASE),
            queue: some(&mut dice, &AT_A_QUEUE),
            placing_often: [0, 120, 350][severity],
            broker_often: [0, 15, 50][severity],
            database_often: [0, 2, 8][severity],
            queue_often: [0, 10, 40][severity],
            penalties_left,
            dice,
        }
    }
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) fn fair(dice: Dice) -> Self {
        Self { placing_often: 0, ..Self::of_lost_answers(dice) }
    }

    /// Nothing goes wrong but that answers to placing are lost, of calls that were carried out.
    pub(crate) fn of_lost_answers(dice: Dice) -> Self {
        let lost = |mishap: &&Mishap| LOST_ANSWERS.contains(&mishap.0);
        let broker = AT_THE_BROKER.iter().filter(lost).copied().collect();
        Self {
            dice,
            broker,
            database: Vec::new(),
            queue: Vec::new(),
            placing_often: 400,
            broker_often: 0,
            database_often: 0,
            queue_often: 0,
            penalties_left: 0,
        }
    }
}

impl Director for Weather {
    fn strike(&mut self, door: Door, _: u64, place: &str) -> Option<(&'static str, Strike)> {
        let placing = door == Door::Broker && places(place);
        let (menu, often) = match door {
            Door::Broker => (&self.broker, if placing { self.placing_often } else { self.broker_often }),
            Door::Database => (&self.database, self.database_often),
            Door::Queue => (&self.queue, self.queue_often),
        };
        if !self.dice.per_mille(often) {
            return None;
        }
        if placing && self.penalties_left > 0 && self.dice.per_mille(150) {
            self.penalties_left -= 1;
            return Some((PENALTY, Strike::Broker(FaultKind::TooManyRequests)));
        }
        let (name, mishap) = self.dice.pick(menu);
        Some((name, mishap(&mut self.dice)))
    }
}

/// Whether a call may bring an order to the broker, or end one.
fn places(place: &str) -> bool {
    let cancels = place.starts_with("DELETE ") && place.contains("/order/");
    let answers_prompt = place.starts_with("POST ") && place.ends_with("/notification");
    cancels
        || answers_prompt
        || place.starts_with("POST ")
            && (place.ends_with("/orders") || place.contains("/reply/") || place.contains("/order/"))
}

/// About half of them, and never none.
fn some(dice: &mut Dice, from: &[Mishap]) -> Vec<Mishap> {
    let mut chosen: Vec<Mishap> = from.iter().filter(|_| dice.per_mille(500)).copied().collect();
    if chosen.is_empty() {
        chosen.push(dice.pick(from));
    }
    chosen
}

fn seconds(dice: &mut Dice, least: i64, most: i64) -> Duration {
    Duration::from_secs(dice.between(least, most).unsigned_abs())
}

/// A back end that takes longer than 10 s answers 503 then (IBKR Web API, errors); a front that is down at once.
fn wait(dice: &mut Dice) -> u64 {
    dice.pick(&[0, 10_000])
}

fn told(status: u16, error: &str) -> Strike {
    let body = serde_json::json!({"error": error, "statusCode": status}).to_string();
    let content_type = "application/json".to_owned();
    Strike::Broker(FaultKind::Answer { executed: false, status, content_type, body })
}

/// An error of the broker's machines in a 200, which says nothing of what became of the call.
fn failed_with_200(executed: bool) -> Strike {
    let body = serde_json::json!({"error": "Internal Server Error", "statusCode": 500}).to_string();
    let content_type = "application/json".to_owned();
    Strike::Broker(FaultKind::Answer { executed, status: 200, content_type, body })
}

fn page(status: u16, executed: bool) -> Strike {
    let body = "<html><body><h1>Internal Server Error</h1></body></html>".to_owned();
    Strike::Broker(FaultKind::Answer { executed, status, content_type: "text/html".to_owned(), body })
}
