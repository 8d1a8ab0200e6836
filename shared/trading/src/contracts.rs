//! Which contract a ticket means.

use broker::{Session, Stock};
use domain::{Conid, Contract, PlaceOrder, Reason, SymbolContract};
use store::StoreError;

use crate::lane::Lane;
use crate::session::NoSession;

/// The only kind of contract that a symbol names by itself.
const STOCK: &str = "STK";
/// The currency of contracts that trade in the United States; the broker shows no other (IBKR Web API, contract lookup).
const US_CURRENCY: &str = "USD";
/// Contracts that a refusal names.
const NAMED_MAX: usize = 5;

impl Lane<'_> {
    /// The broker's number of the contract: the ticket's own, or the one that its words name. Words that name none,
    /// or more than one, are refused: nothing is guessed.
    pub(crate) async fn resolve(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
    ) -> Result<Result<Conid, NoSession>, StoreError> {
        let words = match &request.ticket.contract {
            Contract::Conid { conid } => return Ok(Ok(*conid)),
            Contract::Symbol(words) => words,
        };
        if words.security_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case(STOCK)) {
            let reason = Reason::new(
                "contract_needs_conid",
                "Only stocks are found by symbol. Name this contract by its conid (GET /contracts).",
            );
            return Ok(Err(NoSession::Deny(reason)));
        }
        if let Some(conid) = self.desk.contracts.conid(words) {
            return Ok(Ok(conid));
        }
        self.write_outcome().await?;
        match session.stocks(&words.symbol).await {
            Ok(stocks) => {
                let found = the_only_one(words, &stocks);
                if let Ok(conid) = found {
                    self.desk.contracts.remember_conid(words, conid);
                }
                Ok(found.map_err(NoSession::Deny))
            }
            Err(broker::CallError::Refused { message }) => {
                let reason =
                    Reason::new("contract_unknown", format!("The broker knows no stock {}: {message}", words.symbol));
                Ok(Err(NoSession::Deny(reason)))
            }
            Err(error) => self.look_failed(&error).await.map(Err),
        }
    }
}

fn the_only_one(words: &SymbolContract, stocks: &[Stock]) -> Result<Conid, Reason> {
    let fits = |stock: &&Stock| {
        let exchange = words.exchange.as_deref();
        let exchange =
            exchange.is_none_or(|wanted| stock.exchange.as_deref().is_some_and(|has| has.eq_ignore_ascii_case(wanted)));
        // A currency other than the dollar narrows to what does not trade in the United States; the exchange does the rest.
        let wants_dollars = words.currency.as_deref().map(|currency| currency.eq_ignore_ascii_case(US_CURRENCY));
        exchange && wants_dollars.is_none_or(|dollars| stock.is_us == Some(dollars))
    };
    let mut fitting: Vec<&Stock> = stocks.iter().filter(fits).collect();
    fitting.dedup_by_key(|stock| stock.conid);
    match fitting.as_slice() {
        [only] => Ok(only.conid),
        [] => Err(Reason::new(
            "contract_unknown",
            format!(
                "The broker knows no stock {} with this exchange and currency. Look at GET /contracts?symbol=.",
                words.symbol
            ),
        )),
        several => {
            let named: Vec<String> = several
                .iter()
                .take(NAMED_MAX)
                .map(|stock| {
                    format!("{} ({}, conid {})", stock.symbol, stock.exchange.as_deref().unwrap_or("?"), stock.conid)
                })
                .collect();
            Err(Reason::new(
                "contract_ambiguous",
                format!(
                    "{} names {} contracts: {}. Name one by its conid.",
                    words.symbol,
                    several.len(),
                    named.join(", ")
                ),
            ))
        }
    }
}
