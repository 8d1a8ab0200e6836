//! Looking at orders, trades and contracts. A look changes nothing and may be repeated, within the broker's pacing.

use std::collections::BTreeMap;

use domain::{AccountId, BrokerOrderId, BrokerStatus, Conid, Side, TimeInForce};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::Question;
use crate::contracts::{ContractRules, FoundContract, PriceStep, Stock};
use crate::error::CallError;
use crate::looks::{Listing, LiveOrder, LiveOrders, OrderDetail, Trade};
use crate::meaning::{done, read, read_with_own_error};
use crate::session::Session;
use crate::wire::loose::Loose;
use crate::wire::rows::{
    FoundContractRow, LiveOrderRow, LiveOrdersPage, OrderDetailRow, RulesBody, StockRow, TradeRow,
};

/// Rows at which the broker cuts its list of live orders (IBKR Web API, live orders).
const LIVE_ORDERS_MAX: usize = 1000;
/// Most days of trades that can be asked for (IBKR Web API, trades).
pub const TRADE_DAYS_MAX: u8 = 7;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RulesQuestion {
    conid: u64,
    exchange: &'static str,
    is_buy: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountChoice<'a> {
    acct_id: &'a str,
}

impl Session {
    /// Sets the session to one of its accounts. Live orders, trades and an order's status are shown of that account
    /// alone (IBKR Web API, accounts).
    pub async fn select_account(&self, account_id: &AccountId) -> Result<(), CallError> {
        let body = AccountChoice { acct_id: account_id.as_str() };
        done(&self.call(Question::post("/iserver/account").json(&body)?).await?)
    }

    /// Live orders of one account; where the session has several, the one that it is set to
    /// ([`Session::select_account`]). At most once in 5 s (IBKR Web API, pacing).
    pub async fn live_orders(&self, account_id: &AccountId) -> Result<LiveOrders, CallError> {
        let question = Question::get("/iserver/account/orders").query("accountId", account_id.as_str());
        let response = self.call(question).await?;
        let page: LiveOrdersPage = read(&response)?;
        // The first call of a session is a pre-flight: empty, and no snapshot. Only a snapshot proves that there are none.
        if page.orders.is_empty() && page.snapshot != Some(true) {
            return Ok(LiveOrders::NoAnswerYet);
        }
        let mut listing = listing(&page.orders, live_order);
        listing.complete &= page.orders.len() < LIVE_ORDERS_MAX;
        Ok(LiveOrders::Orders(listing))
    }

    /// Has the broker gather its live orders afresh. Its answer is always empty: ask [`Session::live_orders`] after 5 s.
    pub async fn refresh_live_orders(&self) -> Result<(), CallError> {
        done(&self.call(Question::get("/iserver/account/orders").query("force", "true")).await?)
    }

    /// Trades of the account that the session is set to, of the last `days`, from 1 (today) to [`TRADE_DAYS_MAX`]. At
    /// most once in 5 s.
    pub async fn trades(&self, days: u8) -> Result<Listing<Trade>, CallError> {
        if !(1..=TRADE_DAYS_MAX).contains(&days) {
            return Err(CallError::Invalid(format!("trades can be asked for from 1 to {TRADE_DAYS_MAX} days back")));
        }
        let question = Question::get("/iserver/account/trades").query("days", days.to_string());
        let response = self.call(question).await?;
        let rows: Vec<Box<RawValue>> = read(&response)?;
        Ok(listing(&rows, trade))
    }

    /// One order. For an order of an earlier session the broker answers 503, which is [`CallError::Unknown`].
    pub async fn order_status(&self, order_id: BrokerOrderId) -> Result<OrderDetail, CallError> {
        let response = self.call(Question::get(format!("/iserver/account/order/status/{order_id}"))).await?;
        detail(&read(&response)?).ok_or_else(|| CallError::Unknown { why: "it shows an order without a number".into() })
    }

