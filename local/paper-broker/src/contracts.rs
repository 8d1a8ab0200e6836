//! A small table of contracts with prices that tests set (section 6 of the facts).

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::call::Call;
use crate::oauth::Caller;
use crate::options::{Quotes, Spelling};
use crate::state::Desk;

/// One row of the table. Prices move in steps of 0.01 everywhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contract {
    pub(crate) conid: i64,
    pub(crate) symbol: &'static str,
    name: &'static str,
    exchange: &'static str,
    is_us: bool,
    currency: &'static str,
    security_type: &'static str,
    /// How many units of its price one contract is worth; stocks have none.
    multiplier: Option<&'static str>,
    /// In cents, at the start; nothing: there are no market data.
    start_cents: Option<i64>,
    /// Shown only where symbols are also listed outside the United States.
    only_among_foreign: bool,
}

const fn stock(
    conid: i64,
    symbol: &'static str,
    name: &'static str,
    exchange: &'static str,
    start_cents: Option<i64>,
) -> Contract {
    let (currency, security_type) = ("USD", "STK");
    let (is_us, multiplier, only_among_foreign) = (true, None, false);
    Contract {
        conid,
        symbol,
        name,
        exchange,
        is_us,
        currency,
        security_type,
        multiplier,
        start_cents,
        only_among_foreign,
    }
}

const fn foreign(stock: Contract, conid: i64, exchange: &'static str, currency: &'static str) -> Contract {
    Contract { conid, exchange, currency, is_us: false, only_among_foreign: true, ..stock }
}

const APPLE: Contract = stock(265_598, "AAPL", "APPLE INC", "NASDAQ", Some(18_750));
const IBM: Contract = stock(8_314, "IBM", "INTL BUSINESS MACHINES CORP", "NYSE", Some(22_000));
const BHP: Contract = stock(4_815_747, "BHP", "BHP GROUP LTD-SPON ADR", "NYSE", Some(5_000));

const fn derivative(stock: Contract, security_type: &'static str, multiplier: Option<&'static str>) -> Contract {
    Contract { security_type, multiplier, ..stock }
}

/// BHP has two listings; DARK has no market data; NOPE may not be traded. Of ODD the broker does not tell the multiplier.
const CONTRACTS: [Contract; 20] = [
    APPLE,
    stock(272_093, "MSFT", "MICROSOFT CORP", "NASDAQ", Some(42_000)),
    stock(756_733, "SPY", "SPDR S&P 500 ETF TRUST", "ARCA", Some(60_000)),
    IBM,
    BHP,
    Contract { is_us: false, currency: "AUD", ..stock(4_036_812, "BHP", "BHP GROUP LTD", "ASX", Some(4_100)) },
    stock(9_998, "DARK", "DARK HOLDINGS", "NYSE", None),
    stock(9_999, "NOPE", "NO PERMISSION INC", "NYSE", Some(1_000)),
    derivative(stock(649_180_695, "MES", "MICRO E-MINI S&P 500", "CME", Some(600_000)), "FUT", Some("5")),
    derivative(stock(712_345_678, "AAPL", "APPLE INC", "CBOE", Some(500)), "OPT", Some("100")),
    derivative(stock(9_997, "ODD", "ODD FUTURE", "CME", Some(10_000)), "FUT", None),
    foreign(APPLE, 38_708_077, "MEXI", "MXN"),
    foreign(APPLE, 273_982_664, "EBS", "CHF"),
    foreign(APPLE, 532_640_894, "TSE", "CAD"),
    foreign(APPLE, 120_000_001, "ASX", "AUD"),
    foreign(IBM, 1_411_277, "IBIS", "EUR"),
    foreign(IBM, 38_709_473, "MEXI", "MXN"),
    foreign(IBM, 41_645_598, "LSE", "USD"),
    foreign(BHP, 4_036_813, "LSE", "GBP"),
    foreign(BHP, 4_036_814, "JSE", "ZAR"),
];

/// Decimal places of a price.
pub(crate) const PRICE_DECIMALS: u32 = 2;

/// Prices and refusals by contract.
pub(crate) struct Market {
    pub(crate) prices: BTreeMap<i64, Decimal>,
    /// Orders for these are refused with this text.
    pub(crate) refusals: BTreeMap<i64, String>,
}

impl Default for Market {
    fn default() -> Self {
        let prices =
            CONTRACTS.iter().filter_map(|row| Some((row.conid, Decimal::new(row.start_cents?, PRICE_DECIMALS))));
        Self { prices: prices.collect(), refusals: BTreeMap::from([(9_999, "No trading permissions.".to_owned())]) }
    }
}

