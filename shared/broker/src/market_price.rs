//! The market's price of a contract, and whether it is a price of now.
//!
//! What the broker shows may be the close of the day before, the price at which trading was halted, or one of minutes ago,
//! and looks like any other number. Nothing that needs the market's price may take one of those for it.

use std::fmt;

use domain::Conid;
use rust_decimal::Decimal;

use crate::api::Question;
use crate::error::CallError;
use crate::meaning::read;
use crate::session::Session;
use crate::session_looks::conid;
use crate::wire::loose::{Loose, PriceMark};
use crate::wire::rows::PriceRow;

/// Last price, bid, ask, availability (IBKR Web API, market data fields).
const PRICE_FIELDS: &str = "31,84,86,6509";

/// What the broker shows of a contract's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarketPrice {
    /// A price of now: the last one, else the middle between bid and ask.
    Now(Decimal),
    /// A price of which the broker has not said (yet) whether it is of now.
    AgeNotTold(Decimal),
    /// Not a price of now.
    NotOfNow(NotOfNow),
    /// None (yet): the first call for a contract only subscribes.
    None,
}

/// What the broker shows in place of a price of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOfNow {
    /// The price that it shows, if any.
    pub price: Option<Decimal>,
    /// What that is.
    pub kind: Staleness,
}

/// Why a price is not of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// It is the close of the day before.
    PreviousClose,
    /// Trading is halted.
    Halted,
    /// It is some minutes old.
    Delayed,
    /// It is the last one of a market that is closed.
    Frozen,
    /// The username is not subscribed to this market's data, or the broker does not say what it shows.
    NotSubscribed,
}

impl fmt::Display for NotOfNow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(price) = self.price {
            write!(formatter, "{} is ", price.normalize())?;
        }
        formatter.write_str(match self.kind {
            Staleness::PreviousClose => "the close of the day before",
            Staleness::Halted => "the price at which trading was halted",
            Staleness::Delayed => "a delayed price",
            Staleness::Frozen => "the last price of a market that is closed",
            Staleness::NotSubscribed => "no price of a market whose data this username is subscribed to",
        })
    }
}

impl Session {
    /// The market's price of a contract. At most 10 times a second.
    pub async fn market_price(&self, conid: Conid) -> Result<MarketPrice, CallError> {
        let question = Question::get("/iserver/marketdata/snapshot")
            .query("conids", u64::from(conid).to_string())
            .query("fields", PRICE_FIELDS);
        let response = self.call(question).await?;
        let rows: Vec<PriceRow> = read(&response)?;
        let row = rows.iter().find(|row| self::conid(&row.conid) == Some(conid));
        Ok(row.map_or(MarketPrice::None, market_price))
    }
}

fn market_price(row: &PriceRow) -> MarketPrice {
    let middle = || row.bid.price()?.0.checked_add(row.ask.price()?.0)?.checked_div(Decimal::TWO);
    let (price, mark) = match row.last.price() {
        Some((price, PriceMark::None)) => (Some(price), PriceMark::None),
        // Before the first trade of a day its bid and ask are of now already.
        Some((close, PriceMark::PreviousClose)) => {
            middle().map_or((Some(close), PriceMark::PreviousClose), |middle| (Some(middle), PriceMark::None))
        }
        Some((price, PriceMark::Halted)) => (Some(price), PriceMark::Halted),
        None => (middle(), PriceMark::None),
    };
    let instead = |kind| MarketPrice::NotOfNow(NotOfNow { price, kind });
    match (mark, availability(&row.availability)) {
        (PriceMark::Halted, _) => instead(Staleness::Halted),
        (_, Availability::Not(kind)) => instead(kind),
        (PriceMark::PreviousClose, _) => instead(Staleness::PreviousClose),
        (PriceMark::None, Availability::Now) => price.map_or(MarketPrice::None, MarketPrice::Now),
        (PriceMark::None, Availability::NotTold) => price.map_or(MarketPrice::None, MarketPrice::AgeNotTold),
    }
}

enum Availability {
    Now,
    Not(Staleness),
    NotTold,
}

/// By the first letter (IBKR Web API, market data fields, 6509). `S`, streaming, is of an older edition and still recorded;
/// `v` is a market that is exempt from a rule of display. A letter that nobody described is not taken for now.
fn availability(field: &Loose) -> Availability {
    match field.text().and_then(|text| text.chars().next()) {
        None => Availability::NotTold,
        Some('R' | 'S' | 'v') => Availability::Now,
        Some('D') => Availability::Not(Staleness::Delayed),
        Some('Z' | 'Y') => Availability::Not(Staleness::Frozen),
        Some(_) => Availability::Not(Staleness::NotSubscribed),
    }
}
