//! Who may trade: algorithms and their senders, the grants of users, limits and halts.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::ids::{AccountId, AlgorithmId, Conid, PrincipalId, UserId};

/// An algorithm as the operator registered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithm {
    /// Its name.
    pub algorithm_id: AlgorithmId,
    /// Who may send messages for it.
    pub principals: BTreeSet<PrincipalId>,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// A user's word that an algorithm may trade named accounts within limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Whose word.
    pub user_id: UserId,
    /// To which algorithm.
    pub algorithm_id: AlgorithmId,
    /// The accounts it may trade.
    pub account_ids: BTreeSet<AccountId>,
    /// Within these limits.
    #[serde(default)]
    pub limits: Limits,
    /// Whether it is in force.
    pub status: GrantStatus,
}

/// Whether a grant is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantStatus {
    /// It is.
    Active,
    /// Only orders that reduce a position are sent.
    Reducing,
    /// Halted: nothing new is sent.
    Halted,
}

/// Limits on orders (contract: Limits). What is left out is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each is the limit of the contract of the same name")]
pub struct Limits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_order_quantity: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_order_notional: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_daily_notional: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_daily_orders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_open_orders: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_conids: Option<BTreeSet<Conid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_collar_percent: Option<Amount>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_window_seconds: Option<u32>,
}

/// Whose limits they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The user's own, on every order of any algorithm.
    User,
    /// The grant's, on that algorithm's orders only.
    Grant,
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "your own limits",
            Self::Grant => "the grant's limits",
        })
    }
}

/// A limit that an order would go beyond.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whose} ({limit}): {why}")]
pub struct Beyond {
    /// Whose limit.
    pub whose: Whose,
    /// Its name in the contract.
    pub limit: &'static str,
    /// How the order goes beyond it.
    pub why: String,
}

/// What a halt stops while it is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HaltMode {
    /// Every new order.
    #[default]
    All,
    /// Every new order that does not reduce a position.
    Reducing,
}

impl HaltMode {
    /// Whether it stops every new order.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// A kill switch: while on, no new order is sent; cancels pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Whether it is on.
    pub halted: bool,
    /// What it stops.
    #[serde(default, skip_serializing_if = "HaltMode::is_all")]
    pub mode: HaltMode,
    /// Why, in the words of whoever set it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
