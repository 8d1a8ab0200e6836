//! Amounts: decimals greater than zero, never floats.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const INTEGER_DIGITS_MAX: usize = 12;
const FRACTION_DIGITS_MAX: usize = 8;

/// A quantity, a price, a distance: a decimal greater than zero, with at most 12 digits before the point and 8 after it.
///
/// ```
/// use courier_client::Amount;
/// let price: Amount = "187.50".parse()?;
/// assert_eq!(price.to_string(), "187.5");
/// assert!("-1".parse::<Amount>().is_err());
/// # Ok::<(), courier_client::InvalidMessage>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Amount(Decimal);

impl Amount {
    /// The decimal.
    #[must_use]
    pub fn get(self) -> Decimal {
        self.0
    }
}

impl FromStr for Amount {
    type Err = crate::InvalidMessage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most: usize| {
            (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let written = digits(whole, INTEGER_DIGITS_MAX) && digits(fraction, FRACTION_DIGITS_MAX);
        let decimal = Decimal::from_str_exact(text).ok().filter(|decimal| written && *decimal > Decimal::ZERO);
        decimal.map(|decimal| Self(decimal.normalize())).ok_or_else(|| {
            let message = format!(
                "must be a decimal greater than zero such as \"187.50\", with at most {INTEGER_DIGITS_MAX} digits \
                 before the point and {FRACTION_DIGITS_MAX} after it, not {text:?}"
            );
            crate::InvalidMessage::one("", message)
        })
    }
}

impl TryFrom<String> for Amount {
    type Error = crate::InvalidMessage;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = crate::InvalidMessage;

    fn try_from(decimal: Decimal) -> Result<Self, Self::Error> {
        decimal.normalize().to_string().parse()
    }
}

impl From<Amount> for String {
    fn from(amount: Amount) -> Self {
        amount.to_string()
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
