//! One order, asked for by its number. The broker shows one of the account alone that its session is set to (IBKR Web API, order
//! status).

use broker::{CallError, OrderDetail, Session};
use domain::{AccountId, BrokerOrderId};

use crate::lane::Lane;

impl Lane<'_> {
    /// How the broker shows an order of this account, or an exit of it, by its number. For an order of an earlier session it answers 503.
    pub(crate) async fn order_by_number(
        &mut self,
        session: &Session,
        account_id: Option<&AccountId>,
        number: BrokerOrderId,
    ) -> Result<OrderDetail, CallError> {
        if let Some(account_id) = account_id {
            self.set_session_to(session, account_id).await?;
        }
        session.order_status(number).await
    }

    /// A session shows one account, so one that reaches several is set to it first.
    pub(crate) async fn set_session_to(&mut self, session: &Session, account_id: &AccountId) -> Result<(), CallError> {
        if self.reached_accounts(account_id).len() > 1 && !self.session.is_set_to(account_id) {
            self.session.is_being_set();
            session.select_account(account_id).await?;
            self.session.set_to(account_id);
        }
        Ok(())
    }
}
