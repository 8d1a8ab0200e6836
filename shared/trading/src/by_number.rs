//! One order, asked for by its number. The broker shows one of the account alone that its session is set to (IBKR Web API, order
//! status).

use broker::{CallError, Listing, OrderDetail, Session};
use domain::{AccountId, BrokerOrderId, Order, OrderStatus};
use store::{StoreError, Versioned};

use crate::advance::TRACK_AFTER_NEWS_SECONDS;
use crate::lane::Lane;
use crate::leg_rows::{legs_by_parent, number_by_side};
use crate::look::row_by_number;
use crate::track::LOOK_TIME;

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

    /// Whether the numbers of a bracket are known to be its parts'. Its answer may have named an exit before the entry: the number that was
    /// taken for the entry's then trades on the other side. Before a look has shown the rows, and where none does, each is asked for
    /// by its number. False: that did not tell, and nothing is asked of the broker by these numbers until a look does.
    pub(crate) async fn numbers_are_right(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
    ) -> Result<bool, StoreError> {
        let Some(entry) = order.value.broker_order_ids.first().copied() else { return Ok(true) };
        if order.value.legs().is_empty() || self.has_shown(&order.value) || !self.has_time(LOOK_TIME) {
            return Ok(true);
        }
        match self.order_by_number(session, order.value.account_id(), entry).await {
            Ok(detail) if is_anothers(&order.value, &detail) => self.ask_whose_numbers(session, order, &detail).await,
            _ => Ok(true),
        }
    }

    /// Sets right which number is whose, where the first one is an exit's.
    pub(crate) async fn ask_whose_numbers(
        &mut self,
        session: &Session,
        order: &mut Versioned<Order>,
        first: &OrderDetail,
    ) -> Result<bool, StoreError> {
        let mut rows = vec![row_by_number(first)];
        for number in order.value.broker_order_ids.iter().skip(1).copied().collect::<Vec<_>>() {
            if !self.has_time(LOOK_TIME) {
                break;
            }
            let detail = self.order_by_number(session, order.value.account_id(), number).await.ok();
            rows.extend(detail.as_ref().map(row_by_number));
        }
        let told = Listing { rows, complete: false };
        let Some(entry) = number_by_side(&order.value, &told) else {
            tracing::warn!(key = %order.value.key, numbers = ?order.value.broker_order_ids, "an exit's number was taken for its entry's; a look tells which is whose");
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
            return Ok(false);
        };
        let legs = legs_by_parent(&order.value, entry, &told);
        tracing::error!(key = %order.value.key, was = ?order.value.broker_order_ids, %entry, ?legs, "the broker's answer named an exit before its entry; their numbers tell which is whose");
        self.record_change(order, |order, now| order.numbers_are(entry, &legs, now)).await?;
        Ok(true)
    }

    /// Whether a look has shown the account since the broker took the order.
    fn has_shown(&self, order: &Order) -> bool {
        let is_unsent = |status| {
            use OrderStatus::{Held, Received, Sending, Unknown};
            matches!(status, Received | Held | Sending | Unknown)
        };
        let of_entry = order.history.iter().filter(|entry| entry.leg.is_none() && entry.revision.is_none());
        let taken_at = of_entry.into_iter().find(|entry| !is_unsent(entry.status)).map(|entry| entry.at);
        let looks = &self.book.looks;
        looks.account_id.as_ref() == order.account_id()
            && looks.empty.is_none()
            && looks.last_at.zip(taken_at).is_some_and(|(looked_at, taken_at)| taken_at < looked_at)
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

/// Whether the number that was asked for is that of another order, an exit for one: it is of the other side.
pub(crate) fn is_anothers(order: &Order, detail: &OrderDetail) -> bool {
    let own = order.request.as_ref().map(|request| request.ticket.side);
    own.zip(detail.side).is_some_and(|(own, shown)| own != shown)
}
