//! The broker's regions, which differ in the time of its daily reset.

use std::fmt;
use std::str::FromStr;

/// Where the nearest connection of the broker is (IBKR Web API, sessions, lifetimes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Region {
    /// New York and Chicago.
    Americas,
    /// Zug.
    Europe,
    /// Hong Kong.
    Asia,
    /// A broker without resets, such as one to develop against.
    None,
}

impl Region {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Americas => "americas",
            Self::Europe => "europe",
            Self::Asia => "asia",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Americas, Self::Europe, Self::Asia, Self::None]
            .into_iter()
            .find(|region| region.as_str() == text)
            .ok_or_else(|| format!("must be americas, europe, asia or none, not {text:?}"))
    }
}
