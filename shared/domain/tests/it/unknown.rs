//! The rules of `unknown`, each at its edge.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use domain::{
    Act, BrokerOrderId, BrokerStatus, Circumstances, Command, Doubt, Fact, Intent, LOOKED_FOR_MAX, NEGATIVES_NEEDED,
    NOT_PLACED_AFTER, Order, OrderStatus, Reason, ReasonCode, SENDS_AFTER_QUESTIONS_MAX, Settlement, Sight,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const EASY: Circumstances = Circumstances { may_send: true, reset_between: false, market_orders_again: false };

fn start() -> Timestamp {
    "2026-11-24T15:00:00Z".parse().unwrap()
}

fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn order(fields: &Value) -> Order {
    let mut message = json!({"schema": "courier.order/1", "command": "place", "user_id": "u-7", "order_id": "o-1",
        "algorithm_id": "self", "account_id": "DU0000001", "contract": {"conid": 265_598}, "side": "buy",
        "quantity": "10", "time_in_force": "day"});
    for (name, value) in fields.as_object().unwrap() {
        message[name] = value.clone();
    }
    let Ok(Command::Place(place)) = Command::from_value(message) else { panic!("no order") };
    Order::receive(place, start())
}

fn limit() -> Order {
    order(&json!({"type": "limit", "limit_price": "187.50"}))
}

fn send(order: &mut Order, act: Act, at: Timestamp) {
    order.apply(Fact::Intend(Intent { at, epoch: 1, act }), at).unwrap();
}

/// Sent, not read, and searched for this often.
fn lost(mut order: Order, doubt: Doubt, negatives: u32) -> Order {
    send(&mut order, Act::Place, start());
    order.apply(Fact::Unread(doubt, Reason::new(ReasonCode::OutcomeUnknown, "A test says so.")), start()).unwrap();
    for _ in 0..negatives {
        order.apply(Fact::NotFound, after(31)).unwrap();
    }
    order
}

#[test]
fn two_complete_negatives_let_a_limit_order_be_sent_once_more_and_one_does_not() {
    assert_eq!(lost(limit(), Doubt::Unread, 1).settlement(EASY, after(40)), Settlement::KeepLooking);
    let mut order = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    assert_eq!(order.settlement(EASY, after(40)), Settlement::SendAgain);
    send(&mut order, Act::PlaceAgain, after(40));
    assert_eq!((order.status(), order.sends), (OrderStatus::Sending, 2));
}

#[test]
fn the_table_itself_forbids_another_send_before_two_negatives() {
    let mut order = lost(limit(), Doubt::Unread, 1);
    let again = Fact::Intend(Intent { at: after(40), epoch: 1, act: Act::PlaceAgain });
    assert!(order.apply(again.clone(), after(40)).is_err());
    let mut working = limit();
    send(&mut working, Act::Place, start());
    assert!(working.apply(again, after(40)).is_err(), "only an unknown order is sent again");
    let _ = order;
}

#[test]
fn whatever_forbids_a_second_send_is_kept_to() {
    let easy = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    let mut cancelled = easy.clone();
    cancelled.remember_cancel(after(35));
    let market = lost(order(&json!({"type": "market"})), Doubt::Unread, NEGATIVES_NEEDED);
    let mut twice = easy.clone();
    send(&mut twice, Act::PlaceAgain, after(40));
    twice
        .apply(Fact::Unread(Doubt::Unread, Reason::new(ReasonCode::OutcomeUnknown, "Lost again.")), after(40))
        .unwrap();
    for _ in 0..NEGATIVES_NEEDED {
        twice.apply(Fact::NotFound, after(80)).unwrap();
    }
    for (what, order, circumstances, now) in [
        ("halts", &easy, Circumstances { may_send: false, ..EASY }, after(60)),
        ("a reset between", &easy, Circumstances { reset_between: true, ..EASY }, after(60)),
        ("good_until", &easy, EASY, after(15 * 60)),
        ("a cancel", &cancelled, EASY, after(60)),
        ("a market order", &market, EASY, after(60)),
        ("a second loss", &twice, EASY, after(90)),
        ("already registered", &lost(limit(), Doubt::AlreadyRegistered, NEGATIVES_NEEDED), EASY, after(60)),
    ] {
        assert_ne!(order.settlement(circumstances, now), Settlement::SendAgain, "{what}");
    }
    let willing = Circumstances { market_orders_again: true, ..EASY };
    assert_eq!(market.settlement(willing, after(60)), Settlement::SendAgain);
}

#[test]
fn an_order_whose_question_was_lost_is_asked_anew_even_a_market_order() {
    let mut order = lost(order(&json!({"type": "market"})), Doubt::QuestionGone, NEGATIVES_NEEDED);
    for sends in 2..=SENDS_AFTER_QUESTIONS_MAX {
        assert_eq!(order.settlement(EASY, after(60)), Settlement::SendAgain);
        send(&mut order, Act::PlaceAgain, after(60));
        order
            .apply(Fact::Unread(Doubt::QuestionGone, Reason::new(ReasonCode::OutcomeUnknown, "Gone again.")), after(60))
            .unwrap();
        for _ in 0..NEGATIVES_NEEDED {
            order.apply(Fact::NotFound, after(95)).unwrap();
        }
        assert_eq!(order.sends, sends);
    }
    assert_eq!(order.settlement(EASY, after(100)), Settlement::KeepLooking);
}

