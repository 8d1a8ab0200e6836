//! What algorithms ask for: every kind of order, near the price at which its contract stands.

use serde_json::{Value, json};

use super::dice::Dice;

/// Contracts that the paper broker knows, with their price in cents: see its README.
pub(crate) const CONTRACTS: [Contract; 5] = [
    Contract { conid: 265_598, symbol: "AAPL", exchange: "NASDAQ", cents: 18_750 },
    Contract { conid: 272_093, symbol: "MSFT", exchange: "NASDAQ", cents: 42_000 },
    Contract { conid: 756_733, symbol: "SPY", exchange: "ARCA", cents: 60_000 },
    Contract { conid: 8_314, symbol: "IBM", exchange: "NYSE", cents: 22_000 },
    Contract { conid: 4_815_747, symbol: "BHP", exchange: "NYSE", cents: 5_000 },
];
/// A contract without market data.
pub(crate) const DARK: Contract = Contract { conid: 9_998, symbol: "DARK", exchange: "NYSE", cents: 1_000 };
/// A contract that the broker lets nobody trade.
pub(crate) const FORBIDDEN: Contract = Contract { conid: 9_999, symbol: "NOPE", exchange: "NYSE", cents: 1_000 };

/// A contract at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contract {
    pub(crate) conid: i64,
    pub(crate) symbol: &'static str,
    pub(crate) exchange: &'static str,
    pub(crate) cents: i64,
}

/// Every kind of order, and how often each comes.
pub(crate) const KINDS: [(u64, Kind); 10] = [
    (16, Kind::Market),
    (26, Kind::Limit),
    (8, Kind::Stop),
    (8, Kind::StopLimit),
    (8, Kind::TrailingStop),
    (6, Kind::TrailingStopLimit),
    (6, Kind::Midprice),
    (6, Kind::CashQuantity),
    (10, Kind::Bracket),
    (6, Kind::HalfBracket),
];

/// A kind of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Market,
    Limit,
    Stop,
    StopLimit,
    TrailingStop,
    TrailingStopLimit,
    Midprice,
    CashQuantity,
    /// With both exits.
    Bracket,
    /// With one exit.
    HalfBracket,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Market => "market",
            Self::Limit => "limit",
            Self::Stop => "stop",
            Self::StopLimit => "stop_limit",
            Self::TrailingStop => "trailing_stop",
            Self::TrailingStopLimit => "trailing_stop_limit",
            Self::Midprice => "midprice",
            Self::CashQuantity => "cash_quantity",
            Self::Bracket => "bracket",
            Self::HalfBracket => "half_bracket",
        }
    }

    /// The ticket's fields of a message, contract apart.
    pub(crate) fn fields(self, dice: &mut Dice, contract: &Contract) -> Value {
        let buys = dice.per_mille(600);
        let price = Prices { cents: contract.cents, towards: if buys { 1 } else { -1 } };
        let mut fields = self.prices(dice, &price);
        fields["side"] = json!(if buys { "buy" } else { "sell" });
        if self == Self::CashQuantity {
            fields["cash_quantity"] = json!(dice.between(1_000, 9_000).to_string());
        } else {
            // A hundred times more than most, now and then: the broker asks whether that was meant.
            let quantity = if dice.per_mille(30) { 600 } else { dice.between(1, 40) };
            fields["quantity"] = json!(quantity.to_string());
        }
        let tif = if self == Self::Limit {
            dice.weigh(&[(70, "day"), (20, "gtc"), (8, "ioc"), (2, "opg")])
        } else {
            dice.weigh(&[(80, "day"), (20, "gtc")])
        };
        fields["time_in_force"] = json!(tif);
        if self == Self::Limit && tif != "opg" && dice.per_mille(100) {
            fields["outside_regular_hours"] = json!(true);
        }
        fields
    }

    fn prices(self, dice: &mut Dice, price: &Prices) -> Value {
        match self {
            Self::Market | Self::CashQuantity => json!({"type": "market"}),
            Self::Limit => {
                // Five per cent off is more than the broker takes without asking.
                let off = if dice.per_mille(40) { -50 } else { dice.between(-25, 12) };
                json!({"type": "limit", "limit_price": price.at(off)})
            }
            Self::Stop => json!({"type": "stop", "stop_price": price.at(dice.between(3, 20))}),
            Self::StopLimit => {
                let stop = dice.between(3, 15);
                json!({"type": "stop_limit", "stop_price": price.at(stop), "limit_price": price.at(stop + 6)})
            }
            Self::TrailingStop if dice.per_mille(500) => json!({"type": "trailing_stop", "trail": {"percent": "1.5"}}),
            Self::TrailingStop => {
                let trail = json!({"amount": price.share(12)});
                json!({"type": "trailing_stop", "trail": trail, "stop_price": price.at(12)})
            }
            Self::TrailingStopLimit => {
                let trail = json!({"amount": price.share(12)});
                json!({"type": "trailing_stop_limit", "trail": trail, "stop_price": price.at(12),
                       "limit_price": price.at(16)})
            }
            Self::Midprice if dice.per_mille(300) => json!({"type": "midprice"}),
            Self::Midprice => json!({"type": "midprice", "limit_price": price.at(dice.between(-20, 10))}),
            Self::Bracket => {
                let stop = if dice.per_mille(400) {
                    json!({"stop_price": price.at(-25), "limit_price": price.at(-28)})
                } else {
                    json!({"stop_price": price.at(-25)})
                };
                let exits = json!({"take_profit": {"limit_price": price.at(22)}, "stop_loss": stop});
                json!({"type": "limit", "limit_price": price.at(dice.between(-10, 8)), "attached": exits})
            }
            Self::HalfBracket => {
                let exit = dice.pick(&[
                    json!({"take_profit": {"limit_price": price.at(22)}}),
                    json!({"stop_loss": {"stop_price": price.at(-25)}}),
                ]);
                json!({"type": "limit", "limit_price": price.at(dice.between(-10, 8)), "attached": exit})
            }
        }
    }
}

/// Prices around the one at which a contract stands.
struct Prices {
    cents: i64,
    /// 1 for a buyer, -1 for a seller.
    towards: i64,
}

impl Prices {
    /// So many thousandths worse for whoever trades (better with a negative number).
    fn at(&self, thousandths: i64) -> String {
        text(self.cents + self.cents * thousandths * self.towards / 1000)
    }

    /// So many thousandths of it.
    fn share(&self, thousandths: i64) -> String {
        text(self.cents * thousandths / 1000)
    }
}

/// Cents as an amount.
pub(crate) fn text(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
