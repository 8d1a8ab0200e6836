//! Rules: algorithms, grants, limits, halts. Each row has one writer, the operator or its user, and is replaced as a whole: the last
//! word stands. A halt over a user has two writers, each with a word of their own in the row.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem};
use domain::{Algorithm, AlgorithmId, Grant, Halt, KillSwitch, Limits, SetBy, UserId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::batch::read_many;
use crate::database::{Attributes, Database, WRITE_ID, text, text_of};
use crate::documents::{DUE_SHARDS, shard_of};
use crate::error::StoreError;
use crate::standing::Standing;
use crate::transaction::{built, commit_unconditionally, put};

/// How long a word on a user's halt is tried to be written, against intents that check the row and the other's word.
const HALT_PATIENCE: Duration = Duration::from_secs(6);
/// The longest pause between two tries.
const HALT_PAUSE_MILLISECONDS_MAX: u64 = 100;
/// Rows that a list reads at most.
const LIST_ROWS_MAX: usize = 1000;

const ALGORITHMS: &str = "algorithms";
const REGISTRATION: &str = "registration";
const LIMITS: &str = "limits";
pub(crate) const HALT: &str = "halt";
pub(crate) const GRANT: &str = "grant#";
pub(crate) const RULE: &str = "rule";
/// On the rows that an algorithm's intents check: it is registered no more.
pub(crate) const UNREGISTERED: &str = "unregistered";

/// What a halt stops.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HaltScope {
    /// Everything.
    Global,
    /// One user's orders.
    User(UserId),
    /// One algorithm's orders, of all users.
    Algorithm(AlgorithmId),
}

impl HaltScope {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Global => "global".to_owned(),
            Self::User(user_id) => user_scope(user_id),
            Self::Algorithm(algorithm_id) => algorithm_scope(algorithm_id),
        }
    }

    /// The scope of this name, if it is one.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        match name.split_once('#') {
            None if name == Self::Global.name() => Some(Self::Global),
            Some(("user", id)) => id.parse().ok().map(Self::User),
            Some(("algorithm", id)) => id.parse().ok().map(Self::Algorithm),
            _ => None,
        }
    }

    /// Whose words stop this. Everything and an algorithm only the operator stops.
    #[must_use]
    pub fn set_by(&self, switch: &KillSwitch) -> Vec<SetBy> {
        match self {
            Self::User(_) => switch.set_by(),
            Self::Global | Self::Algorithm(_) => switch.halt.halted.then_some(SetBy::Operator).into_iter().collect(),
        }
    }

    /// The row that an intent of this user checks. Two transactions that check one row at once get in each other's
    /// way, so halts over many users stand in one copy for each shard of users.
    pub(crate) fn checked_item(&self, user_id: &UserId) -> String {
        match self {
            Self::User(_) => HALT.to_owned(),
            Self::Global | Self::Algorithm(_) => copy_name(shard_of(user_id.as_str())),
        }
    }

    /// All rows of this halt. The one that is read comes last, so it never says more than what all copies say.
    pub(crate) fn items(&self) -> Vec<String> {
        let copies = match self {
            Self::User(_) => 0,
            Self::Global | Self::Algorithm(_) => DUE_SHARDS,
        };
        (0..copies).map(copy_name).chain([HALT.to_owned()]).collect()
    }
}

impl fmt::Display for HaltScope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => formatter.write_str("all trading"),
            Self::User(user_id) => write!(formatter, "user {user_id}"),
            Self::Algorithm(algorithm_id) => write!(formatter, "algorithm {algorithm_id}"),
        }
    }
}

/// The table of rules. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Rules {
    database: Database,
    table: String,
}

impl Rules {
    /// The rules of this table.
    #[must_use]
    pub fn new(database: &Database, table: impl Into<String>) -> Self {
        Self { database: database.clone(), table: table.into() }
    }

    /// Registers an algorithm, or replaces its registration. One that was forgotten may send again. An error may leave it
    /// registered for some users and not for others: register it again until that succeeds.
    pub async fn put_algorithm(&self, algorithm: &Algorithm) -> Result<(), StoreError> {
        let id = &algorithm.algorithm_id;
        let parts = [
            put(&self.table, self.row(&algorithm_scope(id), REGISTRATION, algorithm)?)?,
            put(&self.table, self.row(ALGORITHMS, id.as_str(), algorithm)?)?,
        ];
        commit_unconditionally(&self.database, &self.table, "register an algorithm", &parts).await?;
        for item in self.unregistered_items(id).await? {
            self.update(&algorithm_scope(id), &item, "REMOVE unregistered SET write_id = :write", None).await?;
        }
        Ok(())
    }

