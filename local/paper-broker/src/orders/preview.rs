//! The preview of an order (5.5 of the facts).

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::place::read_tickets;
use super::questions::questions_for;
use crate::answer::Answer;
use crate::call::Call;
use crate::contracts::Market;
use crate::oauth::Caller;
use crate::state::Desk;

/// Equity of every account, in the preview only.
const EQUITY: i64 = 1_000_000;

/// `POST /iserver/account/{account}/orders/whatif`. Nothing is placed; a pending question dies all the same.
pub(crate) fn preview(desk: &mut Desk<'_>, caller: &Caller, call: &Call, account: &str) -> Answer {
    if let Some(session) = desk.session(caller) {
        session.pending = None;
    }
    let tickets = match read_tickets(desk, caller, call, account) {
        Ok(tickets) => tickets,
        Err(answer) => return answer,
    };
    let Some(ticket) = tickets.first() else {
        return Answer::error(400, "Bad Request: no orders");
    };
    let price = ticket.price.or_else(|| desk.state.market.price(ticket.conid)).unwrap_or_default();
    let (amount, commission) =
        (price * ticket.quantity * Market::multiplier(ticket.conid), desk.state.options.commission);
    let warning = questions_for(desk, caller, &tickets).first().map(|question| question.message_id.clone());
    let equity = Decimal::from(EQUITY);
    Answer::json(&json!({
        "amount": {"amount": format!("{} USD ({} Shares)", grouped(amount), ticket.quantity), "commission": format!("{commission} USD"),
                   "total": format!("{} USD", grouped(amount + commission))},
        "equity": change(equity, -commission),
        "initial": change(Decimal::ZERO, amount / Decimal::TWO),
        "maintenance": change(Decimal::ZERO, amount / Decimal::TWO),
        "position": change(Decimal::ZERO, ticket.quantity),
        "warn": warning,
        "error": null,
    }))
}

fn change(current: Decimal, change: Decimal) -> Value {
    json!({"current": grouped(current), "change": grouped(change), "after": grouped(current + change)})
}

/// Thousands are parted by commas, as the broker prints them.
pub(crate) fn grouped(amount: Decimal) -> String {
    let text = amount.round_dp(2).normalize().to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) =
        digits.split_once('.').map_or((digits, String::new()), |(whole, fraction)| (whole, format!(".{fraction}")));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}{fraction}")
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_are_parted_by_commas() {
        let printed = ["1234567.891", "-999", "1000"].map(|text| grouped(text.parse().unwrap()));
        assert_eq!(printed, ["1,234,567.89", "-999", "1,000"]);
    }
}
