//! The broker's contracts for a symbol.

use broker::{CallError, Session, Stock};
use domain::ConnectionStatus;
use http::StatusCode;
use platform::{HttpRequest, HttpResponse, Problem};
use serde::Serialize;

use crate::{Answer, Api, store_failed};

/// The longest symbol, in characters.
const SYMBOL_CHARACTERS_MAX: usize = 32;

#[derive(Serialize)]
struct Contracts {
    contracts: Vec<ContractView>,
}

#[derive(Serialize)]
struct ContractView {
    conid: domain::Conid,
    symbol: String,
    name: Option<String>,
    exchange: Option<String>,
    security_type: Option<String>,
    is_us: Option<bool>,
}

impl From<Stock> for ContractView {
    fn from(stock: Stock) -> Self {
        let Stock { conid, symbol, name, asset_class, exchange, is_us } = stock;
        Self { conid, symbol, name, exchange, security_type: asset_class, is_us }
    }
}

impl Api {
    pub(crate) async fn find_contracts(&self, request: &HttpRequest) -> Answer {
        let user_id = request.user()?;
        let symbol = request.query_parameter("symbol").unwrap_or_default();
        let fits = (1..=SYMBOL_CHARACTERS_MAX).contains(&symbol.len())
            && symbol.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b',');
        if !fits {
            let message = format!("must be 1 to {SYMBOL_CHARACTERS_MAX} visible characters, without a comma");
            return Err(Problem::bad_fields(vec![domain::FieldFault { field: "symbol".to_owned(), message }]));
        }
        let session = self.any_session(&user_id).await?;
        let stocks = match session.stocks(symbol).await {
            Ok(stocks) => stocks,
            Err(CallError::Refused { .. }) => Vec::new(),
            Err(error) => {
                tracing::warn!(%error, %user_id, "contracts were not found");
                return Err(Problem::unavailable("The broker did not answer. Try again in a moment."));
            }
        };
        let contracts = stocks.into_iter().map(ContractView::from).collect();
        Ok(HttpResponse::json(StatusCode::OK, &Contracts { contracts }))
    }

    /// Contracts need no brokerage session (IBKR Web API, two tiers), so any live session token will do.
    async fn any_session(&self, user_id: &domain::UserId) -> Result<Session, Problem> {
        let connections = self.connections.list(user_id).await.map_err(|error| store_failed(&error))?;
        let now = self.intake.clock.now();
        let session = connections
            .iter()
            .filter(|connection| connection.value.status == ConnectionStatus::Connected)
            .find_map(|connection| self.tokens.session(&connection.value, &self.broker, now).ok());
        session.ok_or_else(|| {
            Problem::new(
                StatusCode::CONFLICT,
                "not_connected",
                "You are not connected to the broker, whom this question is for. Connect first (POST /connections).",
            )
        })
    }
}
