//! Track: asks the broker where a user's orders are, and settles what is unknown.

use std::time::Duration;

use broker::{Listing, LiveOrder, LiveOrders, Session, Trade};
use domain::{AccountId, BrokerStatus, Fact, Order, OrderState, OrderStatus, Reason, Sight};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use store::{StoreError, Versioned};

use crate::lane::Lane;

/// Pause between two looks at live orders (IBKR Web API, pacing: one in 5 s).
const LOOK_PAUSE: Duration = Duration::from_secs(5);
/// Looks until the broker has gathered its live orders: the first is a pre-flight.
const LOOKS_MAX: u32 = 3;
/// What must be left of an invocation for a look.
const LOOK_TIME: SignedDuration = SignedDuration::from_secs(17);
/// How long an unknown order is looked for before a person decides. A client order id guards for 24 hours at the
/// broker (IBKR Web API, cOID); after that nothing would be found or stopped by it.
const UNKNOWN_FOR_MAX: SignedDuration = SignedDuration::from_hours(20);
/// Digits after the point of an average price.
const AVERAGE_DIGITS: u32 = 8;

/// What the broker showed.
struct Shown {
    live: Listing<LiveOrder>,
    trades: Option<Listing<Trade>>,
}

impl Lane<'_> {
    /// Takes further what waits, then looks at everything of this user that the broker may have.
    pub async fn track(&mut self) -> Result<(), StoreError> {
        self.catch_up().await?;
        let mut open = self.open_orders().await?;
        for order in &mut open {
            // Orders that never reached the lane (the API recorded them, and its wake was lost), and vanished senders'.
            if !order.value.state().may_be_at_the_broker() || matches!(order.value.state(), OrderState::Sending { .. })
            {
                self.advance(order).await?;
            }
        }
        open.retain(|order| order.value.state().may_be_at_the_broker());
        if open.is_empty() {
            return Ok(());
        }
        if let Some(seconds) = self.paced_for_seconds() {
            self.track_in(seconds);
            return Ok(());
        }
        let line = self.pending.len();
        while let Some(account_id) = open.first().and_then(|order| order.value.account_id().cloned()) {
            open = self.track_session(&account_id, open).await?;
        }
        // What was settled has made way for what waited behind it.
        if self.pending.len() < line { self.advance_pending().await } else { Ok(()) }
    }

    /// Looks at the orders that the session of this account reaches; gives back the others.
    async fn track_session(
        &mut self,
        account_id: &AccountId,
        open: Vec<Versioned<Order>>,
    ) -> Result<Vec<Versioned<Order>>, StoreError> {
        if !self.has_time(LOOK_TIME) {
            self.track_in(1);
            return Ok(Vec::new());
        }
        let session = self.session_for(account_id).await?;
        let reached = self.reached_accounts(account_id);
        let (mut reached, others): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|order| order.value.account_id().is_some_and(|id| reached.contains(id)));
        let session = match session {
            Ok(session) => session,
            Err(no_session) => {
                tracing::warn!(user_id = %self.user_id(), %account_id, ?no_session, "a look waits for a session");
                return Ok(others);
            }
        };
        match self.look(&session, &reached).await? {
            Some(shown) => {
                for order in &mut reached {
                    self.take_in(order, &shown).await?;
                }
            }
            None => self.track_in(u32::try_from(LOOK_PAUSE.as_secs()).unwrap_or(1)),
        }
        Ok(others)
    }

    /// For how many seconds the broker's pacing forbids a look, if it does.
    fn paced_for_seconds(&self) -> Option<u32> {
        let next = self.looks.last_at? + SignedDuration::try_from(LOOK_PAUSE).ok()?;
        let left = next.duration_since(self.desk.intake.clock.now());
        left.is_positive().then(|| u32::try_from(left.as_secs()).unwrap_or(0) + 1)
    }

    /// Live orders, and trades where they are needed. `None`: the broker gave no whole answer, which proves nothing.
    async fn look(&mut self, session: &Session, open: &[Versioned<Order>]) -> Result<Option<Shown>, StoreError> {
        let mut looks = 0;
        let live = loop {
            looks += 1;
            self.looks.last_at = Some(self.desk.intake.clock.now());
            match session.live_orders().await {
                Ok(LiveOrders::Orders(live)) => break live,
                Ok(LiveOrders::NoAnswerYet) if looks < LOOKS_MAX && self.has_time(LOOK_TIME) => {
                    tokio::time::sleep(LOOK_PAUSE).await;
                }
                Ok(LiveOrders::NoAnswerYet) => return Ok(None),
                Err(error) => {
                    self.session_failed(&error).await?;
                    return Ok(None);
                }
            }
        };
        let needs_trades = open.iter().any(|order| wants_trades(&order.value, &live));
        if !needs_trades {
            return Ok(Some(Shown { live, trades: None }));
        }
        match session.trades(1).await {
            Ok(trades) => Ok(Some(Shown { live, trades: Some(trades) })),
            Err(error) => {
                self.session_failed(&error).await?;
                Ok(Some(Shown { live, trades: None }))
            }
        }
    }

    async fn take_in(&mut self, order: &mut Versioned<Order>, shown: &Shown) -> Result<(), StoreError> {
        let before = order.value.clone();
        match sight_of(&before, shown) {
            Some(sight) if is_news(&before, &sight) => self.record(order, Fact::Seen(sight)).await?,
            Some(_) => self.look_again_later(order).await?,
            None => self.not_seen(order, shown).await?,
        }
        self.advance(order).await
    }

    /// Absence proves nothing by itself; a complete look without it is counted.
    async fn not_seen(&mut self, order: &mut Versioned<Order>, shown: &Shown) -> Result<(), StoreError> {
        let complete = shown.live.complete && shown.trades.as_ref().is_some_and(|trades| trades.complete);
        let OrderState::Unknown { intent, .. } = order.value.state().clone() else {
            tracing::warn!(key = %order.value.key, complete, "an order at work is not among the broker's live orders");
            return self.look_again_later(order).await;
        };
        if intent.at + UNKNOWN_FOR_MAX < self.desk.intake.clock.now() {
            let reason = Reason::new(
                "not_settled",
                "The order was sent, its outcome was not read, and for 20 hours the broker has not shown it. Look at the account at the broker, then decide.",
            );
            tracing::error!(key = %order.value.key, "an order needs review");
            return self.record(order, Fact::Exhausted(reason)).await;
        }
        if complete { self.record(order, Fact::NotFound).await } else { self.look_again_later(order).await }
    }

    async fn look_again_later(&mut self, order: &mut Versioned<Order>) -> Result<(), StoreError> {
        let pause = match order.value.status() {
            OrderStatus::Unknown => crate::advance::UNKNOWN_CHECK,
            _ => crate::advance::WORKING_CHECK,
        };
        let now = self.desk.intake.clock.now();
        if order.value.next_check_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        order.value.check_again_at(now + pause);
        match self.desk.intake.orders.save(order).await {
            Err(StoreError::Conflict { .. }) => Ok(()),
            saved => saved,
        }
    }
}

