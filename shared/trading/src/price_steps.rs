//! Prices against the contract's steps: a price between two steps is refused, never moved to one in silence.
//!
//! The broker would ask (message `o382`) or move the price by itself; its rules tell the steps before anything is sent
//! (IBKR Web API, contract rules).

use std::sync::Arc;

use broker::{CallError, PriceStep, Session};
use domain::{Conid, PlaceOrder, Reason, ReasonCode, Ticket};
use rust_decimal::Decimal;

use crate::lane::Lane;
use crate::stop::Stop;

impl Lane<'_> {
    /// Whether each price of the ticket is one that the contract can have. Where the broker does not tell the steps, its
    /// own check is left to decide: a question about it is declined by the policy.
    pub(crate) async fn on_price_steps(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<(), Stop> {
        if request.ticket.named_prices().next().is_none() {
            return Ok(());
        }
        let known = self.desk.contracts.price_steps(conid);
        let steps = match known {
            Some(steps) => steps,
            None => match session.contract_rules(conid, request.ticket.side).await {
                Ok(rules) => {
                    let steps: Arc<[PriceStep]> = rules.price_steps.into();
                    self.desk.contracts.remember_price_steps(conid, Arc::clone(&steps));
                    steps
                }
                Err(
                    CallError::Refused { .. }
                    | CallError::WrongPath
                    | CallError::Invalid(_)
                    | CallError::Unknown { .. },
                ) => return Ok(()),
                Err(error) => return Err(self.look_failed(&error).await?),
            },
        };
        off_steps(&request.ticket, &steps).map_or(Ok(()), |reason| Err(Stop::Deny(reason)))
    }
}

/// The first price of the ticket that the contract cannot have.
fn off_steps(ticket: &Ticket, steps: &[PriceStep]) -> Option<Reason> {
    ticket.named_prices().find_map(|(name, price)| {
        let (price, increment) = (price.get(), increment_at(price.get(), steps)?);
        let above_a_step = price.checked_rem(increment)?;
        if above_a_step.is_zero() {
            return None;
        }
        let below = price.checked_sub(above_a_step)?;
        let message = format!(
            "The {name} {price} is between two prices of the contract, which move in steps of {}: {} and {}. No price is \
             rounded here.",
            increment.normalize(),
            below.normalize(),
            below.saturating_add(increment).normalize()
        );
        Some(Reason::new(ReasonCode::PriceBetweenSteps, message))
    })
}

/// The step at a price: that of the highest edge below it.
fn increment_at(price: Decimal, steps: &[PriceStep]) -> Option<Decimal> {
    steps.iter().rev().find(|step| step.lower_edge <= price).map(|step| step.increment)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn steps() -> Vec<PriceStep> {
        [("0", "0.0001"), ("1", "0.01"), ("100", "0.05")]
            .map(|(edge, increment)| PriceStep { lower_edge: decimal(edge), increment: decimal(increment) })
            .to_vec()
    }

    fn ticket(fields: &str) -> Ticket {
        let text =
            format!(r#"{{"contract":{{"conid":1}},"side":"buy","quantity":"1","time_in_force":"day",{fields}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_price_on_a_step_passes_and_one_between_two_steps_is_told_both() {
        let limit = |price: &str| {
            off_steps(&ticket(&format!(r#""type":"limit","limit_price":"{price}""#)), &steps())
                .map(|reason| reason.message)
        };
        for sound in ["0.9999", "1", "99.99", "100", "100.05", "250000"] {
            assert_eq!(limit(sound), None, "{sound}");
        }
        for (price, below, above) in [
            ("0.99995", "0.9999", "1"),
            ("1.0001", "1", "1.01"),
            ("99.995", "99.99", "100"),
            ("187.52", "187.5", "187.55"),
        ] {
            let message = limit(price).unwrap();
            assert!(message.contains(&format!(": {below} and {above}.")), "{message}");
        }
    }

    #[test]
    fn every_price_is_looked_at_those_of_the_exits_too_and_a_distance_is_not() {
        for (fields, named) in [
            (r#""type":"stop_limit","limit_price":"2","stop_price":"2.001""#, Some("stop price")),
            (
                r#""type":"market","attached":{"take_profit":{"limit_price":"3.005"}}"#,
                Some("take profit's limit price"),
            ),
            (r#""type":"market","attached":{"stop_loss":{"stop_price":"3.005"}}"#, Some("stop loss's stop price")),
            (
                r#""type":"market","attached":{"stop_loss":{"stop_price":"3","limit_price":"2.999"}}"#,
                Some("stop loss's limit price"),
            ),
            (r#""type":"trailing_stop","trail":{"amount":"0.001"}"#, None),
            (r#""type":"market""#, None),
        ] {
            let reason = off_steps(&ticket(fields), &steps());
            let named_in = |reason: &Reason| named.is_some_and(|name| reason.message.contains(name));
            assert_eq!(reason.as_ref().map(named_in), named.map(|_| true), "{fields}: {reason:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_steps_of_the_broker_panic(
            lower_edge in crate::extremes::decimal(),
            increment in crate::extremes::positive(),
        ) {
            for price in ["0.00000001", "187.5", "999999999999.99999999"] {
                let ticket = ticket(&format!(r#""type":"limit","limit_price":"{price}""#));
                let _ = off_steps(&ticket, &[PriceStep { lower_edge, increment }]);
            }
        }
    }

    #[test]
    fn unknown_steps_refuse_nothing() {
        assert_eq!(off_steps(&ticket(r#""type":"limit","limit_price":"1.23456""#), &[]), None);
    }
}