    /// Forgets an algorithm. Grants to it stay, and it may send nothing: once this has answered, no order of it is taken
    /// up for sending. An error may leave that so for some users and not for others: forget it again until that succeeds.
    pub async fn remove_algorithm(&self, id: &AlgorithmId) -> Result<(), StoreError> {
        let scope = algorithm_scope(id);
        let on = AttributeValue::Bool(true);
        for item in (0..DUE_SHARDS).map(copy_name) {
            let value = Some((":value", on.clone()));
            self.update(&scope, &item, "SET unregistered = :value, write_id = :write", value).await?;
        }
        let delete = |scope: &str, item: &str| {
            let delete = Delete::builder().table_name(&self.table).set_key(Some(Self::key(scope, item))).build();
            Ok::<_, StoreError>(TransactWriteItem::builder().delete(built(&self.table, delete)?).build())
        };
        let parts = [delete(&scope, REGISTRATION)?, delete(ALGORITHMS, id.as_str())?];
        commit_unconditionally(&self.database, &self.table, "forget an algorithm", &parts).await
    }

    /// An algorithm's registration.
    pub async fn algorithm(&self, id: &AlgorithmId) -> Result<Option<Algorithm>, StoreError> {
        self.get(&algorithm_scope(id), REGISTRATION).await
    }

    /// All algorithms, by id.
    pub async fn algorithms(&self) -> Result<Vec<Algorithm>, StoreError> {
        self.list(ALGORITHMS, "").await
    }

    /// A user's grant to an algorithm.
    pub async fn grant(&self, user_id: &UserId, id: &AlgorithmId) -> Result<Option<Grant>, StoreError> {
        self.get(&user_scope(user_id), &grant_item(id)).await
    }

    /// Gives a grant, or replaces it.
    pub async fn put_grant(&self, grant: &Grant) -> Result<(), StoreError> {
        self.put(&user_scope(&grant.user_id), &grant_item(&grant.algorithm_id), grant).await
    }

    /// Takes a grant back.
    pub async fn delete_grant(&self, user_id: &UserId, id: &AlgorithmId) -> Result<(), StoreError> {
        self.delete(&user_scope(user_id), &grant_item(id)).await
    }

    /// All grants of a user, by algorithm.
    pub async fn grants(&self, user_id: &UserId) -> Result<Vec<Grant>, StoreError> {
        self.list(&user_scope(user_id), GRANT).await
    }

    /// A user's own limits, over all algorithms.
    pub async fn limits(&self, user_id: &UserId) -> Result<Option<Limits>, StoreError> {
        self.get(&user_scope(user_id), LIMITS).await
    }

    /// Sets a user's own limits.
    pub async fn put_limits(&self, user_id: &UserId, limits: &Limits) -> Result<(), StoreError> {
        self.put(&user_scope(user_id), LIMITS, limits).await
    }

    /// Removes a user's own limits.
    pub async fn delete_limits(&self, user_id: &UserId) -> Result<(), StoreError> {
        self.delete(&user_scope(user_id), LIMITS).await
    }

    /// A halt as it is in force; one that was never set is off.
    pub async fn halt(&self, scope: &HaltScope) -> Result<Halt, StoreError> {
        Ok(self.kill_switch(scope).await?.halt)
    }

    /// A halt with the words that make it; one that was never set is off.
    pub async fn kill_switch(&self, scope: &HaltScope) -> Result<KillSwitch, StoreError> {
        Ok(self.get(&scope.name(), HALT).await?.unwrap_or_default())
    }

    /// The halts over an order of this user and this algorithm, as they stand; one call.
    pub async fn halts_over(&self, user_id: &UserId, id: &AlgorithmId) -> Result<Vec<KillSwitch>, StoreError> {
        let scopes = [HaltScope::Global, HaltScope::Algorithm(id.clone()), HaltScope::User(user_id.clone())];
        let keys = scopes.map(|scope| Self::key(&scope.name(), HALT)).to_vec();
        let rows = read_many(&self.database, HashMap::from([(self.table.clone(), keys)])).await?;
        rows.into_values().flatten().map(|row| self.read(row)).collect()
    }