/// Trades tell what live orders do not: exact fills, and what has left the list.
fn wants_trades(order: &Order, live: &Listing<LiveOrder>) -> bool {
    match row_of(order, live) {
        None => true,
        Some(row) => {
            row.status == BrokerStatus::Filled
                || row.filled_quantity.is_some_and(|filled| filled > order.filled_quantity)
        }
    }
}

fn row_of<'l>(order: &Order, live: &'l Listing<LiveOrder>) -> Option<&'l LiveOrder> {
    let row = live.rows.iter().find(|row| row.client_order_id.as_deref() == Some(order.client_order_id.as_str()));
    row.or_else(|| {
        let parent = order.broker_order_ids.first()?;
        live.rows.iter().find(|row| row.order_id == *parent && row.client_order_id.is_none())
    })
    .filter(|row| agrees(order, row.account_id.as_ref(), row.side))
}

/// A row that names us and is another account's or the other side is not believed.
fn agrees(order: &Order, account_id: Option<&domain::AccountId>, side: Option<domain::Side>) -> bool {
    let Some(request) = &order.request else { return false };
    let agrees = account_id.is_none_or(|account_id| *account_id == request.account_id)
        && side.is_none_or(|side| side == request.ticket.side);
    if !agrees {
        tracing::error!(key = %order.key, ?account_id, ?side, "the broker shows an order under our client order id that is not our ticket");
    }
    agrees
}

fn sight_of(order: &Order, shown: &Shown) -> Option<Sight> {
    let fills = shown.trades.as_ref().and_then(|trades| fills_of(order, &trades.rows));
    let filled = fills.as_ref().map(|fills| fills.quantity);
    let average = fills.as_ref().map(|fills| fills.average_price);
    let Some(row) = row_of(order, &shown.live) else { return sight_of_trades(order, fills) };
    let shown_filled = row.filled_quantity.unwrap_or_default();
    let all_told = filled.is_some_and(|filled| filled >= shown_filled);
    Some(Sight {
        broker_order_ids: vec![row.order_id],
        status: row.status.clone(),
        filled_quantity: if all_told { filled } else { row.filled_quantity },
        average_price: if all_told { average } else { row.average_price },
    })
}

/// An order that is not among live orders, and whose trades are there: filled if they make up the whole.
fn sight_of_trades(order: &Order, fills: Option<Fills>) -> Option<Sight> {
    let fills = fills?;
    let whole = order.quantity().is_some_and(|quantity| fills.quantity >= quantity);
    Some(Sight {
        broker_order_ids: fills.order_id.into_iter().collect(),
        status: if whole { BrokerStatus::Filled } else { BrokerStatus::Submitted },
        filled_quantity: Some(fills.quantity),
        average_price: Some(fills.average_price),
    })
}

struct Fills {
    quantity: Decimal,
    average_price: Decimal,
    order_id: Option<domain::BrokerOrderId>,
}

/// The executions of an order, each counted once by its id.
fn fills_of(order: &Order, trades: &[Trade]) -> Option<Fills> {
    let ours = |trade: &&Trade| {
        let by_name = trade.client_order_id.as_deref() == Some(order.client_order_id.as_str());
        let by_number = trade.order_id.is_some() && trade.order_id.as_ref() == order.broker_order_ids.first();
        (by_name || by_number) && agrees(order, trade.account_id.as_ref(), trade.side)
    };
    let mut executions: Vec<&Trade> = trades.iter().filter(ours).collect();
    executions.sort_by(|one, other| one.execution_id.cmp(&other.execution_id));
    executions.dedup_by(|one, other| one.execution_id == other.execution_id);
    let quantity: Decimal = executions.iter().map(|trade| trade.quantity).sum();
    let value: Decimal = executions.iter().map(|trade| trade.quantity * trade.price).sum();
    let average_price = value.checked_div(quantity)?.round_dp(AVERAGE_DIGITS).normalize();
    Some(Fills { quantity, average_price, order_id: executions.iter().find_map(|trade| trade.order_id) })
}

/// Whether a look tells anything that is not on record.
fn is_news(order: &Order, sight: &Sight) -> bool {
    let mut after = order.clone();
    let before = order.clone();
    after.apply(Fact::Seen(sight.clone()), order.updated_at).is_ok() && after != before
}
