//! What makes two orders look like one that was sent twice.

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::ids::{AccountId, Conid};
use crate::ticket::Ticket;

/// The longest time for which a likeness is looked back (contract: Limits, `duplicate_window_seconds`): a day.
pub const DUPLICATE_WINDOW_SECONDS_MAX: u32 = 86_400;

impl Ticket {
    /// A digest of account, contract, side, type, size and prices, those of the exits too. How long an order works is left
    /// out: a program that sends one order twice may well count its life anew.
    #[must_use]
    pub fn likeness(&self, account_id: &AccountId, conid: Conid) -> String {
        let content = json!([account_id, conid, self.side, self.size, self.order_type, self.attached]);
        hex::encode(Sha256::digest(content.to_string()))
    }
}
