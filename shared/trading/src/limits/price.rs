//! What the broker is asked for before an order is weighed: its value, and the market's price.

use std::time::Duration;

use broker::{CallError, MarketPrice, NotOfNow, OrderRequest, Session};
use domain::{ClientOrderId, Conid, PlaceOrder, Side, Size};
use rust_decimal::Decimal;

use crate::exchange::EXCHANGE_TIME;
use crate::lane::Lane;
use crate::limits::Needs;
use crate::limits::checks::{names_a_price, rounded_up, value, value_of_ticket};
use crate::send::out_of_time;
use crate::stop::Stop;

/// Looks at a contract's price: the first only subscribes (IBKR Web API, market data).
const PRICE_LOOKS_MAX: u32 = 4;
/// Pause between them (IBKR Web API, pacing: ten in a second).
const PRICE_LOOK_PAUSE: Duration = Duration::from_millis(500);

/// What is known of an order's price.
#[derive(Debug, Default)]
pub(super) struct Prices {
    /// The order's value; `None` where nobody tells.
    pub(super) value: Option<Decimal>,
    /// The market's price.
    pub(super) market: Market,
}

/// The market's price, as far as it was asked for.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Market {
    /// The price of now; `None` where nobody tells it.
    pub(super) price: Option<Decimal>,
    /// What the broker shows in its place.
    pub(super) instead: Option<NotOfNow>,
}

impl Lane<'_> {
    /// What the limits need. Where the broker cannot be asked now, the order waits.
    pub(super) async fn prices(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
        needs: Needs,
    ) -> Result<Prices, Stop> {
        let ticket = &request.ticket;
        let has_limit = ticket.order_type.limit_price().is_some();
        let by_quantity = matches!(ticket.size, Size::Quantity(_));
        // A limit bounds what a purchase costs; a sale may bring more.
        let sale_at_a_limit = has_limit && ticket.side == Side::Sell && by_quantity;
        let mut prices = Prices::default();
        if (needs.collar && names_a_price(ticket)) || (needs.value && sale_at_a_limit) {
            prices.market = self.market_price(session, conid, PRICE_LOOKS_MAX).await?;
        }
        prices.value = value_of_ticket(ticket, prices.market.price, needs.multiplier);
        if sale_at_a_limit && prices.market.instead.is_some() {
            // What it could bring is not known: more than its limit, perhaps.
            prices.value = None;
        }
        if needs.value && by_quantity && !has_limit {
            let (value, market) = self.value_at_market(session, request, conid, needs.multiplier).await?;
            // A stop may lie beyond what the order would cost now.
            prices.value = value.map(|value| prices.value.map_or(value, |at_stop| at_stop.max(value)));
            prices.market = market;
        }
        Ok(prices)
    }

    /// The value of an order that has no limit: the broker's preview tells, else the market's price. Of a contract with a
    /// multiplier a preview may tell something else than its whole value (a future's margin), so there the market's price
    /// must tell, and the higher of the two counts. Where the broker shows a price that is not of now, its preview may count
    /// with that one, so nothing tells.
    async fn value_at_market(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
        multiplier: Decimal,
    ) -> Result<(Option<Decimal>, Market), Stop> {
        // A preview wants the price to be asked for first (IBKR Web API, preview).
        let first = self.market_price(session, conid, 1).await?;
        let told = self.preview(session, request, conid).await?;
        let market =
            if first.price.is_some() { first } else { self.market_price(session, conid, PRICE_LOOKS_MAX).await? };
        let at_market = |market: Decimal| match request.ticket.size {
            Size::Quantity(quantity) => value(quantity.get(), market, multiplier),
            Size::CashQuantity(cash) => Some(cash.get()),
        };
        let value = match (told, market.price.and_then(at_market)) {
            _ if market.instead.is_some() => None,
            (Some(told), _) if multiplier == Decimal::ONE => Some(told),
            (told, at_market) => at_market.map(|value| told.map_or(value, |told| told.max(value))),
        };
        Ok((value, market))
    }

    /// The value that the broker's preview tells, if it does.
    async fn preview(
        &mut self,
        session: &Session,
        request: &PlaceOrder,
        conid: Conid,
    ) -> Result<Option<Decimal>, Stop> {
        if !self.has_time(EXCHANGE_TIME) {
            return Err(Stop::Wait(out_of_time()));
        }
        let client_order_id = ClientOrderId::of(&request.key);
        let order = OrderRequest {
            account_id: &request.account_id,
            client_order_id: &client_order_id,
            conid,
            ticket: &request.ticket,
            manual_order_time: self.customer_time(&request.account_id, self.now()),
        };
        match session.preview(&order).await {
            Ok(preview) => Ok(preview.amount.map(|amount| rounded_up(amount.abs())).filter(|amount| !amount.is_zero())),
            Err(error) if lies_in_the_session(&error) => Err(self.look_failed(&error).await?),
            Err(_) => Ok(None),
        }
    }

    /// The market's price. One that is not of now, or of which that is not told yet, is looked at again: the first look
    /// after a subscription may come too early. Where nothing is told of its age at the last look, it is taken for one of now.
    async fn market_price(&mut self, session: &Session, conid: Conid, looks: u32) -> Result<Market, Stop> {
        let mut market = Market::default();
        for look in 1..=looks {
            if !self.has_time(EXCHANGE_TIME) {
                return Err(Stop::Wait(out_of_time()));
            }
            match session.market_price(conid).await {
                Ok(MarketPrice::Now(price)) => return Ok(Market { price: Some(price), instead: None }),
                Ok(MarketPrice::AgeNotTold(price)) if look == PRICE_LOOKS_MAX => {
                    return Ok(Market { price: Some(price), instead: None });
                }
                Ok(MarketPrice::NotOfNow(shown)) => market.instead = Some(shown),
                Ok(MarketPrice::AgeNotTold(_) | MarketPrice::None) => {}
                Err(CallError::Refused { .. } | CallError::WrongPath | CallError::Invalid(_)) => break,
                Err(error) => return Err(self.look_failed(&error).await?),
            }
            if look < looks {
                tokio::time::sleep(PRICE_LOOK_PAUSE).await;
            }
        }
        Ok(market)
    }
}

/// Whether the next call of this session would fail as well.
fn lies_in_the_session(error: &CallError) -> bool {
    !matches!(
        error,
        CallError::Refused { .. } | CallError::WrongPath | CallError::Invalid(_) | CallError::Unknown { .. }
    )
}