impl Market {
    pub(crate) fn contract(conid: i64) -> Option<&'static Contract> {
        CONTRACTS.iter().find(|row| row.conid == conid)
    }

    /// How many units of its price one contract is worth.
    pub(crate) fn multiplier(conid: i64) -> Decimal {
        Self::contract(conid).and_then(|row| row.multiplier?.parse().ok()).unwrap_or(Decimal::ONE)
    }

    /// Such as `STK`.
    pub(crate) fn security_type(conid: i64) -> &'static str {
        Self::contract(conid).map_or("STK", |row| row.security_type)
    }

    pub(crate) fn symbol(conid: i64) -> &'static str {
        Self::contract(conid).map_or("", |row| row.symbol)
    }

    pub(crate) fn price(&self, conid: i64) -> Option<Decimal> {
        self.prices.get(&conid).copied()
    }
}

/// `GET /trsrv/stocks?symbols=…`.
pub(crate) fn stocks(desk: &Desk<'_>, call: &Call) -> Answer {
    let query = call.query_values();
    let Some(symbols) = query.get("symbols").filter(|symbols| !symbols.is_empty()) else {
        return Answer::error(400, "Bad Request: symbols is missing");
    };
    let foreign = desk.state.options.foreign_listings;
    let rows = |symbol: &str| (symbol.to_owned(), stock_rows(symbol, foreign));
    let body: Map<String, Value> = symbols.split(',').map(rows).collect();
    Answer::json(&Value::Object(body))
}

fn stock_rows(symbol: &str, foreign: bool) -> Value {
    let rows = CONTRACTS
        .iter()
        .filter(|row| row.symbol == symbol && row.security_type == "STK" && (foreign || !row.only_among_foreign));
    rows.map(|row| {
        json!({"name": row.name, "chineseName": null, "assetClass": "STK",
               "contracts": [{"conid": row.conid, "exchange": row.exchange, "isUS": row.is_us}]})
    })
    .collect()
}

/// `GET|POST /iserver/secdef/search`.
pub(crate) fn search(desk: &Desk<'_>, call: &Call) -> Answer {
    let foreign = desk.state.options.foreign_listings;
    let (query, body) = (call.query_values(), call.json_value());
    let symbol = query.get("symbol").map(String::as_str).or_else(|| body.get("symbol")?.as_str());
    let Some(symbol) = symbol else {
        return Answer::error(400, "Bad Request: symbol is missing");
    };
    let rows: Vec<Value> = CONTRACTS
        .iter()
        .filter(|row| row.symbol.eq_ignore_ascii_case(symbol) && (foreign || !row.only_among_foreign))
        .map(|row| {
            json!({"conid": row.conid.to_string(), "companyHeader": format!("{} - {}", row.name, row.exchange), "companyName": row.name,
                   "symbol": row.symbol, "description": row.exchange, "restricted": null, "sections": [{"secType": row.security_type}]})
        })
        .collect();
    Answer::json(&Value::Array(rows))
}

/// `GET /iserver/secdef/info?conid=…`.
pub(crate) fn info(call: &Call) -> Answer {
    let conid = call.query_values().get("conid").and_then(|conid| conid.parse().ok());
    let Some(row) = conid.and_then(Market::contract) else {
        return Answer::error(500, "Contract not found");
    };
    Answer::json(&json!([{
        "conid": row.conid, "ticker": row.symbol, "secType": row.security_type, "listingExchange": row.exchange, "exchange": "SMART",
        "companyName": row.name, "currency": row.currency, "validExchanges": format!("SMART,{}", row.exchange), "multiplier": row.multiplier,
        "maturityDate": null, "tradingClass": row.symbol,
    }]))
}

/// `GET /trsrv/secdef?conids=…`.
pub(crate) fn definitions(call: &Call) -> Answer {
    let query = call.query_values();
    let Some(conids) = query.get("conids").filter(|conids| !conids.is_empty()) else {
        return Answer::error(400, "Bad Request: conids is missing");
    };
    let rows: Vec<Value> = conids
        .split(',')
        .filter_map(|conid| Market::contract(conid.parse().ok()?))
        .map(|row| {
            json!({"conid": row.conid, "currency": row.currency, "name": row.name, "assetClass": row.security_type,
                   "ticker": row.symbol, "listingExchange": row.exchange, "allExchanges": row.exchange, "isUS": row.is_us,
                   "multiplier": row.multiplier.map_or(json!(0.0), |multiplier| json!(multiplier.parse::<f64>().unwrap_or(0.0)))})
        })
        .collect();
    Answer::json(&json!({"secdef": rows}))
}

/// `POST /iserver/contract/rules`.
pub(crate) fn rules(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let Some(conid) = call.json_value().get("conid").and_then(Value::as_i64) else {
        return Answer::error(400, "Bad Request: conid is missing");
    };
    if Market::contract(conid).is_none() {
        return Answer::error(500, "Contract not found");
    }
    Answer::json(&rules_value(&desk.accounts(caller), desk.state.options.spelling))
}

