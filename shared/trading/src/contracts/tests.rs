use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const EXCHANGES: [&str; 6] = ["NASDAQ", "MEXI", "EBS", "TSE", "ASX", "LSE"];
const CURRENCIES: [&str; 7] = ["USD", "MXN", "CHF", "CAD", "AUD", "GBP", "EUR"];

fn stock(conid: u64, exchange: Option<&str>, is_us: Option<bool>) -> Stock {
    Stock {
        conid: conid.try_into().unwrap(),
        symbol: "AAPL".to_owned(),
        name: None,
        asset_class: Some("STK".to_owned()),
        exchange: exchange.map(str::to_owned),
        is_us,
    }
}

fn words(exchange: Option<&str>, currency: Option<&str>) -> SymbolContract {
    SymbolContract {
        symbol: "AAPL".to_owned(),
        exchange: exchange.map(str::to_owned),
        currency: currency.map(str::to_owned),
        security_type: None,
    }
}

/// As the broker lists them: one company, one symbol.
fn listings() -> (Vec<Stock>, Currencies) {
    let listed = [
        (265_598, "NASDAQ", "USD"),
        (38_708_077, "MEXI", "MXN"),
        (273_982_664, "EBS", "CHF"),
        (532_640_894, "TSE", "CAD"),
        (4_036_812, "ASX", "AUD"),
    ];
    let stocks = listed.iter().map(|(conid, exchange, _)| stock(*conid, Some(exchange), Some(*exchange == "NASDAQ")));
    let currencies = listed.iter().map(|(conid, _, currency)| ((*conid).try_into().unwrap(), (*currency).to_owned()));
    (stocks.collect(), currencies.collect())
}

#[test]
fn a_currency_that_no_listing_has_is_no_match_and_the_candidates_are_named() {
    let (stocks, currencies) = listings();
    for currency in ["GBP", "EUR"] {
        let reason = the_only_one(&words(None, Some(currency)), &stocks, &currencies).unwrap_err();
        assert_eq!(reason.code, "contract_unknown");
        let named = [currency, "NASDAQ, USD, conid 265598", "ASX, AUD, conid 4036812"];
        assert!(named.iter().all(|name| reason.message.contains(name)), "{}", reason.message);
    }
    let found = the_only_one(&words(None, Some("chf")), &stocks, &currencies).unwrap();
    assert_eq!(u64::from(found), 273_982_664);
    let ambiguous = the_only_one(&words(None, None), &stocks, &currencies).unwrap_err();
    assert_eq!(ambiguous.code, "contract_ambiguous");
}

#[test]
fn a_symbol_in_small_letters_is_told_how_symbols_are_written() {
    let told = |symbol: &str| {
        let words = SymbolContract { symbol: symbol.to_owned(), ..words(None, None) };
        the_only_one(&words, &[], &Currencies::new()).unwrap_err().message
    };
    assert_eq!(
        told("aapl"),
        "The broker knows no stock aapl. Symbols are written in capitals: AAPL? Check how IBKR writes it: GET /contracts?symbol=AAPL lists what it has under a symbol."
    );
    assert_eq!(
        told("AAPLX"),
        "The broker knows no stock AAPLX. Check how IBKR writes it: GET /contracts?symbol=AAPL lists what it has under a symbol."
    );
}

#[test]
fn a_word_that_the_answer_does_not_confirm_is_no_match_though_only_one_is_left() {
    let only = [stock(1, None, Some(true))];
    for words in [words(Some("NASDAQ"), None), words(None, Some("USD"))] {
        assert_eq!(the_only_one(&words, &only, &Currencies::new()).unwrap_err().code, "contract_unknown");
    }
    let mut kind = words(None, None);
    kind.security_type = Some("stock".to_owned());
    assert!(the_only_one(&kind, &only, &Currencies::new()).is_ok());
    let unsaid = [Stock { asset_class: None, ..only[0].clone() }];
    assert!(the_only_one(&kind, &unsaid, &Currencies::new()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn of_any_listings_no_contract_is_taken_that_differs_from_the_words(
        listed in proptest::collection::vec(
            (1_u64..8, proptest::option::of(select(EXCHANGES.to_vec())), proptest::option::of(select(CURRENCIES.to_vec()))),
            0..6,
        ),
        exchange in proptest::option::of(select(EXCHANGES.to_vec())),
        currency in proptest::option::of(select(CURRENCIES.to_vec())),
    ) {
        let stocks: Vec<Stock> = listed.iter().map(|(conid, exchange, _)| stock(*conid, *exchange, None)).collect();
        let told = listed.iter().filter_map(|(conid, _, currency)| Some(((*conid).try_into().unwrap(), (*currency)?.to_owned())));
        let currencies: Currencies = told.collect();
        let words = words(exchange, currency);
        if let Ok(conid) = the_only_one(&words, &stocks, &currencies) {
            let taken: Vec<&Stock> = stocks.iter().filter(|stock| stock.conid == conid).collect();
            prop_assert!(exchange.is_none_or(|wanted| taken.iter().any(|stock| stock.exchange.as_deref() == Some(wanted))));
            prop_assert!(currency.is_none_or(|wanted| currencies.get(&conid).is_some_and(|told| told == wanted)));
            let others = stocks.iter().filter(|stock| stock.conid != conid);
            prop_assert!(others.into_iter().all(|other| !fits(&words, other, &currencies)));
        }
    }
}
