//! How many units of its price one contract is worth: 1 for a stock, 50 for an E-mini future, 100 for most options.

use broker::{CallError, ContractDetails, Session};
use domain::{Beyond, Conid, Contract, Limits, PlaceOrder, Whose};
use rust_decimal::Decimal;

use crate::lane::Lane;
use crate::stop::Stop;

impl Lane<'_> {
    /// The multiplier of an order's contract, as the broker tells it; `None` where it does not. Where the broker cannot be
    /// asked now, the order waits.
    pub(super) async fn multiplier(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<Option<Decimal>, Stop> {
        if let Some(known) = self.known_multiplier(request, conid) {
            return Ok(Some(known));
        }
        let told = match session.contract_details(conid).await.map(|details| details.worth()) {
            Ok(Some(worth)) => Ok(Some(worth)),
            // One of the two endpoints may lack it, or not know the contract.
            Ok(None) => session.contract_definition(conid).await.map(|details| details.worth()),
            Err(error) if lies_elsewhere(&error) => {
                session.contract_definition(conid).await.map(|details: ContractDetails| details.worth())
            }
            Err(error) => Err(error),
        };
        match told {
            Ok(worth) => {
                if let Some(worth) = worth {
                    self.desk.contracts.remember_multiplier(conid, worth);
                }
                Ok(worth)
            }
            Err(CallError::Refused { .. } | CallError::WrongPath | CallError::Invalid(_)) => Ok(None),
            Err(error) => Err(self.look_failed(&error).await?),
        }
    }

    /// As far as it is known without a call: a symbol names stocks alone.
    pub(super) fn known_multiplier(&self, request: &PlaceOrder, conid: Conid) -> Option<Decimal> {
        match request.ticket.contract {
            Contract::Symbol(_) => Some(Decimal::ONE),
            Contract::Conid { .. } => self.desk.contracts.multiplier(conid),
        }
    }
}

/// Whether another endpoint of the same session may answer all the same.
fn lies_elsewhere(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Refused { .. } | CallError::WrongPath | CallError::Invalid(_) | CallError::Unknown { .. }
    )
}

/// That a limit by value cannot be checked for want of the multiplier.
pub(super) fn beyond_unknown(whose: Whose, limits: &Limits) -> Option<Beyond> {
    let limit = match (limits.max_order_notional, limits.max_daily_notional) {
        (Some(_), _) => "max_order_notional",
        (None, Some(_)) => "max_daily_notional",
        (None, None) => return None,
    };
    let why = "the broker does not tell the contract's multiplier, so the order's value is not known".to_owned();
    Some(Beyond { whose, limit, why })
}
