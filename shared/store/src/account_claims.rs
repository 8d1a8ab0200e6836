//! One broker username belongs to one user. The broker does not tell a username for sure, but always the accounts that it
//! reaches (IBKR Web API: tickle, accounts), so these are claimed: a row for each, in the table of connections, written in
//! the transaction in which the accounts of a connection become known.
//!
//! Nobody gives a claim back. A claim is worth as much as a connection of its user that still reaches the account: once
//! that is disconnected, the next who comes takes it over. So nothing that fails on the way leaves an account locked.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::{AccountId, AccountSharing, Connection, ConnectionStatus, UserId};
use sha2::{Digest, Sha256};

use crate::connections::Connections;
use crate::database::{Attributes, WRITE_ID, text, text_of};
use crate::documents::{Document, VERSION};
use crate::error::StoreError;
use crate::transaction::{Committed, built, commit};
use crate::versioned::Versioned;

/// Claims of one connection at most: a transaction of DynamoDB has room for 100 writes, and one is the connection. Who
/// reaches more accounts claims the first of them, in order; that they share none of these with another tells them apart.
pub const CLAIMS_MAX: usize = 99;
/// Connections that one replaces at most: far more than anybody begins of one username.
pub const REPLACED_MAX: usize = 20;
/// How often claims that are worth nothing any more are taken over before the caller must come again.
const TRIES_MAX: usize = 4;
const OWNER: &str = "owner";
/// The second part of a claim's key.
const CLAIM: &str = "claim";

/// What one user claims.
struct Claimed {
    /// The partition of its row.
    name: String,
    /// The accounts that it stands for.
    accounts: Vec<AccountId>,
    /// The writing of another user's claim that is worth nothing any more, and may be written over.
    over: String,
}

impl Connections {
    /// Writes a connection together with its user's claim to its accounts. Returns the accounts that are another user's:
    /// if there are any, nothing was written. [`StoreError::Conflict`] when somebody else wrote the connection since it
    /// was read.
    pub async fn save_claiming(
        &self,
        connection: &mut Versioned<Connection>,
        sharing: AccountSharing,
    ) -> Result<Vec<AccountId>, StoreError> {
        self.save_claiming_over(connection, &mut [], sharing).await
    }

    /// As [`Connections::save_claiming`], and writes the user's connections that this one replaces, at most
    /// [`REPLACED_MAX`], in the same transaction. [`StoreError::Conflict`] also when somebody else wrote one of these.
    pub async fn save_claiming_over(
        &self,
        connection: &mut Versioned<Connection>,
        replaced: &mut [Versioned<Connection>],
        sharing: AccountSharing,
    ) -> Result<Vec<AccountId>, StoreError> {
        let mut claims = claims(sharing, &connection.value.accounts);
        claims.truncate(CLAIMS_MAX - replaced.len().min(REPLACED_MAX));
        for _ in 0..TRIES_MAX {
            let parts = self.parts(connection, replaced, &claims)?;
            let failed = match commit(&self.table.database, &self.table.name, "claim accounts", &parts).await? {
                Committed::Done => {
                    connection.written();
                    replaced.iter_mut().for_each(Versioned::written);
                    return Ok(Vec::new());
                }
                Committed::Contended => break,
                Committed::Failed(failed) => failed,
            };
            if failed.iter().skip(claims.len()).any(Option::is_some) {
                return Err(StoreError::conflict(&self.table.name, connection.value.key().join("/")));
            }
            let anothers = self.sort(&mut claims, failed, sharing).await?;
            if !anothers.is_empty() {
                return Ok(anothers);
            }
        }
        Err(StoreError::throttled(&self.table.name, "claim accounts", "others claim them at the same time"))
    }

