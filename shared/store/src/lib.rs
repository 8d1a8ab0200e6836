//! DynamoDB and SQS: connections, orders, lanes, rules; the sealing of tokens.
//!
//! Clients come in from outside; nothing here reads the environment, the clock or the machine's randomness.
//!
//! A write whose answer was lost may have happened. Within one call that is told apart: each write carries an id
//! of its own, so a try of the SDK that meets the row of an earlier try knows it. A call that ends in
//! [`StoreError::Unavailable`] may have happened or not: read again before deciding.

// Decimals from outside are calculated with only so that nothing panics (clippy.toml says which types are meant).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod account_claims;
mod alike;
mod attempts;
mod batch;
mod bearings;
mod call_claims;
mod connections;
mod consumer_health;
mod cursor;
mod database;
mod dead_letters;
mod documents;
mod due;
mod error;
mod everybody;
mod give_back;
mod insert_all;
mod intent;
mod lane_book;
mod lanes;
mod listing;
mod open_orders;
mod orders;
mod penalty_box;
mod queues;
mod refusals;
mod reserve;
mod rules;
mod scan;
mod sealing;
mod sealing_secret;
mod standing;
mod times;
mod transaction;
mod usage;
mod versioned;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use domain::Entropy;

pub use account_claims::{CLAIMS_MAX, REPLACED_MAX};
pub use alike::Alike;
pub use attempts::{Attempt, Attempts, SecretHash, Taken};
pub use bearings::{BearingTables, Bearings};
pub use call_claims::CallClaim;
pub use connections::{Connections, connection_from_image};
pub use cursor::Page;
pub use database::Database;
pub use dead_letters::{DeadLetter, DeadLetters};
pub use documents::Inserted;
pub use documents::{DUE_SHARDS, PAGE_ROWS_MAX};
pub use due::{DUE_ROWS_MAX, DueCursor, DuePage, shards_in_turn};
pub use error::StoreError;
pub use everybody::HaltOn;
pub use insert_all::Lined;
pub use intent::{GrantLack, HaltInForce, IntentGuards, IntentRefused};
pub use lane_book::{Ended, EndedExit, LaneBook, Looks, Pending};
pub use lanes::{Acquired, GivenBack, LaneLease, Lanes};
pub use listing::OrderFilter;
pub use orders::{Orders, order_from_image};
pub use queues::{
    BodyRefused, OrderQueue, Returned, SessionAsk, SessionAskReason, SessionQueue, TRACK_CHAIN_LINKS_MAX,
    TRACK_DELAY_SECONDS_MAX, TrackAsk, TrackQueue, Wake, shown_again_after_seconds,
};
pub use refusals::{RefusalFilter, RefusalsOf, refusal_from_image};
pub use rules::{HaltScope, Rules};
pub use scan::Found;
pub use sealing::{Purpose, SEALING_SECRET_CHARACTERS_MIN, SealError, Sealer, SealingKeys};
pub use sealing_secret::{Rotation, RotationStage, SealingSecret};
pub use standing::Standing;
pub use usage::{Claim, Usage, Usages};
pub use versioned::Versioned;

/// The names of the tables, as the stack gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Orders, and the refusals of messages that became none.
    pub orders: String,
    /// Connections.
    pub connections: String,
    /// Attempts of users to connect.
    pub attempts: String,
    /// Algorithms, grants, limits, halts.
    pub rules: String,
    /// Lanes, and the penalty box.
    pub lanes: String,
}

/// All tables at once, for who needs them all. Who may use only some makes those by their own `new`.
#[derive(Debug, Clone)]
pub struct Store {
    /// Orders, and refusals.
    pub orders: Orders,
    /// Connections.
    pub connections: Connections,
    /// Attempts of users to connect.
    pub attempts: Attempts,
    /// Algorithms, grants, limits, halts.
    pub rules: Rules,
    /// Lanes, and the penalty box.
    pub lanes: Lanes,
}

impl Store {
    /// All tables behind one client.
    #[must_use]
    pub fn new(client: Client, tables: Tables, entropy: Arc<dyn Entropy>) -> Self {
        let database = Database::new(client, entropy);
        Self {
            orders: Orders::new(&database, tables.orders),
            connections: Connections::new(&database, tables.connections),
            attempts: Attempts::new(&database, tables.attempts),
            rules: Rules::new(&database, tables.rules),
            lanes: Lanes::new(&database, tables.lanes),
        }
    }

    /// The tables of what bears on orders.
    #[must_use]
    pub fn bearings(&self) -> BearingTables<'_> {
        let Self { rules, orders, lanes, connections, .. } = self;
        BearingTables { rules, orders, lanes, connections }
    }
}