    /// Says the operator's word on a halt, on or off. An error may leave it in force for some users and not for others: set it again
    /// until it succeeds.
    pub async fn put_halt(&self, scope: &HaltScope, halt: &Halt) -> Result<(), StoreError> {
        if let HaltScope::User(user_id) = scope {
            return self.say_halt(user_id, SetBy::Operator, halt).await.map(drop);
        }
        for item in scope.items() {
            if item == HALT {
                self.put(&scope.name(), &item, halt).await?;
            } else {
                // What else stands on a copy stays: that its algorithm is registered no more.
                let rule: AttributeValue = serde_dynamo::to_attribute_value(halt)
                    .map_err(|error| StoreError::corrupt(&self.table, format!("{}/{item}", scope.name()), error))?;
                let value = Some((":value", rule));
                self.update(&scope.name(), &item, "SET #rule = :value, write_id = :write", value).await?;
            }
        }
        Ok(())
    }

    /// Says the user's own or the operator's word on a user's halt, on or off; what stands then. The other's word stays, and the
    /// stricter of the two is in force.
    ///
    /// It is written over what was read, and again over what is there then, if somebody else wrote meanwhile: no word is ever
    /// lost to another.
    pub async fn say_halt(&self, user_id: &UserId, by: SetBy, word: &Halt) -> Result<KillSwitch, StoreError> {
        const SAY: &str = "say a word on a halt";
        let scope = user_scope(user_id);
        let until = Instant::now() + HALT_PATIENCE;
        loop {
            let read: Standing<KillSwitch> = self.standing_of(self.get_row(&scope, HALT).await?)?;
            let switch = read.rule.clone().unwrap_or_default().said(by, word.clone());
            let row = self.row(&scope, HALT, &switch)?;
            let write_id = text_of(&row, WRITE_ID).unwrap_or_default().to_owned();
            let request = self.database.client().put_item().table_name(&self.table).set_item(Some(row));
            let written = self.database.put(&self.table, read.put_over(request)).await;
            let hindered = match written.map(|written| written.obstacle(&write_id)) {
                Ok(None) => return Ok(switch),
                Ok(Some(_)) => StoreError::throttled(&self.table, SAY, "others write it all the while"),
                Err(busy @ StoreError::Throttled { .. }) => busy,
                Err(error) => return Err(error),
            };
            if Instant::now() >= until {
                return Err(hindered);
            }
            tokio::time::sleep(Duration::from_millis(self.database.up_to(HALT_PAUSE_MILLISECONDS_MAX))).await;
        }
    }

    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn key(scope: &str, item: &str) -> Attributes {
        Attributes::from([("scope".to_owned(), text(scope)), ("item".to_owned(), text(item))])
    }

    pub(crate) fn grant_key(user_id: &UserId, id: &AlgorithmId) -> Attributes {
        Self::key(&user_scope(user_id), &grant_item(id))
    }

    pub(crate) fn registration_key(id: &AlgorithmId) -> Attributes {
        Self::key(&algorithm_scope(id), REGISTRATION)
    }

    pub(crate) fn limits_key(user_id: &UserId) -> Attributes {
        Self::key(&user_scope(user_id), LIMITS)
    }

    fn row(&self, scope: &str, item: &str, rule: &impl Serialize) -> Result<Attributes, StoreError> {
        let body: AttributeValue = serde_dynamo::to_attribute_value(rule)
            .map_err(|error| StoreError::corrupt(&self.table, format!("{scope}/{item}"), error))?;
        let mut row = Self::key(scope, item);
        row.insert(RULE.to_owned(), body);
        row.insert(WRITE_ID.to_owned(), text(self.database.write_id()));
        Ok(row)
    }

    pub(crate) fn read<R: DeserializeOwned>(&self, mut row: Attributes) -> Result<R, StoreError> {
        let key = ["scope", "item"].map(|name| text_of(&row, name).unwrap_or("?").to_owned()).join("/");
        let body = row.remove(RULE).ok_or_else(|| StoreError::corrupt(&self.table, key.clone(), "it holds no rule"))?;
        serde_dynamo::from_attribute_value(body).map_err(|error| StoreError::corrupt(&self.table, key, error))
    }

