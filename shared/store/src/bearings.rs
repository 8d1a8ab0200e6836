//! Bearings: all that bears on an algorithm's orders for a user, read at once.
//!
//! What is decided by it counts only if it still holds when the intent is written: its transaction checks the grant and
//! the limits, and adds to what is used only where there is room. So one reading does for many orders.

use std::collections::HashMap;

use domain::{Algorithm, AlgorithmId, Grant, Limits, UserId};
use jiff::Timestamp;

use crate::batch::read_many;
use crate::database::Attributes;
use crate::error::StoreError;
use crate::lanes::Lanes;
use crate::orders::Orders;
use crate::rules::Rules;
use crate::standing::Standing;
use crate::usage::{Usage, Usages, usage_key};

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
}

impl Rules {
    /// What bears on the orders of this algorithm for this user; one call.
    pub async fn bearings(
        &self,
        orders: &Orders,
        lanes: &Lanes,
        user_id: &UserId,
        algorithm_id: &AlgorithmId,
    ) -> Result<Bearings, StoreError> {
        let (own_limits, own_usage) = (Self::limits_key(user_id), usage_key(user_id, None));
        let registration = Self::registration_key(algorithm_id);
        let grant = Self::grant_key(user_id, algorithm_id);
        let granted_usage = usage_key(user_id, Some(algorithm_id));
        let mut keys = HashMap::from([
            (self.table().to_owned(), vec![own_limits.clone()]),
            (orders.table.name.clone(), vec![own_usage.clone()]),
            (lanes.table.clone(), vec![Lanes::penalty_key()]),
        ]);
        let own_hand = algorithm_id.is_own_hand();
        if !own_hand {
            keys.entry(self.table().to_owned()).or_default().extend([registration.clone(), grant.clone()]);
            keys.entry(orders.table.name.clone()).or_default().push(granted_usage.clone());
        }
        let mut rows = read_many(self.database(), keys).await?;
        let (rules, usages) = (self.table(), orders.table.name.as_str());
        let penalty = take(&mut rows, &lanes.table, &Lanes::penalty_key());
        Ok(Bearings {
            algorithm: self.standing_of::<Algorithm>(take(&mut rows, rules, &registration))?.rule,
            grant: (!own_hand).then(|| self.standing_of(take(&mut rows, rules, &grant))).transpose()?,
            own: self.standing_of(take(&mut rows, rules, &own_limits))?,
            used: Usages {
                own: Usage::read(usages, &take(&mut rows, usages, &own_usage).unwrap_or_default())?,
                grant: Usage::read(usages, &take(&mut rows, usages, &granted_usage).unwrap_or_default())?,
            },
            penalty_until: penalty.map(|row| lanes.penalty_of(&row)).transpose()?,
        })
    }
}

/// The row of this key, if it is among them.
fn take(rows: &mut HashMap<String, Vec<Attributes>>, table: &str, key: &Attributes) -> Option<Attributes> {
    let rows = rows.get_mut(table)?;
    let position = rows.iter().position(|row| key.iter().all(|(name, value)| row.get(name) == Some(value)))?;
    Some(rows.swap_remove(position))
}
