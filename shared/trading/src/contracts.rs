//! Which contract a ticket means.

use std::collections::BTreeMap;

use broker::{CallError, Session, Stock};
use domain::{Conid, Contract, PlaceOrder, Reason, ReasonCode, SymbolContract};

use crate::lane::Lane;
use crate::stop::Stop;

/// The only kind of contract that a symbol names by itself, in the broker's word and in the contract's.
const STOCK: [&str; 2] = ["STK", "stock"];
/// Contracts that a refusal names.
const NAMED_MAX: usize = 5;

/// The currencies that the broker told of contracts.
type Currencies = BTreeMap<Conid, String>;

impl Lane<'_> {
    /// The broker's number of the contract: the ticket's own, or the one that its words name. Words that name none,
    /// or more than one, are refused: nothing is guessed, and a word counts only where the broker's own answer says it.
    pub(crate) async fn resolve(&mut self, session: &Session, request: &PlaceOrder) -> Result<Conid, Stop> {
        let words = match &request.ticket.contract {
            Contract::Conid { conid } => return Ok(*conid),
            Contract::Symbol(words) => words,
        };
        let names_a_stock = |kind: &str| STOCK.iter().any(|stock| kind.eq_ignore_ascii_case(stock));
        if !words.security_type.as_deref().is_none_or(names_a_stock) {
            let reason = Reason::new(
                ReasonCode::ContractNeedsConid,
                "Only stocks are found by symbol. Name this contract by its conid: IBKR's own programs and pages show it among the contract's details.",
            );
            return Err(Stop::Deny(reason));
        }
        if let Some(conid) = self.desk.contracts.conid(words) {
            return Ok(conid);
        }
        match look_up(session, words).await {
            Ok((stocks, currencies)) => {
                let found = the_only_one(words, &stocks, &currencies);
                if let Ok(conid) = found {
                    self.desk.contracts.remember_conid(words, conid);
                }
                found.map_err(Stop::Deny)
            }
            Err(CallError::Refused { message }) => {
                let reason = Reason::new(
                    ReasonCode::ContractUnknown,
                    format!("The broker knows no stock {}: {message}.{}", words.symbol, capitals(words)),
                );
                Err(Stop::Deny(reason))
            }
            Err(error) => Err(self.look_failed(&error).await?),
        }
    }
}

/// The stocks of the symbol, and their currencies where a word names one. A broker that does not tell currencies confirms
/// none.
async fn look_up(session: &Session, words: &SymbolContract) -> Result<(Vec<Stock>, Currencies), CallError> {
    let stocks = session.stocks(&words.symbol).await?;
    if words.currency.is_none() || stocks.is_empty() {
        return Ok((stocks, Currencies::new()));
    }
    let conids: Vec<Conid> = stocks.iter().map(|stock| stock.conid).collect();
    let definitions = match session.contract_definitions(&conids).await {
        Err(CallError::Refused { .. } | CallError::WrongPath | CallError::Invalid(_)) => BTreeMap::new(),
        definitions => definitions?,
    };
    let told = definitions.into_iter().filter_map(|(conid, details)| Some((conid, details.currency?)));
    Ok((stocks, told.collect()))
}

fn the_only_one(words: &SymbolContract, stocks: &[Stock], currencies: &Currencies) -> Result<Conid, Reason> {
    let mut fitting: Vec<&Stock> = stocks.iter().filter(|stock| fits(words, stock, currencies)).collect();
    fitting.sort_by_key(|stock| stock.conid);
    fitting.dedup_by_key(|stock| stock.conid);
    match fitting.as_slice() {
        [only] => Ok(only.conid),
        [] if stocks.is_empty() => Err(Reason::new(
            ReasonCode::ContractUnknown,
            format!(
                "The broker knows no stock {}.{} Check how IBKR writes it: GET /contracts?symbol=AAPL lists what it has under a symbol.",
                words.symbol,
                capitals(words)
            ),
        )),
        [] => Err(Reason::new(
            ReasonCode::ContractUnknown,
            format!(
                "The broker knows no stock {} of which it says {}. It knows {}.{} Name one by its conid.",
                words.symbol,
                asked_for(words),
                named(&stocks.iter().collect::<Vec<_>>(), currencies),
                if words.exchange.as_deref().is_some_and(|exchange| exchange.eq_ignore_ascii_case("SMART")) {
                    " SMART is how an order is routed and no exchange of listing: leave `exchange` out."
                } else {
                    ""
                }
            ),
        )),
        several => Err(Reason::new(
            ReasonCode::ContractAmbiguous,
            format!(
                "{} names {} contracts: {}. Name one by its conid.",
                words.symbol,
                several.len(),
                named(several, currencies)
            ),
        )),
    }
}

/// What may be wrong with a symbol that has small letters; empty for one that has none.
fn capitals(words: &SymbolContract) -> String {
    let capitals = words.symbol.to_ascii_uppercase();
    if capitals == words.symbol {
        return String::new();
    }
    format!(" Symbols are written in capitals: {capitals}?")
}

/// Whether the broker says every word of this stock.
fn fits(words: &SymbolContract, stock: &Stock, currencies: &Currencies) -> bool {
    let says = |told: Option<&str>, wanted: Option<&str>| {
        wanted.is_none_or(|wanted| told.is_some_and(|told| told.eq_ignore_ascii_case(wanted)))
    };
    stock.symbol.eq_ignore_ascii_case(&words.symbol)
        && says(stock.exchange.as_deref(), words.exchange.as_deref())
        && says(currencies.get(&stock.conid).map(String::as_str), words.currency.as_deref())
        && says(stock.asset_class.as_deref(), words.security_type.as_ref().map(|_| STOCK[0]))
}

/// The words that narrow the symbol.
fn asked_for(words: &SymbolContract) -> String {
    let words = [
        words.exchange.as_ref().map(|exchange| format!("the exchange {exchange}")),
        words.currency.as_ref().map(|currency| format!("the currency {currency}")),
        words.security_type.as_ref().map(|kind| format!("the kind {kind}")),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() { "that symbol".to_owned() } else { words.join(" and ") }
}

fn named(stocks: &[&Stock], currencies: &Currencies) -> String {
    let one = |stock: &&Stock| {
        let currency = currencies.get(&stock.conid).map(|currency| format!(", {currency}")).unwrap_or_default();
        format!("{} ({}{currency}, conid {})", stock.symbol, stock.exchange.as_deref().unwrap_or("?"), stock.conid)
    };
    let mut named: Vec<String> = stocks.iter().take(NAMED_MAX).map(one).collect();
    if let Some(more) = stocks.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
        named.push(format!("{more} more"));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests;
