//! Identifiers. Each is a value that was checked once, where it came in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Letters before an account's number at the broker, at most.
const LIST_LETTERS_MAX: usize = 5;
/// Digits of an account's number at the broker, at least.
const LIST_DIGITS_MIN: usize = 4;
/// Characters of the mark after it, at most.
const LIST_MARK_MAX: usize = 4;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidId(pub(crate) String);

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:expr, $words:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The longest that this identifier may be, in characters.
            pub const CHARACTERS_MAX: usize = $max;

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let allowed: fn(char) -> bool = $allowed;
                if text.is_empty() || text.len() > Self::CHARACTERS_MAX || !text.chars().all(allowed) {
                    return Err(InvalidId(format!(
                        concat!("must be 1 to {} ", $words), $max
                    )));
                }
                Ok(Self(text))
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// A user of the platform: the `sub` of their JWT, and the group id of their messages.
    /// The characters are those that SQS allows in a message group id.
    UserId, 128, |c| c.is_ascii_graphic(), "visible ASCII characters, without spaces"
);
text_id!(
    /// An algorithm as the operator registered it; `self` is the user's own hand.
    AlgorithmId, 64,
    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'), "of A-Z a-z 0-9 _ - ."
);
text_id!(
    /// An order's id, chosen by its sender. With the user's id it is the order's identity, for ever.
    OrderId, 36,
    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), "of A-Z a-z 0-9 _ -"
);
text_id!(
    /// An account at the broker, such as `DU0000001`.
    AccountId, 24,
    |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'), "of A-Z a-z 0-9 _ -"
);
text_id!(
    /// One connection of a user to the broker.
    ConnectionId, 40,
    |c| c.is_ascii_alphanumeric() || c == '-', "of A-Z a-z 0-9 -"
);
text_id!(
    /// Who sent a message: the part of SQS's `SenderId` before the colon.
    PrincipalId, 128, |c| c.is_ascii_graphic() && c != ':', "visible ASCII characters, without `:`"
);

impl AlgorithmId {
    /// The algorithm id of a user's own orders (contract: Who is who).
    pub const OWN_HAND: &'static str = "self";

    /// The user's own hand.
    #[must_use]
    pub fn own_hand() -> Self {
        Self(Self::OWN_HAND.to_owned())
    }

    /// Whether this is the user's own hand rather than a registered algorithm.
    #[must_use]
    pub fn is_own_hand(&self) -> bool {
        self.0 == Self::OWN_HAND
    }
}

impl AccountId {
    /// An entry of one of the broker's lists of accounts, if it is an account by its form: capital letters, four digits or
    /// more, and perhaps a mark of a part of it (`U1234567`, `DU1234567`, `DUM123456`, `F1234567`, `U1234567-P`).
    ///
    /// An advisor's list also holds `All` and the names of groups (IBKR Web API, accounts), which are nobody's account.
    #[must_use]
    pub fn of_list(entry: &str) -> Option<Self> {
        let letters = entry.bytes().take_while(u8::is_ascii_uppercase).count();
        let digits = entry.bytes().skip(letters).take_while(u8::is_ascii_digit).count();
        let mark = entry.get(letters.saturating_add(digits)..)?;
        let is_account = (1..=LIST_LETTERS_MAX).contains(&letters)
            && digits >= LIST_DIGITS_MIN
            && mark.len() <= LIST_MARK_MAX
            && mark.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
        if is_account { entry.parse().ok() } else { None }
    }
}

impl PrincipalId {
    /// Reads the principal out of SQS's `SenderId` attribute (`AROA…:session-name`, or an account's number).
    pub fn from_sender_id(sender_id: &str) -> Result<Self, InvalidId> {
        sender_id.split(':').next().unwrap_or_default().parse()
    }
}

/// An order of one user: its identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderKey {
    /// Whose order it is.
    pub user_id: UserId,
    /// The sender's name for it.
    pub order_id: OrderId,
}

impl fmt::Display for OrderKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.user_id, self.order_id)
    }
}

/// The client order id (`cOID`): the broker's guard against a second copy, unique there for 24 hours
/// (IBKR Web API, place order). It comes from the order's identity alone, so every try carries the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientOrderId(String);

impl ClientOrderId {
    /// Characters of a client order id. No limit is published; 32 letters and digits are seen to work.
    const CHARACTERS: usize = 32;

    /// The client order id of this order: the first 124 bits of SHA-256 over user and order, in hexadecimal.
    #[must_use]
    pub fn of(key: &OrderKey) -> Self {
        let mut hash = Sha256::new();
        hash.update(key.user_id.as_str());
        // Neither id can hold a zero byte, so no two identities share an input.
        hash.update([0]);
        hash.update(key.order_id.as_str());
        let digits = hex::encode(hash.finalize());
        Self(format!("c{}", &digits[..Self::CHARACTERS - 1]))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientOrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The broker's own number of an order. Always positive: the broker reads -1 as "cancel everything", so a
/// value that is not positive cannot exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BrokerOrderId(std::num::NonZeroU64);

impl BrokerOrderId {
    /// Takes a number that the broker gave.
    pub fn new(number: i64) -> Result<Self, InvalidId> {
        u64::try_from(number)
            .ok()
            .and_then(std::num::NonZeroU64::new)
            .map(Self)
            .ok_or_else(|| InvalidId(format!("a broker's order id must be positive, not {number}")))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl FromStr for BrokerOrderId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let number: i64 =
            text.parse().map_err(|_| InvalidId(format!("a broker's order id must be a number, not {text:?}")))?;
        Self::new(number)
    }
}

impl TryFrom<String> for BrokerOrderId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<BrokerOrderId> for String {
    fn from(id: BrokerOrderId) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for BrokerOrderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The broker's permanent number of a contract (IBKR: conid).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Conid(u32);

impl TryFrom<u64> for Conid {
    type Error = InvalidId;

    fn try_from(number: u64) -> Result<Self, InvalidId> {
        u32::try_from(number)
            .ok()
            .filter(|number| *number > 0 && i32::try_from(*number).is_ok())
            .map(Self)
            .ok_or_else(|| InvalidId(format!("must be a whole number from 1 to {}", i32::MAX)))
    }
}

impl From<Conid> for u64 {
    fn from(conid: Conid) -> Self {
        conid.0.into()
    }
}

impl fmt::Display for Conid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
