//! Amounts: decimals within bounds, never floats.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Digits before the point that an amount may have. The largest real figures (cash in yen, shares of an index
/// fund) stay below; what is longer is a mistake.
const INTEGER_DIGITS_MAX: usize = 12;
/// Digits after the point that an amount may have.
const FRACTION_DIGITS_MAX: usize = 8;

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAmount(String);

/// A positive decimal: a quantity, a price, a distance.
///
/// Written as a decimal string (`"187.50"`) everywhere, and kept without trailing zeros, so that equal amounts
/// are the same text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(Decimal);

impl Amount {
    /// Takes a decimal that must be positive and within bounds.
    pub fn new(decimal: Decimal) -> Result<Self, InvalidAmount> {
        decimal.normalize().to_string().parse()
    }

    /// The decimal.
    #[must_use]
    pub fn get(self) -> Decimal {
        self.0
    }

    /// Whether there is nothing after the point.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.0.fract().is_zero()
    }
}

impl FromStr for Amount {
    type Err = InvalidAmount;

    fn from_str(text: &str) -> Result<Self, InvalidAmount> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(InvalidAmount("must be a positive decimal string such as \"187.50\"".to_owned()));
        }
        if whole.len() > INTEGER_DIGITS_MAX || fraction.len() > FRACTION_DIGITS_MAX {
            return Err(InvalidAmount(format!(
                "must have at most {INTEGER_DIGITS_MAX} digits before the point and {FRACTION_DIGITS_MAX} after it"
            )));
        }
        let decimal = Decimal::from_str_exact(text)
            .map_err(|_| InvalidAmount("must be a decimal string such as \"187.50\"".to_owned()))?;
        if decimal <= Decimal::ZERO {
            return Err(InvalidAmount("must be greater than zero".to_owned()));
        }
        Ok(Self(decimal.normalize()))
    }
}

impl TryFrom<String> for Amount {
    type Error = InvalidAmount;

    fn try_from(text: String) -> Result<Self, InvalidAmount> {
        text.parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.0.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
