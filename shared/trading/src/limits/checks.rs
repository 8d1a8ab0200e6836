//! What a ticket tells by itself, and with the market's price.

use domain::{Beyond, Conid, Limits, OrderType, Side, Size, Ticket, Trail, Whose};
use rust_decimal::{Decimal, RoundingStrategy};

use super::price::Market;

/// Digits after the point of an order's value. It is rounded up: a limit has no more, so none is exceeded unseen.
const VALUE_DIGITS: u32 = 8;

/// The contract and the quantity.
pub(super) fn beyond_ticket(whose: Whose, limits: &Limits, ticket: &Ticket, conid: Conid) -> Option<Beyond> {
    let beyond = |limit, why| Some(Beyond { whose, limit, why });
    if limits.allowed_conids.as_ref().is_some_and(|allowed| !allowed.contains(&conid)) {
        return beyond("allowed_conids", format!("the contract {conid} is not on the list"));
    }
    let most = limits.max_order_quantity?;
    match ticket.size {
        Size::Quantity(quantity) if quantity > most => {
            beyond("max_order_quantity", format!("{quantity} is more than {most}"))
        }
        Size::Quantity(_) => None,
        Size::CashQuantity(_) => {
            beyond("max_order_quantity", "an order by cash names no quantity that could be checked".to_owned())
        }
    }
}

/// The order's value by itself. What other orders of the day add is looked at in the intent's transaction.
pub(super) fn beyond_value(whose: Whose, limits: &Limits, value: Option<Decimal>, market: &Market) -> Option<Beyond> {
    let unknown =
        format!("the ticket names no price that bounds its value, and the broker shows none{}", instead(market));
    match (limits.max_order_notional, limits.max_daily_notional, value) {
        (Some(most), _, Some(value)) if value > most.get() => {
            let why = format!("{} is more than {most}", value.normalize());
            Some(Beyond { whose, limit: "max_order_notional", why })
        }
        (Some(_), _, None) => Some(Beyond { whose, limit: "max_order_notional", why: unknown }),
        (None, Some(_), None) => Some(Beyond { whose, limit: "max_daily_notional", why: unknown }),
        _ => None,
    }
}

/// Every price that the ticket names, those of its exits too, against the market's.
pub(super) fn beyond_collar(whose: Whose, limits: &Limits, ticket: &Ticket, market: &Market) -> Option<Beyond> {
    let most = limits.price_collar_percent?;
    let beyond = |why| Some(Beyond { whose, limit: "price_collar_percent", why });
    let Some(market) = market.price else {
        let why = || {
            let shown = instead(market);
            format!("the broker shows no market price of the contract that its prices could be checked against{shown}")
        };
        return names_a_price(ticket).then(why).and_then(beyond);
    };
    let too_far = |price: Decimal| {
        let distance = price.checked_sub(market).and_then(|apart| apart.abs().checked_mul(Decimal::ONE_HUNDRED));
        distance.zip(most.get().checked_mul(market)).is_none_or(|(distance, most)| distance > most)
    };
    let (name, price) = prices_of(ticket, market).into_iter().find(|(_, price)| too_far(*price))?;
    beyond(format!(
        "the {name} {} is more than {most} % away from the market's price {}",
        price.normalize(),
        market.normalize()
    ))
}

/// The order's value as far as the ticket and the market's price tell: the most that a purchase can cost at its limit,
/// what a sale would bring at its limit or at the market's price, the higher of the two; without a limit, what it is at
/// the stop.
pub(super) fn value_of_ticket(ticket: &Ticket, market: Option<Decimal>, multiplier: Decimal) -> Option<Decimal> {
    let quantity = match ticket.size {
        Size::CashQuantity(cash) => return Some(cash.get()),
        Size::Quantity(quantity) => quantity.get(),
    };
    let named = ticket.order_type.limit_price().or(ticket.order_type.stop_price())?.get();
    let price = match ticket.side {
        Side::Buy => named,
        Side::Sell => market.map_or(named, |market| market.max(named)),
    };
    value(quantity, price, multiplier)
}

/// The value of a quantity at a price.
pub(super) fn value(quantity: Decimal, price: Decimal, multiplier: Decimal) -> Option<Decimal> {
    quantity.checked_mul(price)?.checked_mul(multiplier).map(rounded_up)
}

/// An order's value with as many digits as a limit has, never less than it is.
pub(super) fn rounded_up(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(VALUE_DIGITS, RoundingStrategy::AwayFromZero).normalize()
}

/// What the broker shows in place of a price of now.
fn instead(market: &Market) -> String {
    market.instead.map(|shown| format!(" of now ({shown})")).unwrap_or_default()
}

/// Whether the collar has anything to look at.
pub(super) fn names_a_price(ticket: &Ticket) -> bool {
    !prices_of(ticket, Decimal::ONE_HUNDRED).is_empty()
}

fn prices_of(ticket: &Ticket, market: Decimal) -> Vec<(&'static str, Decimal)> {
    let named = ticket.named_prices().map(|(name, price)| (name, price.get()));
    named.chain(trailed(ticket, market).map(|price| ("trailing stop's first price", price))).collect()
}

/// Where a trailing stop starts that names no stop price: at its distance from the market.
fn trailed(ticket: &Ticket, market: Decimal) -> Option<Decimal> {
    let OrderType::TrailingStop { trail, stop_price: None } = &ticket.order_type else { return None };
    let distance = match trail {
        Trail::Amount(amount) => amount.get(),
        Trail::Percent(percent) => market.checked_mul(percent.get())?.checked_div(Decimal::ONE_HUNDRED)?,
    };
    match ticket.side {
        Side::Buy => market.checked_add(distance),
        Side::Sell => market.checked_sub(distance),
    }
}

#[cfg(test)]
mod tests;
