//! Which connection carried a user's orders last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{ConnectionId, UserId};

/// Users that are remembered. Past this all are forgotten.
const KNOWN_MAX: usize = 5_000;

/// The names of connections, so that the row is read together with the rules instead of being looked for. The row decides:
/// a name that is out of date costs a call and nothing else. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct KnownConnections(Arc<Mutex<HashMap<UserId, ConnectionId>>>);

impl KnownConnections {
    pub(crate) fn of(&self, user_id: &UserId) -> Option<ConnectionId> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(user_id).cloned()
    }

    pub(crate) fn remember(&self, user_id: &UserId, connection_id: &ConnectionId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(user_id.clone(), connection_id.clone());
    }
}
