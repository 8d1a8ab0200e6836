//! One order, asked for by its number. The broker shows one of the account alone that its session is set to (IBKR Web API, order
//! status).

use broker::{CallError, OrderDetail, Session};
use domain::{AccountId, BrokerOrderId, Order, OrderStatus};

use crate::advance::TRACK_AFTER_NEWS_SECONDS;
use crate::lane::Lane;
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

    /// Whether the answer to a bracket named an exit before the entry: the number that was taken for the entry's trades on the other
    /// side, so that each number may be another part's. No source tells the order of that answer. The next look's rows set it right,
    /// and until then nothing is asked of the broker by these numbers.
    pub(crate) async fn is_numbered_wrongly(&mut self, session: &Session, order: &Order) -> bool {
        let (Some(entry), Some(request)) = (order.broker_order_ids.first(), &order.request) else { return false };
        if order.legs().is_empty() || self.has_shown(order) || !self.has_time(LOOK_TIME) {
            return false;
        }
        let shown = self.order_by_number(session, order.account_id(), *entry).await;
        let is_an_exits = shown.is_ok_and(|detail| detail.side.is_some_and(|side| side != request.ticket.side));
        if is_an_exits {
            tracing::warn!(key = %order.key, %entry, "the number that was taken for an entry's is an exit's; a look tells which is whose");
            self.track_in(TRACK_AFTER_NEWS_SECONDS);
        }
        is_an_exits
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