    async fn get<R: DeserializeOwned>(&self, scope: &str, item: &str) -> Result<Option<R>, StoreError> {
        self.get_row(scope, item).await?.map(|row| self.read(row)).transpose()
    }

    async fn get_row(&self, scope: &str, item: &str) -> Result<Option<Attributes>, StoreError> {
        let answer = self
            .database
            .client()
            .get_item()
            .table_name(&self.table)
            .set_key(Some(Self::key(scope, item)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table, "read a rule", error))?;
        Ok(answer.item)
    }

    /// The rule of a row, and the write that made it.
    pub(crate) fn standing_of<R: DeserializeOwned>(&self, row: Option<Attributes>) -> Result<Standing<R>, StoreError> {
        let write_id = row.as_ref().and_then(|row| text_of(row, WRITE_ID)).map(str::to_owned);
        Ok(Standing::new(row.map(|row| self.read(row)).transpose()?, write_id))
    }

    /// Puts a row. Intents that check it at this moment get in the way, so it is tried some times.
    async fn put(&self, scope: &str, item: &str, rule: &impl Serialize) -> Result<(), StoreError> {
        let row = self.row(scope, item, rule)?;
        let request = self.database.client().put_item().table_name(&self.table).set_item(Some(row));
        self.database.put(&self.table, request).await.map(drop)
    }

    /// Changes a part of a row, or begins it. Tried some times, as [`Rules::put`] is.
    async fn update(
        &self,
        scope: &str,
        item: &str,
        update: &str,
        value: Option<(&str, AttributeValue)>,
    ) -> Result<(), StoreError> {
        let mut request = self
            .database
            .client()
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Self::key(scope, item)))
            .update_expression(update)
            .expression_attribute_values(":write", text(self.database.write_id()));
        if let Some((name, value)) = value {
            request = request.expression_attribute_values(name, value);
        }
        if update.contains("#rule") {
            request = request.expression_attribute_names("#rule", RULE);
        }
        self.database.update(&self.table, "change a rule", request).await.map(drop)
    }

    /// The rows that say that this algorithm is registered no more.
    async fn unregistered_items(&self, id: &AlgorithmId) -> Result<Vec<String>, StoreError> {
        let answer = self
            .database
            .client()
            .query()
            .table_name(&self.table)
            .expression_attribute_names("#scope", "scope")
            .expression_attribute_values(":scope", text(algorithm_scope(id)))
            .key_condition_expression("#scope = :scope")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of_call(&self.table, "find where an algorithm is forgotten", error))?;
        let forgotten = answer.items().iter().filter(|row| row.contains_key(UNREGISTERED));
        Ok(forgotten.filter_map(|row| text_of(row, "item").map(str::to_owned)).collect())
    }

    async fn delete(&self, scope: &str, item: &str) -> Result<(), StoreError> {
        let request = self.database.client().delete_item().table_name(&self.table);
        let request = request.set_key(Some(Self::key(scope, item)));
        self.database.delete(&self.table, "remove a rule", request).await
    }

    async fn list<R: DeserializeOwned>(&self, scope: &str, prefix: &str) -> Result<Vec<R>, StoreError> {
        let mut request = self
            .database
            .client()
            .query()
            .table_name(&self.table)
            .expression_attribute_names("#scope", "scope")
            .expression_attribute_values(":scope", text(scope))
            .key_condition_expression("#scope = :scope")
            .consistent_read(true);
        if !prefix.is_empty() {
            request = request
                .key_condition_expression("#scope = :scope AND begins_with(#item, :prefix)")
                .expression_attribute_names("#item", "item")
                .expression_attribute_values(":prefix", text(prefix));
        }
        let mut rows = request.into_paginator().items().send();
        let mut rules = Vec::new();
        while let Some(row) = rows.next().await {
            let row = row.map_err(|error| StoreError::of_call(&self.table, "list rules", error))?;
            rules.push(self.read(row)?);
            if rules.len() == LIST_ROWS_MAX {
                break;
            }
        }
        Ok(rules)
    }
}

fn user_scope(user_id: &UserId) -> String {
    format!("user#{user_id}")
}

fn algorithm_scope(id: &AlgorithmId) -> String {
    format!("algorithm#{id}")
}

fn grant_item(id: &AlgorithmId) -> String {
    format!("{GRANT}{id}")
}

fn copy_name(shard: u8) -> String {
    format!("{HALT}#{shard:02}")
}
