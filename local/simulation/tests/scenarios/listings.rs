//! A symbol that is listed in several places: no order goes to a listing that differs from its words.

use paper_broker::QuestionRules;
use serde_json::{Value, json};
use simulation::World;

/// What the paper broker lists of the three symbols (its README): conid, symbol, exchange, currency.
const LISTED: [(i64, &str, &str, &str); 13] = [
    (265_598, "AAPL", "NASDAQ", "USD"),
    (38_708_077, "AAPL", "MEXI", "MXN"),
    (273_982_664, "AAPL", "EBS", "CHF"),
    (532_640_894, "AAPL", "TSE", "CAD"),
    (120_000_001, "AAPL", "ASX", "AUD"),
    (8_314, "IBM", "NYSE", "USD"),
    (1_411_277, "IBM", "IBIS", "EUR"),
    (38_709_473, "IBM", "MEXI", "MXN"),
    (41_645_598, "IBM", "LSE", "USD"),
    (4_815_747, "BHP", "NYSE", "USD"),
    (4_036_812, "BHP", "ASX", "AUD"),
    (4_036_813, "BHP", "LSE", "GBP"),
    (4_036_814, "BHP", "JSE", "ZAR"),
];
const CURRENCIES: [Option<&str>; 9] =
    [None, Some("USD"), Some("EUR"), Some("GBP"), Some("AUD"), Some("CHF"), Some("MXN"), Some("usd"), Some("JPY")];
const EXCHANGES: [Option<&str>; 8] =
    [None, None, Some("NASDAQ"), Some("NYSE"), Some("ASX"), Some("MEXI"), Some("LSE"), Some("TSE")];

async fn world() -> World {
    let world = World::with_a_connected_user().await;
    world.broker().set_questions(QuestionRules::none());
    world.broker().change_options(|options| options.foreign_listings = true);
    world
}

fn contract(symbol: &str, exchange: Option<&str>, currency: Option<&str>) -> Value {
    let mut contract = json!({"symbol": symbol, "security_type": "STK"});
    for (name, word) in [("exchange", exchange), ("currency", currency)] {
        if let Some(word) = word {
            contract[name] = json!(word);
        }
    }
    contract
}

fn order(contract: &Value) -> Value {
    json!({"type": "limit", "limit_price": "40", "quantity": "1", "contract": contract})
}

#[tokio::test(start_paused = true)]
async fn a_currency_buys_its_own_listing_or_none_and_the_refusal_names_what_there_is() {
    let world = world().await;
    for (order_id, currency) in [("eur", "EUR"), ("gbp", "GBP")] {
        world.place(order_id, &order(&contract("AAPL", None, Some(currency))));
        world.settle().await;
        assert_eq!(world.status(order_id).await, "denied: contract_unknown");
        let reason = world.reason(order_id).await;
        assert!(reason.contains(currency) && reason.contains("ASX, AUD, conid 120000001"), "{reason}");
    }
    assert!(world.broker().ledger().is_empty());
    world.place("chf", &order(&contract("AAPL", None, Some("CHF"))));
    world.settle().await;
    assert_eq!(world.tickets("chf")[0].conid, 273_982_664);
    // A dollar is no exchange: IBM trades for dollars in London as well.
    world.place("usd", &order(&contract("IBM", None, Some("USD"))));
    world.settle().await;
    assert_eq!(world.status("usd").await, "denied: contract_ambiguous");
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_orders_in_words_none_goes_to_a_contract_that_differs_from_them() {
    let world = world().await;
    let mut specifications = Vec::new();
    for number in 0..100_usize {
        let (_, symbol, ..) = LISTED[(number * 7) % LISTED.len()];
        let exchange = EXCHANGES[(number * 5 + number / 8) % EXCHANGES.len()];
        let currency = CURRENCIES[(number * 4 + number / 9) % CURRENCIES.len()];
        let order_id = format!("words-{number}");
        world.place(&order_id, &order(&contract(symbol, exchange, currency)));
        specifications.push((order_id, symbol, exchange, currency));
    }
    world.deliver_all().await;
    let (mut sent, mut denied) = (0, 0);
    for (order_id, symbol, exchange, currency) in specifications {
        let says = |wanted: Option<&str>, told: &str| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(told));
        let fitting: Vec<i64> = LISTED
            .iter()
            .filter(|(_, listed, on, of)| *listed == symbol && says(exchange, on) && says(currency, of))
            .map(|(conid, ..)| *conid)
            .collect();
        let placed: Vec<i64> = world.tickets(&order_id).iter().map(|ticket| ticket.conid).collect();
        if let [only] = fitting.as_slice() {
            assert_eq!(placed, [*only], "{order_id}: {symbol} {exchange:?} {currency:?}");
            sent += 1;
        } else {
            assert!(placed.is_empty(), "{order_id}: {symbol} {exchange:?} {currency:?} went to {placed:?}");
            assert!(world.status(&order_id).await.starts_with("denied: contract_"), "{order_id}");
            denied += 1;
        }
    }
    assert!(sent >= 15 && denied >= 20, "{sent} sent, {denied} denied");
}
