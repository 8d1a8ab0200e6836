use domain::{BrokerStatus, Command};
use proptest::prelude::*;

use super::*;
use crate::extremes::{decimal, positive};

/// A purchase of 10 for the account `DU1`.
fn order() -> Order {
    let text = r#"{"schema":"courier.order/1","command":"place","user_id":"u-7","order_id":"o1","algorithm_id":"mr",
        "account_id":"DU1","contract":{"conid":265598},"side":"buy","quantity":"10","type":"limit","limit_price":"187.00",
        "time_in_force":"day"}"#;
    let Ok(Command::Place(place)) = Command::parse(text) else { unreachable!("no order") };
    Order::receive(place, "2026-11-24T15:00:00Z".parse().unwrap())
}

fn trade(execution_id: &str, account_id: &str, side: Side, quantity: i64) -> Trade {
    Trade {
        execution_id: execution_id.to_owned(),
        order_id: None,
        client_order_id: Some(order().client_order_id.to_string()),
        account_id: Some(account_id.parse().unwrap()),
        conid: None,
        side: Some(side),
        quantity: quantity.into(),
        price: Decimal::new(18_700, 2),
        commission: None,
        at: None,
    }
}

fn row(account_id: &str, side: Side) -> LiveOrder {
    LiveOrder {
        order_id: BrokerOrderId::new(7).unwrap(),
        parent_order_id: None,
        client_order_id: Some(order().client_order_id.to_string()),
        account_id: Some(account_id.parse().unwrap()),
        conid: None,
        side: Some(side),
        order_type: None,
        status: BrokerStatus::Submitted,
        total_quantity: None,
        filled_quantity: None,
        remaining_quantity: None,
        average_price: None,
        price: None,
        time_in_force: None,
        last_execution_at: None,
    }
}

#[test]
fn of_several_rows_of_one_order_the_furthest_counts() {
    let filled = |id: i64, quantity: i64| LiveOrder {
        order_id: BrokerOrderId::new(id).unwrap(),
        filled_quantity: Some(quantity.into()),
        ..row("DU1", Side::Buy)
    };
    for mut rows in [vec![filled(7, 0), filled(8, 1), filled(7, 5)], vec![filled(7, 5), filled(7, 0), filled(8, 1)]] {
        keep_the_furthest(&mut rows);
        let mut kept: Vec<_> = rows.iter().map(|row| (row.order_id.get(), row.filled_quantity.unwrap())).collect();
        kept.sort_unstable();
        assert_eq!(kept, [(7, 5.into()), (8, 1.into())]);
    }
}

#[test]
fn an_execution_that_is_shown_twice_counts_once() {
    let twice = [trade("e1", "DU1", Side::Buy, 4), trade("e2", "DU1", Side::Buy, 3), trade("e1", "DU1", Side::Buy, 4)];
    assert_eq!(fills_of(&order(), &twice).unwrap().quantity, Decimal::from(7));
}

#[test]
fn an_execution_counts_once_by_its_last_correction() {
    let corrected = |number: &str, price: i64| Trade {
        price: price.into(),
        ..trade(&format!("0000e0d5.6593b6a2.01.{number}"), "DU1", Side::Buy, 10)
    };
    let other = trade("0000e0d5.6593b6a3.01.01", "DU1", Side::Buy, 3);
    let shown = [corrected("01", 187), corrected("10", 189), other, corrected("02", 188)];
    let fills = fills_of(&order(), &shown[..2]).unwrap();
    assert_eq!(
        (fills.quantity, fills.average_price),
        (10.into(), Some(189.into())),
        "the tenth is later than the second"
    );
    assert_eq!(fills_of(&order(), &shown).unwrap().quantity, Decimal::from(13));
}

#[test]
fn what_carries_our_name_and_is_another_accounts_or_the_other_side_is_not_believed() {
    let listing = |row: LiveOrder| Listing { rows: vec![row], complete: true };
    assert!(row_of(&order(), &listing(row("DU1", Side::Buy))).is_some());
    for (account_id, side) in [("DU2", Side::Buy), ("DU1", Side::Sell)] {
        assert!(row_of(&order(), &listing(row(account_id, side))).is_none());
        assert!(fills_of(&order(), &[trade("e1", account_id, side, 4)]).is_none());
    }
}

#[test]
fn a_nameless_row_may_be_the_order_unless_others_carry_names() {
    let nameless = |side, quantity: i64| LiveOrder {
        client_order_id: None,
        total_quantity: Some(quantity.into()),
        ..row("DU1", side)
    };
    let absent = |rows: Vec<LiveOrder>| {
        let shown = Shown { live: Listing { rows, complete: true }, ..Shown::nothing() };
        shown.nameless_rows_like(&order()).next().is_none()
    };
    assert!(absent(Vec::new()));
    assert!(!absent(vec![nameless(Side::Buy, 10)]));
    assert!(absent(vec![nameless(Side::Sell, 10), nameless(Side::Buy, 11)]));
    assert!(absent(vec![LiveOrder { status: BrokerStatus::Cancelled, ..nameless(Side::Buy, 10) }]));
    let others = LiveOrder { client_order_id: Some("another".to_owned()), ..row("DU1", Side::Buy) };
    assert!(absent(vec![nameless(Side::Buy, 10), others]));
}

proptest! {
    #[test]
    fn executions_without_a_sum_are_seen_all_the_same(
        figures in proptest::collection::vec((positive(), decimal()), 1..5),
    ) {
        let trades: Vec<Trade> = figures
            .iter()
            .zip(["e1", "e2", "e3", "e4"])
            .map(|((quantity, price), id)| Trade { quantity: *quantity, price: *price, ..trade(id, "DU1", Side::Buy, 1) })
            .collect();
        let fills = fills_of(&order(), &trades).unwrap();
        prop_assert!(trades.iter().all(|trade| fills.quantity >= trade.quantity));
        let shown = Shown {
            live: Listing { rows: Vec::new(), complete: true },
            trades: Some(Listing { rows: trades, complete: true }),
            is_empty_again: false,
        };
        prop_assert!(sight_of(&order(), &shown).is_some());
    }
}
