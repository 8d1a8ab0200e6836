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
            return Err(InvalidAmount(format!(
                "must be a positive decimal string such as \"187.50\"{}",
                odd_form(text)
            )));
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

/// How people and other programs write a figure that is no amount here; empty where there is nothing to tell.
fn odd_form(text: &str) -> &'static str {
    let has = |letters: &[char]| text.contains(letters);
    let number = text.trim();
    let digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let sides = |part: char| number.split_once(part).map(|(left, right)| (left.chars().last(), right.chars().next()));
    if number.is_empty() {
        "; it is empty"
    } else if has(&['/', '½', '¼', '¾', '⅛', '⅜', '⅝', '⅞']) {
        "; it is a fraction, as bonds are quoted: write 101 16/32 as \"101.5\""
    } else if has(&['\'', '’']) && !has(&['.'])
        || number.len() > 1 && sides('-').is_some_and(|(left, right)| digit(left) && digit(right))
    {
        "; it is written as prices in 32nds or with marks between thousands: write 101-16 as \"101.5\", and 1'000 as \"1000\""
    } else if has(&[':']) {
        "; it is written as a time of day"
    } else if has(&[',']) && has(&['.']) {
        "; it has marks between thousands, which are left out: \"1000.50\""
    } else if has(&[',']) {
        "; it has a comma: write a point before the fraction, and nothing between thousands"
    } else if has(&['$', '€', '£', '¥', '%']) {
        "; it has a sign of a currency or a per cent sign, which is left out"
    } else if number.starts_with(['-', '−', '(']) {
        "; it is negative"
    } else if number.starts_with('+') {
        "; it has a sign, which is left out"
    } else if number.len() < text.len() || has(&['_']) || text.contains(char::is_whitespace) {
        "; it has spaces or `_` in it, which are left out"
    } else if number.starts_with('.') || number.ends_with('.') {
        "; a digit stands on both sides of the point"
    } else if number.parse::<f64>().is_ok_and(f64::is_finite) {
        "; it is written with an exponent"
    } else if text.chars().any(|letter| letter.is_numeric() && !letter.is_ascii()) {
        "; its digits are other ones than 0 to 9"
    } else if text.chars().any(|letter| letter.is_ascii_digit()) {
        "; it has letters in it"
    } else {
        ""
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_in_another_form_is_refused_with_its_cause() {
        for (text, cause) in [
            ("187,50", "comma"),
            ("1,000", "comma"),
            ("1,000.50", "thousands"),
            ("1.000,50", "thousands"),
            ("101 16/32", "fraction"),
            ("101½", "fraction"),
            ("101-16", "32nds"),
            ("101'16", "32nds"),
            ("1'000", "thousands"),
            ("09:30", "time of day"),
            ("$187.50", "currency"),
            ("10%", "per cent"),
            ("-3", "negative"),
            ("−3", "negative"),
            ("(3)", "negative"),
            ("+3", "sign"),
            (" 3", "spaces"),
            ("3\n", "spaces"),
            ("1 000", "spaces"),
            ("1\u{a0}000", "spaces"),
            ("1_000", "spaces"),
            (".5", "both sides"),
            ("5.", "both sides"),
            ("1e3", "exponent"),
            ("１８７", "0 to 9"),
            ("187.50USD", "letters"),
            ("0x1f", "letters"),
            ("", "empty"),
        ] {
            let error = text.parse::<Amount>().unwrap_err().to_string();
            assert!(error.starts_with("must be a positive decimal string such as \"187.50\"; "), "{text:?}: {error}");
            assert!(error.contains(cause), "{text:?}: {error}");
        }
        for text in ["ten", "NaN", "inf", "MKT"] {
            let error = text.parse::<Amount>().unwrap_err().to_string();
            assert_eq!(error, "must be a positive decimal string such as \"187.50\"", "{text}");
        }
    }
}
