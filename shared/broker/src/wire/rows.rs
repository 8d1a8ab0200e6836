//! The broker's rows as they come. A field that may be missing, empty or of another type is [`Loose`].

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::lenient::{lenient, texts};
use super::loose::Loose;

/// `/iserver/account/orders`.
#[derive(Deserialize)]
pub(crate) struct LiveOrdersPage {
    pub(crate) orders: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(crate) snapshot: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveOrderRow {
    pub(crate) order_id: Loose,
    #[serde(default)]
    pub(crate) status: Loose,
    // As the row of one order, and the answer to its placing, name it.
    #[serde(default, rename = "order_status")]
    pub(crate) order_status: Loose,
    #[serde(default)]
    pub(crate) parent_id: Loose,
    #[serde(default, rename = "order_ref")]
    pub(crate) order_ref: Loose,
    #[serde(default)]
    pub(crate) acct: Loose,
    #[serde(default)]
    pub(crate) account: Loose,
    #[serde(default)]
    pub(crate) conid: Loose,
    #[serde(default)]
    pub(crate) side: Loose,
    #[serde(default)]
    pub(crate) order_type: Loose,
    #[serde(default)]
    pub(crate) orig_order_type: Loose,
    #[serde(default)]
    pub(crate) total_size: Loose,
    #[serde(default)]
    pub(crate) filled_quantity: Loose,
    #[serde(default)]
    pub(crate) remaining_quantity: Loose,
    #[serde(default)]
    pub(crate) avg_price: Loose,
    #[serde(default)]
    pub(crate) time_in_force: Loose,
    #[serde(default)]
    pub(crate) price: Loose,
    #[serde(default, rename = "lastExecutionTime_r")]
    pub(crate) last_execution_ms: Loose,
}

/// `/iserver/account/trades`.
#[derive(Deserialize)]
pub(crate) struct TradeRow {
    pub(crate) execution_id: Loose,
    pub(crate) size: Loose,
    pub(crate) price: Loose,
    #[serde(default)]
    pub(crate) order_ref: Loose,
    #[serde(default)]
    pub(crate) order_id: Loose,
    #[serde(default)]
    pub(crate) side: Loose,
    #[serde(default)]
    pub(crate) commission: Loose,
    #[serde(default)]
    pub(crate) account: Loose,
    #[serde(default, rename = "accountCode")]
    pub(crate) account_code: Loose,
    #[serde(default)]
    pub(crate) conid: Loose,
    #[serde(default, rename = "trade_time_r")]
    pub(crate) trade_time_ms: Loose,
}

/// `/iserver/account/order/status/{orderId}`. IBKR's description names the fill `cum_fill` and `average_price`; an answer that
/// another client recorded names it `filled_quantity` and `avg_fill_price`. `size` is what is left in the one and all in the
/// other, so it is not read.
#[derive(Deserialize)]
pub(crate) struct OrderDetailRow {
    pub(crate) order_id: Loose,
    pub(crate) order_status: Loose,
    #[serde(default)]
    pub(crate) account: Loose,
    #[serde(default)]
    pub(crate) order_clearing_account: Loose,
    #[serde(default)]
    pub(crate) conid: Loose,
    #[serde(default)]
    pub(crate) side: Loose,
    #[serde(default)]
    pub(crate) order_type: Loose,
    #[serde(default)]
    pub(crate) total_size: Loose,
    #[serde(default)]
    pub(crate) cum_fill: Loose,
    #[serde(default)]
    pub(crate) filled_quantity: Loose,
    #[serde(default)]
    pub(crate) average_price: Loose,
    #[serde(default)]
    pub(crate) avg_fill_price: Loose,
    #[serde(default)]
    pub(crate) limit_price: Loose,
    #[serde(default)]
    pub(crate) stop_price: Loose,
    #[serde(default)]
    pub(crate) price: Loose,
    #[serde(default)]
    pub(crate) tif: Loose,
    #[serde(default)]
    pub(crate) order_ref: Loose,
    #[serde(default)]
    pub(crate) order_time: Loose,
    #[serde(default)]
    pub(crate) order_not_editable: Loose,
    #[serde(default)]
    pub(crate) cannot_cancel_order: Loose,
}

/// `/iserver/account/{id}/orders/whatif`.
#[derive(Deserialize)]
pub(crate) struct PreviewBody {
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) amount: Option<PreviewAmount>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) equity: Option<PreviewChange>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) initial: Option<PreviewChange>,
    #[serde(default)]
    pub(crate) warn: Loose,
    #[serde(default)]
    pub(crate) error: Loose,
}

