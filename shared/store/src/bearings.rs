//! Bearings: all that bears on an algorithm's orders for a user, read at once.
//!
//! What is decided by it counts only if it still holds when the intent is written: its transaction checks the grant and
//! the limits, and adds to what is used only where there is room. So one reading does for many orders.

use std::collections::HashMap;

use domain::{Algorithm, AlgorithmId, Connection, ConnectionId, Grant, Limits, UserId};
use jiff::Timestamp;

use crate::batch::read_many;
use crate::connections::Connections;
use crate::database::Attributes;
use crate::documents::DocumentTable;
use crate::error::StoreError;
use crate::lanes::Lanes;
use crate::orders::Orders;
use crate::rules::Rules;
use crate::standing::Standing;
use crate::usage::{Usage, Usages, usage_key};
use crate::versioned::Versioned;

/// All that bears on an algorithm's orders for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearings {
    /// The algorithm's registration; of the user's own hand there is none.
    pub algorithm: Option<Algorithm>,
    /// The grant; `None` for the user's own hand, which needs none.
    pub grant: Option<Standing<Grant>>,
    /// The user's own limits.
    pub own: Standing<Limits>,
    /// What is used of the limits.
    pub used: Usages,
    /// Until when the broker refuses our address; `None` if it never did. May be in the past.
    pub penalty_until: Option<Timestamp>,
    /// The connection that was named, if it exists.
    pub connection: Option<Versioned<Connection>>,
    /// The epoch of the user's lane, if nobody held it: whoever takes it as the next epoch knows that no other holder was
    /// in between.
    pub free_lane_epoch: Option<u64>,
}

/// The tables that hold it.
#[derive(Debug, Clone, Copy)]
pub struct BearingTables<'t> {
    /// Who may trade.
    pub rules: &'t Rules,
    /// What is used of the limits.
    pub orders: &'t Orders,
    /// The penalty box.
    pub lanes: &'t Lanes,
    /// The way to the broker.
    pub connections: &'t Connections,
}

impl BearingTables<'_> {
    /// What bears on the orders of this algorithm for this user, and the row of a connection that is named; one call.
    pub async fn read(
        &self,
        user_id: &UserId,
        algorithm_id: &AlgorithmId,
        connection_id: Option<&ConnectionId>,
    ) -> Result<Bearings, StoreError> {
        let Self { rules, orders, lanes, connections } = *self;
        let (own_limits, own_usage) = (Rules::limits_key(user_id), usage_key(user_id, None));
        let registration = Rules::registration_key(algorithm_id);
        let grant = Rules::grant_key(user_id, algorithm_id);
        let granted_usage = usage_key(user_id, Some(algorithm_id));
        let mut keys = HashMap::from([
            (rules.table().to_owned(), vec![own_limits.clone()]),
            (orders.table.name.clone(), vec![own_usage.clone()]),
            (lanes.table.clone(), vec![Lanes::penalty_key(), Lanes::key(user_id)]),
        ]);
        let own_hand = algorithm_id.is_own_hand();
        if !own_hand {
            keys.entry(rules.table().to_owned()).or_default().extend([registration.clone(), grant.clone()]);
            keys.entry(orders.table.name.clone()).or_default().push(granted_usage.clone());
        }
        let connection = connection_id
            .map(|connection_id| DocumentTable::key::<Connection>([user_id.as_str(), connection_id.as_str()]));
        if let Some(connection) = &connection {
            keys.insert(connections.table.name.clone(), vec![connection.clone()]);
        }
        let mut rows = read_many(rules.database(), keys).await?;
        let mut take = |table: &str, key: &Attributes| take(&mut rows, table, key);
        let usages = orders.table.name.as_str();
        let connection = connection.and_then(|connection| take(&connections.table.name, &connection));
        let lane = take(&lanes.table, &Lanes::key(user_id)).unwrap_or_default();
        let penalty = take(&lanes.table, &Lanes::penalty_key());
        Ok(Bearings {
            algorithm: rules.standing_of::<Algorithm>(take(rules.table(), &registration))?.rule,
            grant: (!own_hand).then(|| rules.standing_of(take(rules.table(), &grant))).transpose()?,
            own: rules.standing_of(take(rules.table(), &own_limits))?,
            used: Usages {
                own: Usage::read(usages, &take(usages, &own_usage).unwrap_or_default())?,
                grant: Usage::read(usages, &take(usages, &granted_usage).unwrap_or_default())?,
            },
            penalty_until: penalty.map(|row| lanes.penalty_of(&row)).transpose()?,
            connection: connection.map(|row| connections.table.read(row)).transpose()?,
            free_lane_epoch: Lanes::free_epoch(&lane),
        })
    }
}

/// The row of this key, if it is among them.
fn take(rows: &mut HashMap<String, Vec<Attributes>>, table: &str, key: &Attributes) -> Option<Attributes> {
    let rows = rows.get_mut(table)?;
    let position = rows.iter().position(|row| key.iter().all(|(name, value)| row.get(name) == Some(value)))?;
    Some(rows.swap_remove(position))
}
