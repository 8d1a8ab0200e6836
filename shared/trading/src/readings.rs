//! Readings: what bears on a user's orders, read once for many of them.
//!
//! A yes that rests on a reading is checked again where it is written: the intent's transaction holds the grant and the
//! limits as they were read, and the room that they leave. A no is given only on a reading that was made for it.

use domain::{AlgorithmId, Connection, UserId};
use jiff::Timestamp;
use store::{BearingTables, Bearings, StoreError, Versioned};

use crate::desk::Desk;

/// What was read while one batch is worked on.
#[derive(Debug, Default)]
pub struct Readings {
    known: Vec<Reading>,
}

#[derive(Debug)]
struct Reading {
    user_id: UserId,
    algorithm_id: AlgorithmId,
    bearings: Bearings,
    /// Whether something was decided by it already.
    used: bool,
}

impl Readings {
    /// What bears on this algorithm's orders for this user: read now, if it was not before.
    pub(crate) async fn of(
        &mut self,
        desk: &Desk,
        user_id: &UserId,
        algorithm_id: &AlgorithmId,
    ) -> Result<&Bearings, StoreError> {
        if let Some(position) = self.position(user_id, algorithm_id) {
            self.known[position].used = true;
            return Ok(&self.known[position].bearings);
        }
        let (intake, connections) = (&desk.intake, &desk.connections);
        let tables = BearingTables { rules: &intake.rules, orders: &intake.orders, lanes: &desk.lanes, connections };
        let connection_id = desk.known_connections.of(user_id);
        let bearings = tables.read(user_id, algorithm_id, connection_id.as_ref()).await?;
        let (user_id, algorithm_id) = (user_id.clone(), algorithm_id.clone());
        self.known.push(Reading { user_id, algorithm_id, bearings, used: false });
        Ok(&self.known[self.known.len() - 1].bearings)
    }

    /// Forgets a reading by which something was decided before, so that it is read anew; whether there was one.
    pub(crate) fn forget_used(&mut self, user_id: &UserId, algorithm_id: &AlgorithmId) -> bool {
        let used = self.position(user_id, algorithm_id).filter(|position| self.known[*position].used);
        used.map(|position| self.known.swap_remove(position)).is_some()
    }

    /// Until when the broker refuses our address; read now, if nothing was before.
    pub(crate) async fn penalty_until(&self, desk: &Desk) -> Result<Option<Timestamp>, StoreError> {
        match self.known.last() {
            Some(reading) => Ok(reading.bearings.penalty_until),
            None => desk.lanes.penalty_until().await,
        }
    }

    /// The user's connection, if it was read too, and nobody had the lane between that and this epoch of it. A user who
    /// disconnects needs no lane: then the broker, where they are logged out, refuses what is sent. Once: whoever found it
    /// to be out of date looks for the one that is not.
    pub(crate) fn take_connection(&mut self, epoch: u64) -> Option<Versioned<Connection>> {
        let in_time = |reading: &&mut Reading| reading.bearings.free_lane_epoch.is_some_and(|free| free + 1 == epoch);
        self.known.iter_mut().filter(in_time).find_map(|reading| reading.bearings.connection.take())
    }

    fn position(&self, user_id: &UserId, algorithm_id: &AlgorithmId) -> Option<usize> {
        self.known.iter().position(|known| known.user_id == *user_id && known.algorithm_id == *algorithm_id)
    }
}
