//! What an account holds.

use domain::{AccountId, Conid};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::Question;
use crate::error::CallError;
use crate::looks::Listing;
use crate::meaning::{done, read};
use crate::session::Session;
use crate::session_looks::{conid, listing};
use crate::wire::loose::Loose;

/// Pages of one account's positions that are read (IBKR Web API, positions: 100 rows on a page at most).
const PAGES_MAX: usize = 20;

/// How much an account holds of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Of what.
    pub conid: Conid,
    /// How much: more than zero is long, less is short.
    pub quantity: Decimal,
}

#[derive(Deserialize)]
struct PositionRow {
    conid: Loose,
    position: Loose,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortfolioAccountRow {
    #[serde(default)]
    account_id: Loose,
    #[serde(default)]
    id: Loose,
}

impl PortfolioAccountRow {
    fn account_id(&self) -> Option<AccountId> {
        AccountId::of_list(self.account_id.text().or_else(|| self.id.text())?)
    }
}

impl Session {
    /// Asks which accounts there are, in the read-only tier: it needs no brokerage session, and stands in no other
    /// login's way. Entries that are no accounts are left out. Before it the broker shows no positions, without an error. At most once in 5 s (IBKR Web API, pacing).
    pub async fn portfolio_accounts(&self) -> Result<Vec<AccountId>, CallError> {
        let response = self.call(Question::get("/portfolio/accounts")).await?;
        let rows: Vec<Box<RawValue>> = read(&response)?;
        Ok(listing(&rows, PortfolioAccountRow::account_id).rows)
    }

    /// What an account holds now: the broker's own cache is emptied first. An empty list may mean that the accounts were
    /// not asked for ([`Session::portfolio_accounts`]).
    pub async fn positions(&self, account_id: &AccountId) -> Result<Listing<Position>, CallError> {
        let invalidate = format!("/portfolio/{account_id}/positions/invalidate");
        done(&self.call(Question::post(invalidate)).await?)?;
        let mut positions = Listing { rows: Vec::new(), complete: true };
        for page in 0..PAGES_MAX {
            let response = self.call(Question::get(format!("/portfolio/{account_id}/positions/{page}"))).await?;
            let rows: Vec<Box<RawValue>> = read(&response)?;
            if rows.is_empty() {
                return Ok(positions);
            }
            let page = listing(&rows, position);
            positions.complete &= page.complete;
            positions.rows.extend(page.rows);
        }
        positions.complete = false;
        Ok(positions)
    }
}

fn position(row: &PositionRow) -> Option<Position> {
    Some(Position { conid: conid(&row.conid)?, quantity: row.position.decimal()? })
}
