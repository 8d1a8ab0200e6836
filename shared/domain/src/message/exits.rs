//! On which side of its entry an exit must be: on the wrong one it would trade the moment the entry is filled.

use crate::amount::Amount;
use crate::fields::Fields;
use crate::ticket::{Attached, OrderType, Side};

/// Names each exit that is on the wrong side of the entry's prices, or of the other exit. A market order, and one that follows
/// the market, names no price that its exits could be held to.
pub(super) fn check(fields: &mut Fields<'_>, side: Side, entry: &OrderType, attached: &Attached) {
    let (profit_side, loss_side) = match side {
        Side::Buy => ("above", "below"),
        Side::Sell => ("below", "above"),
    };
    let is_beyond = |one: Amount, other: Amount| match side {
        Side::Buy => one.get() > other.get(),
        Side::Sell => one.get() < other.get(),
    };
    let profit = attached.take_profit.as_ref().map(|exit| exit.limit_price);
    let stop = attached.stop_loss.as_ref().map(|exit| exit.stop_price);
    let prices = prices(entry);
    // Of a stop and its limit the exits need be beyond one only: between the two the entry may be filled.
    if let Some(profit) = profit
        && !prices.is_empty()
        && !prices.iter().any(|price| is_beyond(profit, *price))
    {
        let entry = words(&prices);
        fields.fault(
            "attached.take_profit.limit_price",
            format!("must be {profit_side} the entry's {entry}: this exit would trade as soon as the entry is filled"),
        );
    }
    if let Some(stop) = stop
        && !prices.is_empty()
        && !prices.iter().any(|price| is_beyond(*price, stop))
    {
        let entry = words(&prices);
        fields.fault(
            "attached.stop_loss.stop_price",
            format!("must be {loss_side} the entry's {entry}: this exit would trade as soon as the entry is filled"),
        );
    }
    if let (Some(profit), Some(stop)) = (profit, stop)
        && prices.is_empty()
        && !is_beyond(profit, stop)
    {
        fields.fault(
            "attached.stop_loss.stop_price",
            format!("must be {loss_side} the take profit's {profit}: one of the exits would trade as soon as the entry is filled"),
        );
    }
}

/// The prices at which the entry trades or wakes, where they stand.
fn prices(entry: &OrderType) -> Vec<Amount> {
    match entry {
        OrderType::Limit { limit_price } => vec![*limit_price],
        OrderType::Stop { stop_price } => vec![*stop_price],
        OrderType::StopLimit { stop_price, limit_price } => vec![*stop_price, *limit_price],
        OrderType::Midprice { limit_price } => limit_price.iter().copied().collect(),
        OrderType::Market | OrderType::TrailingStop { .. } | OrderType::TrailingStopLimit { .. } => Vec::new(),
    }
}

fn words(prices: &[Amount]) -> String {
    prices.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}