#[test]
fn absence_is_proof_only_after_long_and_over_complete_looks() {
    let no_send = Circumstances { may_send: false, ..EASY };
    let order = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    let edge = start() + NOT_PLACED_AFTER;
    assert_eq!(order.settlement(no_send, edge - SignedDuration::from_secs(1)), Settlement::KeepLooking);
    let Settlement::NotPlaced(reason) = order.settlement(no_send, edge) else { panic!("not proved") };
    assert_eq!(reason.code, "never_arrived");
    let mut ended = order;
    ended.apply(Fact::NeverReached(reason), edge).unwrap();
    assert_eq!((ended.status(), ended.next_check_at), (OrderStatus::NotPlaced, None));
    let unseen = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED - 1);
    assert_eq!(unseen.settlement(no_send, edge), Settlement::KeepLooking, "no two complete looks");
}

#[test]
fn what_the_broker_says_it_has_is_looked_for_and_then_a_persons() {
    let order = lost(limit(), Doubt::AlreadyRegistered, NEGATIVES_NEEDED);
    let edge = start() + LOOKED_FOR_MAX;
    assert_eq!(order.settlement(EASY, edge - SignedDuration::from_secs(1)), Settlement::KeepLooking);
    assert!(matches!(order.settlement(EASY, edge), Settlement::Review(reason) if reason.code == "not_settled"));
}

#[test]
fn a_second_try_that_did_not_leave_leaves_the_first_as_unknown_as_before() {
    let mut order = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    send(&mut order, Act::PlaceAgain, after(40));
    order.apply(Fact::NotSent(Reason::new(ReasonCode::OutcomeUnknown, "No connection.")), after(41)).unwrap();
    assert_eq!(order.status(), OrderStatus::Unknown);
    assert_eq!(order.settlement(EASY, after(42)), Settlement::KeepLooking);
}

#[test]
fn a_person_decides_what_needs_review() {
    let mut order = lost(limit(), Doubt::AlreadyRegistered, 0);
    order.apply(Fact::Exhausted(Reason::new(ReasonCode::NotSettled, "A test says so.")), after(60)).unwrap();
    assert_eq!(order.status(), OrderStatus::NeedsReview);
    assert!(order.clone().apply(Fact::Refused(Reason::new(ReasonCode::OutcomeUnknown, "No.")), after(61)).is_err());
    order.apply(Fact::NeverReached(Reason::new(ReasonCode::Reviewed, "It is not at the broker.")), after(61)).unwrap();
    assert_eq!(order.status(), OrderStatus::NotPlaced);
}

#[test]
fn a_refusal_of_a_second_copy_is_the_end_only_once_the_first_cannot_come_any_more() {
    let mut order = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    send(&mut order, Act::PlaceAgain, after(40));
    order.apply(Fact::Refused(Reason::new(ReasonCode::QuestionDeclined, "No.")), after(41)).unwrap();
    assert_eq!(order.status(), OrderStatus::Unknown);
    for _ in 0..NEGATIVES_NEEDED {
        order.apply(Fact::NotFound, after(80)).unwrap();
    }
    let edge = after(40) + NOT_PLACED_AFTER;
    assert_eq!(order.settlement(EASY, edge - SignedDuration::from_secs(1)), Settlement::KeepLooking);
    let Settlement::NotPlaced(reason) = order.settlement(EASY, edge) else { panic!("not proved") };
    assert_eq!(reason.code, "question_declined");
    // The copy that stood still arrives after all, and the broker takes it.
    let sight = Sight {
        broker_order_ids: vec![BrokerOrderId::new(7).unwrap()],
        status: BrokerStatus::Submitted,
        filled_quantity: None,
        average_price: None,
    };
    order.apply(Fact::Seen(sight), after(120)).unwrap();
    assert_eq!(order.status(), OrderStatus::Working);
}

#[test]
fn while_its_outcome_is_unknown_no_order_tells_how_to_send_it_anew() {
    let refused = || Reason::new(ReasonCode::QuestionDeclined, "The broker asked, and was told no.");
    let mut order = lost(limit(), Doubt::Unread, NEGATIVES_NEEDED);
    send(&mut order, Act::PlaceAgain, after(40));
    order.apply(Fact::Refused(refused()), after(41)).unwrap();
    assert_eq!(order.status(), OrderStatus::Unknown);
    let told = order.view().reason.unwrap().into_owned();
    assert_eq!(told.code, ReasonCode::OutcomeUnknown);
    assert!(told.message.contains("send nothing in its place") && told.message.contains("was told no"), "{told:?}");
    assert_eq!(order.history.last().unwrap().reason.as_ref().unwrap().code, ReasonCode::OutcomeUnknown);
    let Settlement::NotPlaced(why) = settlement_after(&mut order, NOT_PLACED_AFTER) else { panic!("not settled") };
    assert_eq!(why.code, ReasonCode::QuestionDeclined, "what the broker said counts once nothing came");
}

/// What the rules say once looks enough since the last send showed nothing.
fn settlement_after(order: &mut Order, time: SignedDuration) -> Settlement {
    let until = after(41) + time;
    for _ in 0..NEGATIVES_NEEDED {
        order.apply(Fact::NotFound, until).unwrap();
    }
    order.settlement(EASY, until)
}