    /// The stocks of a symbol, on every exchange.
    pub async fn stocks(&self, symbol: &str) -> Result<Vec<Stock>, CallError> {
        let response = self.call(Question::get("/trsrv/stocks").query("symbols", symbol)).await?;
        let by_symbol: BTreeMap<String, Vec<StockRow>> = read(&response)?;
        Ok(by_symbol.iter().flat_map(|(symbol, rows)| rows.iter().flat_map(|row| stocks(symbol, row))).collect())
    }

    /// The contracts that a symbol names, of one type (such as `STK`) or of any.
    pub async fn search_contracts(
        &self,
        symbol: &str,
        security_type: Option<&str>,
    ) -> Result<Vec<FoundContract>, CallError> {
        let mut question = Question::get("/iserver/secdef/search").query("symbol", symbol);
        if let Some(security_type) = security_type {
            question = question.query("secType", security_type);
        }
        let response = self.call(question).await?;
        let rows: Vec<FoundContractRow> = read(&response)?;
        Ok(rows.iter().filter_map(found).collect())
    }

    /// How a contract may be traded, on the broker's own routing.
    pub async fn contract_rules(&self, conid: Conid, side: Side) -> Result<ContractRules, CallError> {
        let body = RulesQuestion { conid: conid.into(), exchange: "SMART", is_buy: side == Side::Buy };
        let response = self.call(Question::post("/iserver/contract/rules").json(&body)?).await?;
        read_with_own_error(&response).map(rules)
    }
}

/// Reads each row by itself: one that cannot be read makes the list incomplete, and hides nothing else.
pub(crate) fn listing<Row: for<'a> Deserialize<'a>, T>(
    rows: &[Box<RawValue>],
    read: impl Fn(&Row) -> Option<T>,
) -> Listing<T> {
    // Serde would read a list as an object too.
    let objects = rows.iter().filter(|row| row.get().starts_with('{'));
    let readable: Vec<T> = objects.filter_map(|row| read(&serde_json::from_str(row.get()).ok()?)).collect();
    Listing { complete: readable.len() == rows.len(), rows: readable }
}

fn live_order(row: &LiveOrderRow) -> Option<LiveOrder> {
    Some(LiveOrder {
        order_id: row.order_id.order_id()?,
        parent_order_id: row.parent_id.order_id(),
        client_order_id: row.order_ref.text().map(str::to_owned),
        account_id: account(&row.acct).or_else(|| account(&row.account)),
        conid: conid(&row.conid),
        side: side(&row.side),
        order_type: row.order_type.text().or(row.orig_order_type.text()).map(str::to_owned),
        status: BrokerStatus::from(row.status.text().or_else(|| row.order_status.text())?),
        total_quantity: row.total_size.decimal(),
        filled_quantity: row.filled_quantity.decimal(),
        remaining_quantity: row.remaining_quantity.decimal(),
        average_price: row.avg_price.decimal(),
        price: row.price.decimal(),
        time_in_force: row.time_in_force.text().and_then(time_in_force),
        last_execution_at: time(&row.last_execution_ms),
    })
}

/// IBKR says `CLOSE` of what works for the day (live orders).
fn time_in_force(word: &str) -> Option<TimeInForce> {
    match word.to_ascii_uppercase().as_str() {
        "CLOSE" | "DAY" => Some(TimeInForce::Day),
        "GTC" => Some(TimeInForce::Gtc),
        _ => None,
    }
}

fn trade(row: &TradeRow) -> Option<Trade> {
    Some(Trade {
        execution_id: row.execution_id.text()?.to_owned(),
        order_id: row.order_id.order_id(),
        client_order_id: row.order_ref.text().map(str::to_owned),
        account_id: account(&row.account).or_else(|| account(&row.account_code)),
        conid: conid(&row.conid),
        side: side(&row.side),
        quantity: row.size.decimal()?,
        price: row.price.decimal()?,
        commission: row.commission.decimal(),
        at: time(&row.trade_time_ms),
    })
}

