//! The broker's contracts for a symbol.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use broker::{CallError, Session, Stock};
use domain::ConnectionStatus;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use platform::Problem;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use crate::answers::{Conflict, Forbidden, NotFound, Refused, answer};
use crate::callers::{ForUser, Whose};
use crate::query::{Asked, Query, Reader};
use crate::{Api, store_failed};

/// The longest symbol, in characters.
const SYMBOL_CHARACTERS_MAX: usize = 32;
/// How long the contracts of a symbol are remembered: they change over a night at most.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Symbols that are remembered at once.
const REMEMBERED_MAX: usize = 1000;

answer! {
    /// The contracts
    Found: OK, Contracts<'_> as Contracts<'static>
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contracts<'c> {
    contracts: &'c [FoundContract],
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FoundContract {
    conid: domain::Conid,
    symbol: String,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    exchange: Option<String>,
    #[schema(required)]
    security_type: Option<String>,
    #[schema(required)]
    is_us: Option<bool>,
}

impl From<Stock> for FoundContract {
    fn from(stock: Stock) -> Self {
        let Stock { conid, symbol, name, asset_class, exchange, is_us } = stock;
        Self { conid, symbol, name, exchange, security_type: asset_class, is_us }
    }
}

/// Contracts that the broker told for symbols a while ago. They are no user's own, so one user's question answers another's.
#[derive(Debug, Default)]
pub struct FoundContracts {
    by_symbol: Mutex<HashMap<String, Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    contracts: Arc<Vec<FoundContract>>,
    at: Timestamp,
}

impl FoundContracts {
    fn of(&self, symbol: &str, now: Timestamp) -> Option<Arc<Vec<FoundContract>>> {
        let by_symbol = self.by_symbol.lock().unwrap_or_else(PoisonError::into_inner);
        let found = by_symbol.get(symbol).filter(|found| found.at + REMEMBERED_FOR > now)?;
        Some(Arc::clone(&found.contracts))
    }

    /// That there are none is not remembered: it may be the broker's mishap.
    fn remember(&self, symbol: &str, contracts: &Arc<Vec<FoundContract>>, now: Timestamp) {
        if contracts.is_empty() {
            return;
        }
        let mut by_symbol = self.by_symbol.lock().unwrap_or_else(PoisonError::into_inner);
        if by_symbol.len() >= REMEMBERED_MAX {
            by_symbol.clear();
        }
        by_symbol.insert(symbol.to_owned(), Remembered { contracts: Arc::clone(contracts), at: now });
    }
}

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FindContracts {
    #[param(pattern = "^[ -+\\--~]{1,32}$")]
    symbol: String,
}

impl Asked for FindContracts {
    fn read(said: &mut Reader<'_>) -> Self {
        let symbol = said.text("symbol").unwrap_or_default();
        let fits = (1..=SYMBOL_CHARACTERS_MAX).contains(&symbol.len())
            && symbol.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b',');
        if !fits {
            said.refuse("symbol", &format!("must be 1 to {SYMBOL_CHARACTERS_MAX} visible characters, without a comma"));
        }
        Self { symbol }
    }
}

/// The broker's stocks and funds of a symbol
///
/// The symbol is written as the broker writes it (`AAPL`); one that it does not know gives an empty list.
#[utoipa::path(get, path = "/contracts", tag = "orders", params(ForUser, FindContracts))]
pub(crate) async fn find_contracts(
    State(api): State<Arc<Api>>,
    whose: Whose,
    Query(FindContracts { symbol }): Query<FindContracts>,
) -> Result<Found, Refused<(Forbidden, NotFound, Conflict)>> {
    let session = api.any_session(&whose.user_id).await?;
    let now = api.intake.clock.now();
    let contracts = match api.found_contracts.of(&symbol, now) {
        Some(contracts) => contracts,
        None => api.ask_for_contracts(&session, &symbol, now).await?,
    };
    Ok(Found::of(&Contracts { contracts: &contracts }))
}

impl Api {
    async fn ask_for_contracts(
        &self,
        session: &Session,
        symbol: &str,
        now: Timestamp,
    ) -> Result<Arc<Vec<FoundContract>>, Problem> {
        let stocks = match session.stocks(symbol).await {
            Ok(stocks) => stocks,
            Err(CallError::Refused { .. }) => Vec::new(),
            Err(error) => return Err(not_answered(&error)),
        };
        let contracts: Arc<Vec<_>> = Arc::new(stocks.into_iter().map(FoundContract::from).collect());
        self.found_contracts.remember(symbol, &contracts, now);
        Ok(contracts)
    }

    /// Contracts need no brokerage session (IBKR Web API, two tiers), so any live session token will do. Its calls take turns
    /// with all others that are made for the user.
    async fn any_session(&self, user_id: &domain::UserId) -> Result<Session, Problem> {
        let connections = self.connections.list(user_id).await.map_err(|error| store_failed(&error))?;
        let now = self.intake.clock.now();
        let session = connections
            .iter()
            .filter(|connection| connection.value.status == ConnectionStatus::Connected)
            .find_map(|connection| self.tokens.session(&connection.value, &self.broker, now).ok());
        session.map(|session| session.in_turns(self.readers.of(user_id))).ok_or_else(|| {
            Problem::new(
                StatusCode::CONFLICT,
                "not_connected",
                "You are not connected to the broker, whom this question is for. Connect first (POST /connections).",
            )
        })
    }
}

/// A question to the broker that brought nothing.
fn not_answered(error: &CallError) -> Problem {
    if let CallError::TooMany { why, retry_after } = error {
        return Problem::too_many(format!("The broker was not asked: {why}. Try again in a moment."), *retry_after);
    }
    tracing::warn!(%error, "contracts were not found");
    Problem::unavailable("The broker did not answer. Try again in a moment.")
}
