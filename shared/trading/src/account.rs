//! What the session in use tells of an account.

use domain::AccountId;
use jiff::Timestamp;

use crate::lane::Lane;

impl Lane<'_> {
    /// When the broker is to be told that an order of this account, or a change of it, was entered: the time itself where
    /// the account's orders must tell it, nothing where they must not (IBKR Web API, accounts: `allowCustomerTime`).
    pub(crate) fn customer_time(&self, account_id: &AccountId, entered_at: Timestamp) -> Option<Timestamp> {
        self.connection()?.customer_time_accounts.contains(account_id).then_some(entered_at)
    }

    /// The accounts that the session of this account reaches, itself always among them.
    pub(crate) fn reached_accounts(&self, account_id: &AccountId) -> Vec<AccountId> {
        let accounts = self.connection().map(|connection| connection.accounts.clone()).unwrap_or_default();
        if accounts.contains(account_id) { accounts } else { vec![account_id.clone()] }
    }
}
