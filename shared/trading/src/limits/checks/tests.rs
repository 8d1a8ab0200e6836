use proptest::prelude::*;

use super::*;
use crate::extremes::positive;

fn ticket(fields: &str) -> Ticket {
    serde_json::from_str(&format!(r#"{{"contract":{{"conid":1}},"time_in_force":"day",{fields}}}"#)).unwrap()
}

/// One of each kind of price, for the largest quantity and the largest and smallest prices that a message can name.
fn tickets() -> Vec<Ticket> {
    let mut tickets = Vec::new();
    for side in ["buy", "sell"] {
        for price in ["0.00000001", "187.5", "999999999999.99999999"] {
            for kind in [
                format!(r#""type":"limit","limit_price":"{price}""#),
                format!(r#""type":"stop","stop_price":"{price}""#),
                format!(r#""type":"trailing_stop","trail":{{"amount":"{price}"}}"#),
                r#""type":"trailing_stop","trail":{"percent":"99.99999999"}"#.to_owned(),
            ] {
                for size in [r#""quantity":"999999999999.99999999""#, r#""cash_quantity":"0.00000001""#] {
                    tickets.push(ticket(&format!(r#""side":"{side}",{size},{kind}"#)));
                }
            }
        }
    }
    tickets
}

fn limits() -> Limits {
    let limits = r#"{"max_order_notional":"999999999999.99999999","price_collar_percent":"99999999.5"}"#;
    serde_json::from_str(limits).unwrap()
}

proptest! {
    #[test]
    fn no_price_or_multiplier_of_the_broker_panics_and_what_has_no_value_is_beyond_the_limit(
        market in positive(),
        multiplier in positive(),
        told in positive(),
    ) {
        let limits = limits();
        for ticket in tickets() {
            let value = value_of_ticket(&ticket, Some(market), multiplier);
            let shown = Market { price: Some(market), instead: None };
            let beyond = beyond_value(Whose::User, &limits, value, &shown);
            prop_assert!(value.is_some_and(|value| value <= limits.max_order_notional.unwrap().get()) || beyond.is_some());
            let _ = beyond_collar(Whose::User, &limits, &ticket, &shown);
            let _ = beyond_ticket(Whose::User, &limits, &ticket, 1_u64.try_into().unwrap());
        }
        prop_assert!(rounded_up(told) >= told.round_dp(VALUE_DIGITS));
    }
}