    /// The accounts whose claims stand in the way. A claim that is worth nothing is marked, to be written over.
    async fn sort(
        &self,
        claims: &mut [Claimed],
        failed: Vec<Option<Attributes>>,
        sharing: AccountSharing,
    ) -> Result<Vec<AccountId>, StoreError> {
        let mut anothers = Vec::new();
        for (claim, row) in claims.iter_mut().zip(failed) {
            let Some(row) = row else { continue };
            if self.is_worth_something(&row, claim, sharing).await? {
                anothers.extend(claim.accounts.iter().cloned());
            } else {
                text_of(&row, WRITE_ID).unwrap_or_default().clone_into(&mut claim.over);
            }
        }
        Ok(anothers)
    }

    /// Whether the owner of a claim still has a connection that reaches its accounts.
    async fn is_worth_something(
        &self,
        row: &Attributes,
        claim: &Claimed,
        sharing: AccountSharing,
    ) -> Result<bool, StoreError> {
        let corrupt = || StoreError::corrupt(&self.table.name, &claim.name, "it names no owner");
        let owner: UserId = text_of(row, OWNER).and_then(|owner| owner.parse().ok()).ok_or_else(corrupt)?;
        let reaches = |connection: &Connection| {
            connection.status != ConnectionStatus::Disconnected
                && self::claims(sharing, &connection.accounts).iter().any(|held| held.name == claim.name)
        };
        Ok(self.list(&owner).await?.iter().any(|connection| reaches(&connection.value)))
    }

    /// The claims, and after them the connections: those that are replaced, and the one that is kept.
    fn parts(
        &self,
        connection: &Versioned<Connection>,
        replaced: &[Versioned<Connection>],
        claims: &[Claimed],
    ) -> Result<Vec<TransactWriteItem>, StoreError> {
        let table = &self.table;
        let write_id = table.database.write_id();
        let owner = connection.value.user_id.as_str();
        let mut parts = Vec::with_capacity(claims.len() + replaced.len() + 1);
        for claim in claims {
            let row = Attributes::from([
                (Connection::KEY[0].to_owned(), text(&claim.name)),
                (Connection::KEY[1].to_owned(), text(CLAIM)),
                (OWNER.to_owned(), text(owner)),
                (WRITE_ID.to_owned(), text(&write_id)),
            ]);
            let put = Put::builder()
                .table_name(&table.name)
                .set_item(Some(row))
                .condition_expression("attribute_not_exists(#owner) OR #owner = :owner OR write_id = :over")
                .expression_attribute_names("#owner", OWNER)
                .expression_attribute_values(":owner", text(owner))
                .expression_attribute_values(":over", text(&claim.over));
            parts.push(self.part(put)?);
        }
        for written in replaced.iter().take(REPLACED_MAX).chain([connection]) {
            let put = Put::builder()
                .table_name(&table.name)
                .set_item(Some(table.row(&written.value, written.next_version(), &write_id)?))
                .condition_expression("#version = :version")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":version", crate::database::number(written.version()));
            parts.push(self.part(put)?);
        }
        Ok(parts)
    }

    fn part(&self, put: aws_sdk_dynamodb::types::builders::PutBuilder) -> Result<TransactWriteItem, StoreError> {
        let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).build();
        Ok(TransactWriteItem::builder().put(built(&self.table.name, put)?).build())
    }
}

/// What a connection's user claims. No user's id holds a space, so these names are in no user's own partition.
fn claims(sharing: AccountSharing, accounts: &[AccountId]) -> Vec<Claimed> {
    let mut accounts = accounts.to_vec();
    accounts.sort();
    accounts.dedup();
    if accounts.is_empty() {
        return Vec::new();
    }
    match sharing {
        AccountSharing::Refused => accounts
            .into_iter()
            .take(CLAIMS_MAX)
            .map(|account| Claimed { name: format!("account {account}"), accounts: vec![account], over: String::new() })
            .collect(),
        AccountSharing::Allowed => {
            let names: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
            let name = format!("accounts {}", hex::encode(Sha256::digest(names.join(" "))));
            vec![Claimed { name, accounts, over: String::new() }]
        }
    }
}
