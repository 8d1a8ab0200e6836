//! The texts of the questions, in the words that clients of the real broker look for.

use rust_decimal::Decimal;

use super::preview::grouped;
use super::questions::QuestionRules;
use super::ticket::Ticket;
use crate::contracts::Market;

const SURE: &str = "Are you sure you want to submit this order?";

/// The text of a message id; ids without a known text get one that names them.
pub(crate) fn message(message_id: &str, ticket: &Ticket, rules: &QuestionRules, market: &Market) -> String {
    let order = format!("{} {} {} NASDAQ.NMS", ticket.side.wire(), ticket.quantity, Market::symbol(ticket.conid));
    let price = ticket.price.or_else(|| market.price(ticket.conid)).unwrap_or_default();
    let limit = |limit: Option<Decimal>| grouped(limit.unwrap_or_default());
    match message_id {
        "o163" => {
            let percent = limit(rules.price_percent);
            format!(
                "The following order \"{order} @ {price}\" price exceeds the Percentage constraint of {percent}%.\n{SURE}"
            )
        }
        "o354" => format!(
            "You are submitting an order without market data. We strongly recommend against this as it may result in \
             erroneous and unexpected trades.\n{SURE}"
        ),
        "o382" => format!("The following order \"{order} @ {price}\" exceeds the Tick Size Limit of 0.01.\n{SURE}"),
        "o383" => {
            let size = limit(rules.size_limit);
            format!("The following order \"{order}\" size exceeds the Size Limit of {size}.\n{SURE}")
        }
        "o451" => {
            let (value, total) = (grouped(price * ticket.quantity), limit(rules.value_limit));
            format!(
                "The following order \"{order}\" value estimate of {value} USD exceeds \nthe Total Value Limit of {total} \
                 USD.\n{SURE}"
            )
        }
        "o10151" => "<h4>Market Order Confirmation</h4>A Market Order is an instruction to trade your order at any \
                     available price, which may differ from the price you see now."
            .to_owned(),
        "o10152" => {
            "<h4>Stop Order Confirmation</h4>A Stop Order - i.e. a Stop (Market) Order - is an instruction to buy \
                     or sell at the market price once your trigger (\"stop\") price is reached."
                .to_owned()
        }
        "o10223" => "<h4>Cash Quantity Order Confirmation</h4>Orders that express size using a monetary value (cash \
                     quantity) are provided on a non-guaranteed basis."
            .to_owned(),
        other => format!("The order \"{order}\" raises message {other}.\n{SURE}"),
    }
}
