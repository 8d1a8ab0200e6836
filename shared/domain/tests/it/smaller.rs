//! A change that makes an order smaller and nothing else brings no risk; every other one is told from it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use domain::{NotSmaller, Side, Size, Ticket};
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};

fn ticket(fields: &Value) -> Ticket {
    let mut whole = json!({"contract": {"conid": 265_598}, "side": "buy", "quantity": "10", "time_in_force": "day",
        "type": "limit", "limit_price": "187.50"});
    for (name, value) in fields.as_object().unwrap() {
        if value.is_null() {
            whole.as_object_mut().unwrap().remove(name);
        } else {
            whole[name] = value.clone();
        }
    }
    serde_json::from_value(whole).unwrap()
}

/// Fields that a ticket may have, besides its quantity.
fn others() -> impl Strategy<Value = Value> {
    let kinds = prop_oneof![
        Just(json!({})),
        Just(json!({"limit_price": "186"})),
        Just(json!({"type": "market", "limit_price": null})),
        Just(json!({"type": "stop", "limit_price": null, "stop_price": "180"})),
        Just(json!({"type": "stop_limit", "limit_price": "181", "stop_price": "180"})),
        Just(json!({"type": "trailing_stop", "limit_price": null, "trail": {"percent": "2"}})),
        Just(json!({"type": "trailing_stop", "limit_price": null, "trail": {"amount": "2"}})),
        Just(json!({"attached": {"stop_loss": {"stop_price": "170"}}})),
        Just(json!({"quantity": null, "cash_quantity": "1000", "type": "market", "limit_price": null})),
    ];
    (kinds, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(mut fields, sells, gtc, late, other_contract)| {
            if sells {
                fields["side"] = json!("sell");
            }
            if gtc {
                fields["time_in_force"] = json!("gtc");
            }
            if late {
                fields["outside_regular_hours"] = json!(true);
            }
            if other_contract {
                fields["contract"] = json!({"conid": 272_093});
            }
            fields
        },
    )
}

fn of_size(fields: &Value, quantity: u32) -> Ticket {
    let mut fields = fields.clone();
    if fields.get("cash_quantity").is_none() {
        fields["quantity"] = json!(quantity.to_string());
    }
    ticket(&fields)
}

/// The largest position, long or short, that may come of an order on top of one that is held.
fn largest_position(held: i64, ticket: &Ticket) -> Decimal {
    let Size::Quantity(quantity) = ticket.size else { return Decimal::MAX };
    let filled = match ticket.side {
        Side::Buy => quantity.get(),
        Side::Sell => -quantity.get(),
    };
    let held = Decimal::from(held);
    held.abs().max((held + filled).abs())
}

proptest! {
    #[test]
    fn what_passes_changes_the_quantity_alone_and_leads_to_no_larger_position(
        before in others(), now in others(), same in any::<bool>(), was in 1_u32..200, is in 1_u32..200, held in -300_i64..300,
    ) {
        let (before, now) = (of_size(&before, was), of_size(if same { &before } else { &now }, is));
        let verdict = now.is_only_smaller_than(&before);
        let by_quantity = matches!((now.size, before.size), (Size::Quantity(_), Size::Quantity(_)));
        let alike = Ticket { size: before.size, ..now.clone() } == before;
        prop_assert_eq!(verdict.is_ok(), by_quantity && is < was && alike && before.attached.is_none());
        if verdict.is_ok() {
            prop_assert!(largest_position(held, &now) <= largest_position(held, &before));
        }
    }
}

#[test]
fn each_refusal_says_what_is_in_the_way() {
    let before = ticket(&json!({}));
    let bracket = json!({"attached": {"take_profit": {"limit_price": "200"}}});
    let mut smaller_bracket = bracket.clone();
    smaller_bracket["quantity"] = json!("5");
    for (now, before, why) in [
        (ticket(&json!({"quantity": "10"})), &before, NotSmaller::Quantity),
        (ticket(&json!({"quantity": "5", "limit_price": "187.49"})), &before, NotSmaller::More),
        (ticket(&json!({"quantity": "5", "time_in_force": "gtc"})), &before, NotSmaller::More),
        (ticket(&json!({"quantity": null, "cash_quantity": "5"})), &before, NotSmaller::Cash),
        (ticket(&smaller_bracket), &ticket(&bracket), NotSmaller::Exits),
    ] {
        assert_eq!(now.is_only_smaller_than(before), Err(why));
    }
    assert_eq!(ticket(&json!({"quantity": "9.99"})).is_only_smaller_than(&before), Ok(()));
}
