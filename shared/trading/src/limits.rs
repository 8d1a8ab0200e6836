//! Limits on a single order: the user's own, on every order of any algorithm, and the grant's.

use domain::{Conid, Limits, OrderType, PlaceOrder, Reason, Size};
use rust_decimal::Decimal;
use store::StoreError;

use crate::lane::Lane;

/// The limits that bear on one lane's orders, read once for each holder of the lane.
#[derive(Debug, Default)]
pub(crate) struct LaneLimits {
    own: Option<Limits>,
}

impl Lane<'_> {
    /// Why the limits forbid this order, if they do.
    pub(crate) async fn beyond_limits(
        &mut self,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<Option<Reason>, StoreError> {
        if self.limits.own.is_none() {
            self.limits.own = Some(self.desk.intake.rules.limits(self.lease.user_id()).await?.unwrap_or_default());
        }
        let own = self.limits.own.as_ref().and_then(|limits| beyond("your own limits", limits, request, conid));
        if own.is_some() || request.algorithm_id.is_own_hand() {
            return Ok(own);
        }
        let grant = self.desk.intake.rules.grant(self.lease.user_id(), &request.algorithm_id).await?;
        Ok(grant.and_then(|grant| beyond("the grant's limits", &grant.limits, request, conid)))
    }
}

/// The names of the limits that this version does not enforce, among those that are set. They are refused where they
/// are set: a limit that is taken and not kept would be worse than none.
#[must_use]
pub fn not_enforced(limits: &Limits) -> Vec<&'static str> {
    [
        ("max_daily_notional", limits.max_daily_notional.is_some()),
        ("max_daily_orders", limits.max_daily_orders.is_some()),
        ("max_open_orders", limits.max_open_orders.is_some()),
        ("price_collar_percent", limits.price_collar_percent.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, set)| set.then_some(name))
    .collect()
}

fn beyond(whose: &str, limits: &Limits, request: &PlaceOrder, conid: Conid) -> Option<Reason> {
    let denied = |limit: &str, why: String| {
        Some(Reason::new("beyond_limits", format!("The order is beyond {whose} ({limit}): {why}. It was not sent.")))
    };
    if limits.allowed_conids.as_ref().is_some_and(|allowed| !allowed.contains(&conid)) {
        return denied("allowed_conids", format!("the contract {conid} is not on the list"));
    }
    if let Some(most) = limits.max_order_quantity {
        match request.ticket.size {
            Size::Quantity(quantity) if quantity > most => {
                return denied("max_order_quantity", format!("{quantity} is more than {most}"));
            }
            Size::CashQuantity(_) => {
                return denied(
                    "max_order_quantity",
                    "an order by cash names no quantity that could be checked".to_owned(),
                );
            }
            Size::Quantity(_) => {}
        }
    }
    if let Some(most) = limits.max_order_notional {
        return match notional(request) {
            Some(notional) if notional > most.get() => {
                denied("max_order_notional", format!("{notional} is more than {most}"))
            }
            Some(_) => None,
            None => denied("max_order_notional", "the order names no price that could be checked".to_owned()),
        };
    }
    None
}

/// The most that the order can cost, where the ticket itself tells.
fn notional(request: &PlaceOrder) -> Option<Decimal> {
    let quantity = match request.ticket.size {
        Size::CashQuantity(cash) => return Some(cash.get()),
        Size::Quantity(quantity) => quantity.get(),
    };
    let price = match &request.ticket.order_type {
        OrderType::Limit { limit_price }
        | OrderType::StopLimit { limit_price, .. }
        | OrderType::TrailingStopLimit { limit_price, .. }
        | OrderType::Midprice { limit_price: Some(limit_price) } => limit_price.get(),
        _ => return None,
    };
    quantity.checked_mul(price)
}
