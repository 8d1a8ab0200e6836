//! What can be set about the broker's behaviour.

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::oauth::QueryStyle;

/// How the broker behaves. All of it can be changed while it runs (`PUT /control/options`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, named in the control door")]
pub struct Options {
    /// Schemes and hosts that clients may have signed besides the ones in the request itself (a listener adds its own).
    pub origins: Vec<String>,
    /// The readings of a signed query that verify. Default: all.
    pub query_styles: Vec<QueryStyle>,
    /// Life of a live session token, in seconds. Default: 24 hours.
    pub live_session_token_life_seconds: i64,
    /// Life of a request token, in seconds. Default: 10 minutes.
    pub request_token_life_seconds: i64,
    /// From `ssodh/init` to `established`, in milliseconds. Default: 100.
    pub established_delay_ms: i64,
    /// A brokerage session without traffic ends after this, in seconds. Default: 6 minutes.
    pub idle_timeout_seconds: i64,
    /// From a cancel request to `Cancelled`, in milliseconds; until then `PendingCancel`. Default: 0.
    pub cancel_delay_ms: i64,
    /// Whether a new live session token ends the brokerage session that the one before had (no source tells). Default: off.
    pub renewal_ends_session: bool,
    /// Whether 429 and the penalty box are on. Default: off.
    pub pacing: bool,
    /// Whether orders fill when the price allows it. Default: on.
    pub matching: bool,
    /// Whether live orders list working orders of earlier sessions (the sources disagree). Default: on.
    pub list_earlier_sessions: bool,
    /// Whether cancels and changes find working orders of earlier sessions; else they are said not to exist. Default: on.
    pub find_earlier_sessions: bool,
    /// From an order's registration until live orders list it, in milliseconds. Default: 0.
    pub live_orders_delay_ms: i64,
    /// Whether a list of live orders without any calls itself no snapshot, as one was recorded (no source tells). Default: off.
    pub empty_is_no_snapshot: bool,
    /// From an execution until an order's rows and trades tell its quantity, in milliseconds; its status is told at once.
    /// Default: 0.
    pub quantities_delay_ms: i64,
    /// Whether the answer to a bracket names the exits before the entry (no source tells the order). Default: off.
    pub exits_answered_first: bool,
    /// Whether orders must say when they were entered (`allowCustomerTime`); off: they must not. Default: off.
    pub allow_customer_time: bool,
    /// Whether some amounts of an order's row are texts, as the real broker mixes them. Default: on.
    pub numbers_as_text: bool,
    /// Whether the row of a bracket's exit names its parent (the broker's own description of the answer has no such field).
    /// Default: on.
    pub show_parents: bool,
    /// Whether the exits of a bracket know nothing of each other: one that fills leaves the other as it is. Default: off.
    pub exits_stand_alone: bool,
    /// Whether live orders, and one by its number, carry our names (`order_ref`): prose says so, IBKR's description does not.
    /// Default: on.
    pub name_live_orders: bool,
    /// Commission per execution. Default: 1.
    #[serde(with = "rust_decimal::serde::str")]
    pub commission: Decimal,
    /// From an execution until trades show its commission, in milliseconds; before it they show none. Default: 0.
    pub commission_delay_ms: i64,
    /// How answers are spelled where the sources disagree. Default: as described.
    pub spelling: Spelling,
    /// Of when the prices are that the snapshot shows. Default: of now.
    pub quotes: Quotes,
    /// Whether symbols are also listed outside the United States. Default: off.
    pub foreign_listings: bool,
    /// Entries of an advisor's list of accounts that are none: `All`, names of groups. Default: none.
    pub account_groups: Vec<String>,
}

/// How answers are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// As IBKR's description of its API spells them.
    Described,
    /// As another client recorded them.
    Recorded,
}

/// Of when the prices are that the snapshot shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quotes {
    /// Of now.
    Live,
    /// The close of the day before (`C`), and neither bid nor ask.
    PreviousClose,
    /// The price at which trading was halted (`H`).
    Halted,
    /// Of some minutes ago.
    Delayed,
    /// The last one of a market that is closed.
    Frozen,
    /// None: the username is not subscribed.
    NotSubscribed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            origins: vec!["https://api.ibkr.com".to_owned()],
            query_styles: QueryStyle::ALL.to_vec(),
            live_session_token_life_seconds: 24 * 60 * 60,
            request_token_life_seconds: 10 * 60,
            established_delay_ms: 100,
            idle_timeout_seconds: 6 * 60,
            cancel_delay_ms: 0,
            renewal_ends_session: false,
            pacing: false,
            matching: true,
            list_earlier_sessions: true,
            find_earlier_sessions: true,
            live_orders_delay_ms: 0,
            empty_is_no_snapshot: false,
            quantities_delay_ms: 0,
            exits_answered_first: false,
            allow_customer_time: false,
            numbers_as_text: true,
            show_parents: true,
            exits_stand_alone: false,
            name_live_orders: true,
            commission: Decimal::ONE,
            commission_delay_ms: 0,
            spelling: Spelling::Described,
            quotes: Quotes::Live,
            foreign_listings: false,
            account_groups: Vec::new(),
        }
    }
}

impl Options {
    pub(crate) fn idle_timeout(&self) -> SignedDuration {
        SignedDuration::from_secs(self.idle_timeout_seconds)
    }
}
