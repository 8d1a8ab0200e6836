//! On which side of its entry an exit must be: on the wrong one it would trade the moment the entry is filled.

use crate::amount::Amount;
use crate::leg::LegRole;
use crate::ticket::{Attached, OrderType, Side};

/// Each exit that is on the wrong side of the entry's prices, or of the other exit, and where it must be. A market order, and
/// one that follows the market, names no price that its exits could be held to.
pub(crate) fn on_the_wrong_side(side: Side, entry: &OrderType, attached: &Attached) -> Vec<(LegRole, String)> {
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
    let mut wrong = Vec::new();
    // Of a stop and its limit the exits need be beyond one only: between the two the entry may be filled.
    if let Some(profit) = profit
        && !prices.is_empty()
        && !prices.iter().any(|price| is_beyond(profit, *price))
    {
        wrong.push((LegRole::TakeProfit, at_once(profit_side, &prices)));
    }
    if let Some(stop) = stop
        && !prices.is_empty()
        && !prices.iter().any(|price| is_beyond(*price, stop))
    {
        wrong.push((LegRole::StopLoss, at_once(loss_side, &prices)));
    }
    if let (Some(profit), Some(stop)) = (profit, stop)
        && prices.is_empty()
        && !is_beyond(profit, stop)
    {
        wrong.push((
            LegRole::StopLoss,
            format!("must be {loss_side} the take profit's {profit}: one of the exits would trade as soon as the entry is filled"),
        ));
    }
    wrong
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

fn at_once(side: &str, prices: &[Amount]) -> String {
    let prices: Vec<String> = prices.iter().map(ToString::to_string).collect();
    format!("must be {side} the entry's {}: this exit would trade as soon as the entry is filled", prices.join(" or "))
}
