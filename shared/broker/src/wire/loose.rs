//! A value where the broker is known to vary: number, text, empty text, null.

use std::borrow::Cow;

use domain::BrokerOrderId;
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A figure of this size or above is a mistake, and is not read. The largest real ones (a fund's cash in rupiah) stay below; no
/// sum of a thousand of them, and no product of one with a quantity of the contract, is too long for a decimal.
const FIGURE_END: Decimal = Decimal::from_parts(0xa4c6_8000, 0x0003_8d7e, 0, false, 0);

/// A number, a text, a boolean or null, kept as its text, so that no decimal passes through a float.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Loose(String);

/// What stands before a price (IBKR Web API, market data fields, 31).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PriceMark {
    None,
    /// `C`: the close of the day before.
    PreviousClose,
    /// `H`: trading is halted.
    Halted,
}

impl Loose {
    /// The text; nothing if it is empty or null.
    pub(crate) fn text(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }

    /// The text, taken.
    pub(crate) fn into_text(self) -> Option<String> {
        Some(self.0).filter(|text| !text.is_empty())
    }

    /// The number. Thousands commas, and a currency after a space (`1,234.50 USD`), are taken off. What is too large to be
    /// meant is none.
    pub(crate) fn decimal(&self) -> Option<Decimal> {
        let number = self.0.split_whitespace().next()?.replace(',', "");
        let figure: Decimal = number.parse().ok().or_else(|| Decimal::from_scientific(&number).ok())?;
        Some(figure).filter(|figure| figure.abs() < FIGURE_END)
    }

    /// A price of the market, and the mark before it: positive, or it is none.
    pub(crate) fn price(&self) -> Option<(Decimal, PriceMark)> {
        let (number, mark) = match self.0.as_bytes().first()? {
            b'C' => (&self.0[1..], PriceMark::PreviousClose),
            b'H' => (&self.0[1..], PriceMark::Halted),
            _ => (self.0.as_str(), PriceMark::None),
        };
        let price = Self(number.to_owned()).decimal().filter(|price| *price > Decimal::ZERO)?;
        Some((price, mark))
    }

    /// The whole number.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.0.trim().parse().ok()
    }

    /// `true` or `false`, also as text.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.0.trim().to_ascii_lowercase().parse().ok()
    }

    /// An order's number: positive, or it is none.
    pub(crate) fn order_id(&self) -> Option<BrokerOrderId> {
        BrokerOrderId::new(self.integer()?).ok()
    }
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => {
                let text: Cow<'_, str> = serde_json::from_str(text).map_err(D::Error::custom)?;
                Ok(Self(text.trim().to_owned()))
            }
            Some(b'n') => Ok(Self::default()),
            Some(b'{' | b'[') | None => Err(D::Error::custom("a list or an object where a plain value belongs")),
            Some(_) => Ok(Self(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loose(json: &str) -> Loose {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_are_read_however_they_are_written() {
        for json in ["187.50", "\"187.50\"", "\" 187.50 \"", "\"187.50 USD\"", "1.875e2"] {
            assert_eq!(loose(json).decimal().unwrap(), Decimal::new(1875, 1), "{json}");
        }
        assert_eq!(loose("\"1,234,567.00\"").decimal().unwrap(), Decimal::new(1_234_567, 0));
        assert_eq!(loose("0.1000000000000000055").decimal().unwrap().to_string(), "0.1000000000000000055");
    }

    #[test]
    fn a_figure_that_is_too_large_to_be_meant_is_none() {
        assert_eq!(FIGURE_END, Decimal::from(1_000_000_000_000_000_i64));
        assert_eq!(loose("-999999999999999.99").decimal().unwrap().to_string(), "-999999999999999.99");
        for json in [
            "1000000000000000",
            "-1e15",
            "\"79228162514264337593543950335\"",
            "79228162514264337593543950336",
            "1e400",
            "\"-1e28\"",
            "1e-400",
            "1e99999999999",
        ] {
            assert_eq!(loose(json).decimal(), None, "{json}");
        }
    }

    #[test]
    fn prices_are_positive_and_read_behind_their_prefix() {
        for (json, mark) in [
            ("187.50", PriceMark::None),
            ("\"187.50\"", PriceMark::None),
            ("\"C187.50\"", PriceMark::PreviousClose),
            ("\"H187.50\"", PriceMark::Halted),
        ] {
            assert_eq!(loose(json).price(), Some((Decimal::new(1875, 1), mark)), "{json}");
        }
        for json in ["\"\"", "\"C\"", "\"CC1\"", "\"X187.50\"", "0", "\"-1\"", "null", "\"n/a\""] {
            assert_eq!(loose(json).price(), None, "{json}");
        }
    }

    #[test]
    fn what_does_not_apply_is_nothing() {
        for json in ["\"\"", "null", "\"  \""] {
            assert_eq!((loose(json).text(), loose(json).decimal()), (None, None), "{json}");
        }
        assert!(serde_json::from_str::<Loose>("[1]").is_err());
    }

    #[test]
    fn an_order_id_that_is_not_positive_is_none() {
        assert!(loose("\"1234\"").order_id().is_some_and(|id| id.get() == 1234));
        for json in ["-1", "0", "\"-1\"", "1.5", "\"\"", "99999999999999999999"] {
            assert_eq!(loose(json).order_id(), None, "{json}");
        }
    }
}
