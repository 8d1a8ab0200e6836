//! The market, and the broker's moods: prices that move, questions that come and go, answers that are slow, sessions that
//! end.

use std::time::Duration;

use paper_broker::{Fault, FaultKind, PaperBroker, QuestionRules};
use rust_decimal::Decimal;

use crate::house::HouseUser;
use crate::random::Random;

/// Contracts with the prices around which they move, in cents.
pub(crate) const CONTRACTS: [(i64, u64); 5] =
    [(265_598, 18_750), (272_093, 42_000), (756_733, 60_000), (8_314, 22_000), (4_815_747, 5_000)];
/// How far a price moves away, in tenths of a per cent. Limits and stops beyond it stay at work.
const MOVES_PER_MILLE_MAX: u64 = 10;
const TURN: Duration = Duration::from_millis(500);
/// Every so many turns …
const PRICES_TURNS: u64 = 3;
const SESSION_ENDS_TURNS: u64 = 24;
const QUESTIONS_TURNS: u64 = 40;
/// How slow a slow answer is at most, on either side of what is done, in milliseconds.
const SLOW_MILLISECONDS_MAX: u64 = 900;
/// Slow answers that wait to be given at most.
const SLOW_ANSWERS_MAX: usize = 4;

/// A price near the usual one: so many tenths of a per cent of it, 1000 being the price itself.
pub(crate) fn price(cents: u64, per_mille: u64) -> Decimal {
    Decimal::new(i64::try_from(cents * per_mille / 1_000).unwrap_or(i64::MAX), 2)
}

/// Moves for ever.
pub(crate) async fn run(broker: PaperBroker, users: Vec<HouseUser>, seed: u64) {
    let mut random = Random::of_part(seed, 2);
    for turn in 1_u64.. {
        tokio::time::sleep(TURN).await;
        if turn.is_multiple_of(PRICES_TURNS) {
            move_prices(&broker, &mut random);
        }
        if turn.is_multiple_of(SESSION_ENDS_TURNS)
            && let Some(user) = users.get(random.index(users.len()))
        {
            broker.end_session(&user.username);
        }
        if turn.is_multiple_of(QUESTIONS_TURNS) {
            let asks = (turn / QUESTIONS_TURNS).is_multiple_of(2);
            broker.set_questions(if asks { QuestionRules::default() } else { QuestionRules::none() });
        }
        if broker.faults().len() < SLOW_ANSWERS_MAX {
            broker.add_fault(slow_answer(&mut random));
        }
    }
}

/// The broker is quick and asks nothing: what is open comes to its end.
pub(crate) fn calm_down(broker: &PaperBroker) {
    broker.clear_faults();
    broker.set_questions(QuestionRules::none());
}

fn move_prices(broker: &PaperBroker, random: &mut Random) {
    for (conid, cents) in CONTRACTS {
        let per_mille = random.between(1_000 - MOVES_PER_MILLE_MAX, 1_000 + MOVES_PER_MILLE_MAX);
        broker.set_price(conid, Some(price(cents, per_mille)));
    }
}

fn slow_answer(random: &mut Random) -> Fault {
    let calls = [
        ("POST", "/iserver/account/*/orders"),
        ("POST", "/iserver/account/*/orders"),
        ("POST", "/iserver/reply/*"),
        ("DELETE", "/iserver/account/*/order/*"),
        ("POST", "/iserver/account/*/order/*"),
        ("GET", "/iserver/account/orders"),
    ];
    let (method, path) = calls[random.index(calls.len())];
    let fault = FaultKind::Delay {
        before_ms: random.between(0, SLOW_MILLISECONDS_MAX),
        after_ms: random.between(0, SLOW_MILLISECONDS_MAX),
    };
    Fault::next(method, path, fault)
}