/// `GET /iserver/contract/{conid}/info-and-rules`.
pub(crate) fn info_and_rules(desk: &mut Desk<'_>, caller: &Caller, conid: &str) -> Answer {
    let Some(row) = conid.parse().ok().and_then(Market::contract) else {
        return Answer::error(500, "Contract not found");
    };
    Answer::json(&json!({
        "con_id": row.conid, "symbol": row.symbol, "company_name": row.name, "exchange": row.exchange, "currency": row.currency,
        "instrument_type": row.security_type, "multiplier": row.multiplier, "valid_exchanges": format!("SMART,{}", row.exchange), "allow_sell_long": false,
        "is_zero_commission_security": false, "local_symbol": row.symbol, "rules": rules_value(&desk.accounts(caller), desk.state.options.spelling),
    }))
}

fn rules_value(accounts: &[String], spelling: Spelling) -> Value {
    let mut rules = json!({
        "algoEligible": true, "overnightEligible": false, "costReport": false, "canTradeAcctIds": accounts, "error": null,
        "orderTypes": ["limit", "midprice", "market", "stop", "stop_limit", "trailing_stop", "trailing_stop_limit"],
        "orderTypesOutside": ["limit", "stop_limit", "trailing_stop_limit"], "ibAlgoTypes": ["limit", "stop_limit"],
        "fraqTypes": [], "cqtTypes": ["limit", "market"], "forceOrderPreview": false, "defaultSize": 100, "fraqInt": 0, "sizeIncrement": 1,
        "tifTypes": ["IOC/MARKET,LIMIT,o,a", "GTC/o,a", "OPG/LIMIT,MARKET,a", "GTD/o,a", "DAY/o,a"],
        "increment": 0.01, "incrementDigits": PRICE_DECIMALS, "incrementType": 0, "incrementRules": [{"lowerEdge": 0, "increment": 0.01}],
    });
    if let (Spelling::Recorded, Some(fields)) = (spelling, rules.as_object_mut()) {
        fields.remove("incrementRules");
        fields.remove("tifTypes");
    }
    rules
}

/// `GET /iserver/marketdata/snapshot?conids=…&fields=…`: the first call for a contract only subscribes.
pub(crate) fn snapshot(desk: &mut Desk<'_>, caller: &Caller, call: &Call) -> Answer {
    let query = call.query_values();
    let conids: BTreeSet<i64> = query
        .get("conids")
        .into_iter()
        .flat_map(|list| list.split(','))
        .filter_map(|conid| conid.parse().ok())
        .collect();
    if conids.is_empty() {
        return Answer::error(400, "Bad Request: conids is missing");
    }
    let fields: Vec<&str> = query.get("fields").map(|fields| fields.split(',').collect()).unwrap_or_default();
    let rows = conids.into_iter().map(|conid| snapshot_row(desk, caller, conid, &fields)).collect();
    Answer::json(&Value::Array(rows))
}

fn snapshot_row(desk: &mut Desk<'_>, caller: &Caller, conid: i64, fields: &[&str]) -> Value {
    let (now, price) = (desk.now.as_millisecond(), desk.state.market.price(conid));
    let (quotes, spelling) = (desk.state.options.quotes, desk.state.options.spelling);
    let mut row = json!({"conid": conid, "conidEx": conid.to_string()});
    if Market::contract(conid).is_none() {
        return row;
    }
    let known = desk.session(caller).is_some_and(|session| !session.snapshots.insert(conid));
    let Some(price) = price.filter(|_| known) else {
        return row;
    };
    let tick = Decimal::new(1, PRICE_DECIMALS);
    let two_sided = !matches!(quotes, Quotes::PreviousClose | Quotes::Halted | Quotes::NotSubscribed);
    for field in fields {
        let text = match *field {
            "31" if quotes == Quotes::NotSubscribed => continue,
            "31" => format!("{}{price}", price_prefix(quotes)),
            "84" if two_sided => (price - tick).to_string(),
            "86" if two_sided => (price + tick).to_string(),
            "55" => Market::symbol(conid).to_owned(),
            "6509" => availability(quotes, spelling).to_owned(),
            _ => continue,
        };
        row[*field] = json!(text);
    }
    row["_updated"] = json!(now);
    row["server_id"] = json!("q0");
    row
}

fn price_prefix(quotes: Quotes) -> &'static str {
    match quotes {
        Quotes::PreviousClose => "C",
        Quotes::Halted => "H",
        _ => "",
    }
}

/// Field 6509. The recorded answer has an older edition's letter for what streams.
fn availability(quotes: Quotes, spelling: Spelling) -> &'static str {
    match (quotes, spelling) {
        (Quotes::Delayed, _) => "DPB",
        (Quotes::Frozen, _) => "ZB",
        (Quotes::NotSubscribed, _) => "N",
        (_, Spelling::Recorded) => "S",
        (_, Spelling::Described) => "RpB",
    }
}