#[derive(Deserialize, Default)]
pub(crate) struct PreviewAmount {
    #[serde(default)]
    pub(crate) amount: Loose,
    #[serde(default)]
    pub(crate) commission: Loose,
    #[serde(default)]
    pub(crate) total: Loose,
}

#[derive(Deserialize, Default)]
pub(crate) struct PreviewChange {
    #[serde(default)]
    pub(crate) after: Loose,
}

/// `/iserver/accounts`. An advisor's list holds the names of groups as well, which `groups` tells again.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountsBody {
    #[serde(deserialize_with = "texts")]
    pub(crate) accounts: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) groups: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) profiles: Vec<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) acct_props: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    pub(crate) selected_account: Loose,
    #[serde(default)]
    pub(crate) is_paper: Loose,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccountProperties {
    #[serde(default)]
    pub(crate) supports_cash_qty: Loose,
    #[serde(default)]
    pub(crate) supports_fractions: Loose,
    #[serde(default)]
    pub(crate) allow_customer_time: Loose,
}

/// `ssodh/init`, `auth/status`, and the heart of a tickle. Logged out, several fields are missing.
#[derive(Deserialize)]
pub(crate) struct StatusBody {
    pub(crate) authenticated: Loose,
    #[serde(default)]
    pub(crate) established: Loose,
    #[serde(default)]
    pub(crate) competing: Loose,
    #[serde(default)]
    pub(crate) connected: Loose,
    #[serde(default)]
    pub(crate) message: Loose,
    #[serde(default)]
    pub(crate) fail: Loose,
}

/// `/tickle`.
#[derive(Deserialize)]
pub(crate) struct TickleBody {
    pub(crate) iserver: TickleServer,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TickleServer {
    pub(crate) auth_status: StatusBody,
}

/// `/trsrv/stocks`: by symbol.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StockRow {
    #[serde(default)]
    pub(crate) name: Loose,
    #[serde(default)]
    pub(crate) asset_class: Loose,
    pub(crate) contracts: Vec<StockContractRow>,
}

#[derive(Deserialize)]
pub(crate) struct StockContractRow {
    pub(crate) conid: Loose,
    #[serde(default)]
    pub(crate) exchange: Loose,
    #[serde(default, rename = "isUS")]
    pub(crate) is_us: Loose,
}

/// `/iserver/secdef/search`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FoundContractRow {
    pub(crate) conid: Loose,
    #[serde(default)]
    pub(crate) symbol: Loose,
    #[serde(default)]
    pub(crate) company_name: Loose,
    #[serde(default)]
    pub(crate) description: Loose,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) sections: Vec<SectionRow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SectionRow {
    #[serde(default)]
    pub(crate) sec_type: Loose,
}

/// `/iserver/marketdata/snapshot`. Each field has a number for a name.
#[derive(Deserialize)]
pub(crate) struct PriceRow {
    #[serde(default)]
    pub(crate) conid: Loose,
    #[serde(default, rename = "31")]
    pub(crate) last: Loose,
    #[serde(default, rename = "84")]
    pub(crate) bid: Loose,
    #[serde(default, rename = "86")]
    pub(crate) ask: Loose,
    #[serde(default, rename = "6509")]
    pub(crate) availability: Loose,
}

/// `/iserver/contract/rules`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RulesBody {
    #[serde(default)]
    pub(crate) increment: Loose,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) increment_rules: Vec<IncrementRow>,
    #[serde(default)]
    pub(crate) size_increment: Loose,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) order_types: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) tif_types: Vec<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(crate) can_trade_acct_ids: Vec<String>,
    #[serde(default)]
    pub(crate) error: Loose,
}

/// The step of prices from an edge on.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IncrementRow {
    pub(crate) lower_edge: Loose,
    pub(crate) increment: Loose,
}
