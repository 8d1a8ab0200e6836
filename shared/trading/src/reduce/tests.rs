use domain::{Command, Fact, Sight};
use proptest::prelude::*;

use super::*;
use crate::extremes::{decimal, positive};

fn order(size: &str) -> Order {
    let text = format!(
        r#"{{"schema":"courier.order/1","command":"place","user_id":"u-7","order_id":"o1","algorithm_id":"mr",
        "account_id":"DU1","contract":{{"conid":265598}},"side":"buy",{size},"type":"market","time_in_force":"day"}}"#
    );
    let Ok(Command::Place(place)) = Command::parse(&text) else { unreachable!("no order: {text}") };
    Order::receive(place, "2026-11-24T15:00:00Z".parse().unwrap())
}

fn position(quantity: Decimal) -> Position {
    Position { conid: 265_598_u64.try_into().unwrap(), quantity }
}

#[test]
fn of_an_order_by_cash_nobody_knows_what_it_leaves() {
    assert_eq!(left_of(&order(r#""quantity":"10""#), Side::Buy), Some(Decimal::TEN));
    assert_eq!(left_of(&order(r#""cash_quantity":"10""#), Side::Buy), None);
    for (held, side) in [("10", Side::Sell), ("-10", Side::Buy)] {
        let why = fits_into(held.parse().unwrap(), side, None, Decimal::ONE).unwrap_err();
        assert!(why.contains("names no quantity"), "{why}");
    }
}

#[test]
fn the_side_is_judged_before_any_quantity() {
    for at_work in [None, Some(Decimal::ZERO), Some(Decimal::TEN)] {
        for (held, side, told) in [
            ("6", Side::Buy, "a buy does not reduce a long position of 6"),
            ("-6", Side::Sell, "a sell does not reduce a short position of 6"),
            ("0", Side::Sell, "there is no position in its contract"),
            ("0", Side::Buy, "there is no position in its contract"),
        ] {
            assert_eq!(fits_into(held.parse().unwrap(), side, at_work, Decimal::ONE), Err(told.to_owned()));
        }
    }
}

#[test]
fn what_was_filled_beyond_an_order_is_no_room_for_others() {
    let mut order = order(r#""quantity":"10""#);
    order.filled_quantity = Decimal::from(25);
    assert_eq!(left_of(&order, Side::Buy), Some(Decimal::ZERO));
}

#[test]
fn the_whole_position_fits_and_no_share_more() {
    let fits = |held: i64, side, at_work: i64, quantity: i64| {
        fits_into(held.into(), side, Some(at_work.into()), quantity.into()).is_ok()
    };
    assert!(fits(10, Side::Sell, 0, 10) && fits(10, Side::Sell, 4, 6) && fits(-10, Side::Buy, 0, 10));
    assert!(!fits(10, Side::Sell, 0, 11) && !fits(10, Side::Sell, 5, 6) && !fits(-10, Side::Sell, 0, 1));
    assert!(!fits(10, Side::Buy, 0, 1) && !fits(0, Side::Buy, 0, 1));
}

proptest! {
    #[test]
    fn no_figure_of_the_broker_panics_or_opens_a_position(
        held in proptest::collection::vec(decimal(), 0..4),
        at_work in proptest::option::of(positive()),
        quantity in positive(),
        sells in any::<bool>(),
    ) {
        let rows: Vec<Position> = held.iter().copied().map(position).collect();
        let Some(sum) = held_of(&rows, 265_598_u64.try_into().unwrap()) else { return Ok(()) };
        let side = if sells { Side::Sell } else { Side::Buy };
        let takes_off = if sells { sum } else { -sum };
        if fits_into(sum, side, at_work, quantity).is_ok() {
            prop_assert!(quantity <= takes_off && at_work.is_some_and(|at_work| at_work <= takes_off));
        }
    }

    #[test]
    fn no_filled_quantity_panics(filled in decimal()) {
        let mut order = order(r#""quantity":"10""#);
        let sight = Sight {
            broker_order_ids: Vec::new(),
            status: domain::BrokerStatus::Submitted,
            filled_quantity: Some(filled),
            average_price: Some(filled),
        };
        let _ = order.apply(Fact::Seen(sight), order.created_at);
        order.filled_quantity = filled;
        for side in [Side::Buy, Side::Sell] {
            prop_assert!(left_of(&order, side).is_none_or(|left| left >= Decimal::ZERO));
        }
    }
}