fn detail(row: &OrderDetailRow) -> Option<OrderDetail> {
    Some(OrderDetail {
        order_id: row.order_id.order_id()?,
        account_id: account(&row.account).or_else(|| account(&row.order_clearing_account)),
        conid: conid(&row.conid),
        side: side(&row.side),
        status: BrokerStatus::from(row.order_status.text()?),
        order_type: row.order_type.text().map(str::to_owned),
        total_quantity: row.total_size.decimal(),
        filled_quantity: row.cum_fill.decimal().or_else(|| row.filled_quantity.decimal()),
        average_price: row.average_price.decimal().or_else(|| row.avg_fill_price.decimal()),
        limit_price: row.limit_price.decimal(),
        stop_price: row.stop_price.decimal(),
        price: row.price.decimal(),
        time_in_force: row.tif.text().map(str::to_owned),
        client_order_id: row.order_ref.text().map(str::to_owned),
        submitted_at: row.order_time.text().and_then(compact_time),
        not_editable: row.order_not_editable.boolean(),
        not_cancellable: row.cannot_cancel_order.boolean(),
    })
}

fn stocks(symbol: &str, row: &StockRow) -> Vec<Stock> {
    let contracts = row.contracts.iter().filter_map(|contract| {
        Some(Stock {
            conid: conid(&contract.conid)?,
            symbol: symbol.to_owned(),
            name: row.name.text().map(str::to_owned),
            asset_class: row.asset_class.text().map(str::to_owned),
            exchange: contract.exchange.text().map(str::to_owned),
            is_us: contract.is_us.boolean(),
        })
    });
    contracts.collect()
}

fn found(row: &FoundContractRow) -> Option<FoundContract> {
    Some(FoundContract {
        conid: conid(&row.conid)?,
        symbol: row.symbol.text().map(str::to_owned),
        name: row.company_name.text().map(str::to_owned),
        description: row.description.text().map(str::to_owned),
        security_types: row.sections.iter().filter_map(|section| section.sec_type.text().map(str::to_owned)).collect(),
    })
}

/// The steps by price where the broker tells them, else the one step that it tells.
fn price_steps(body: &RulesBody) -> Vec<PriceStep> {
    let step = |lower_edge: Option<Decimal>, increment: &Loose| {
        let increment = increment.decimal().filter(|increment| *increment > Decimal::ZERO)?;
        Some(PriceStep { lower_edge: lower_edge?, increment })
    };
    let mut steps: Vec<PriceStep> =
        body.increment_rules.iter().filter_map(|row| step(row.lower_edge.decimal(), &row.increment)).collect();
    if steps.is_empty() || steps.len() < body.increment_rules.len() {
        steps = step(Some(Decimal::ZERO), &body.increment).into_iter().collect();
    }
    steps.sort_by_key(|step| step.lower_edge);
    steps
}

fn rules(body: RulesBody) -> ContractRules {
    ContractRules {
        price_steps: price_steps(&body),
        size_increment: body.size_increment.decimal(),
        order_types: body.order_types,
        times_in_force: body.tif_types,
        accounts: body.can_trade_acct_ids.iter().filter_map(|id| id.parse().ok()).collect(),
        error: body.error.into_text(),
    }
}

fn account(value: &Loose) -> Option<AccountId> {
    value.text()?.parse().ok()
}

pub(crate) fn conid(value: &Loose) -> Option<Conid> {
    u64::try_from(value.integer()?).ok()?.try_into().ok()
}

/// `BUY`, `B`, `BOT` and `SELL`, `S`, `SLD` are all seen.
fn side(value: &Loose) -> Option<Side> {
    match value.text()?.bytes().next()? {
        b'B' | b'b' => Some(Side::Buy),
        b'S' | b's' => Some(Side::Sell),
        _ => None,
    }
}

/// `YYMMDDhhmmss`.
fn compact_time(text: &str) -> Option<Timestamp> {
    let at = jiff::civil::DateTime::strptime("%y%m%d%H%M%S", text).ok()?;
    jiff::tz::Offset::UTC.to_timestamp(at).ok()
}

fn time(value: &Loose) -> Option<Timestamp> {
    Timestamp::from_millisecond(value.integer()?).ok()
}
