//! One broker username belongs to one user: the accounts that it reaches are claimed.

use domain::AccountSharing::{Allowed, Refused};
use domain::{AccountId, AccountSharing, Connection, ConnectionStatus};
use store::{CLAIMS_MAX, Connections, StoreError, Versioned};

use crate::support::{World, at, user};

/// A connection of this user under its own name, whose accounts are not known yet.
async fn begun(connections: &Connections, user_id: &str, connection_id: &str) -> Versioned<Connection> {
    let identity = ("TESTCONS", "test_realm");
    let connection = Connection::begin(user(user_id), connection_id.parse().unwrap(), identity, at(0));
    connections.put_new(&connection).await.unwrap()
}

fn accounts<S: AsRef<str>>(ids: &[S]) -> Vec<AccountId> {
    ids.iter().map(|id| id.as_ref().parse().unwrap()).collect()
}

async fn claim<S: AsRef<str>>(
    connections: &Connections,
    user_id: &str,
    ids: &[S],
    sharing: AccountSharing,
) -> Vec<AccountId> {
    let mut connection = begun(connections, user_id, &format!("c-{user_id}")).await;
    connection.value.status = ConnectionStatus::Connected;
    connection.value.accounts = accounts(ids);
    connections.save_claiming(&mut connection, sharing).await.unwrap()
}

async fn turn(connections: &Connections, user_id: &str, status: ConnectionStatus) {
    for mut connection in connections.list(&user(user_id)).await.unwrap() {
        connection.value.status = status;
        connections.save(&mut connection).await.unwrap();
    }
}

async fn accounts_on_record(connections: &Connections, user_id: &str) -> Vec<AccountId> {
    connections.list(&user(user_id)).await.unwrap().into_iter().flat_map(|found| found.value.accounts).collect()
}

#[tokio::test]
async fn an_account_of_another_user_is_named_and_nothing_is_written() {
    let world = World::new().await;
    let connections = &world.store.connections;
    assert_eq!(claim(connections, "u-7", &["U1", "U2"], Refused).await, []);
    assert_eq!(claim(connections, "u-8", &["U2", "U3"], Refused).await, accounts(&["U2"]));
    assert_eq!(accounts_on_record(connections, "u-8").await, []);
    assert_eq!(claim(connections, "u-9", &["U3"], Refused).await, [], "what was refused claims nothing");
}

#[tokio::test]
async fn a_claim_ends_with_the_last_connection_that_reaches_the_account_and_not_before() {
    let world = World::new().await;
    let connections = &world.store.connections;
    assert_eq!(claim(connections, "u-7", &["U1"], Refused).await, []);
    turn(connections, "u-7", ConnectionStatus::NeedsConsent).await;
    assert_eq!(claim(connections, "u-8", &["U1"], Refused).await, accounts(&["U1"]), "they may come back");
    turn(connections, "u-7", ConnectionStatus::Disconnected).await;
    assert_eq!(claim(connections, "u-9", &["U1"], Refused).await, []);
    let mut again = begun(connections, "u-7", "c-again").await;
    again.value.accounts = accounts(&["U1"]);
    assert_eq!(connections.save_claiming(&mut again, Refused).await.unwrap(), accounts(&["U1"]));
}

#[tokio::test]
async fn a_second_connection_of_the_same_user_keeps_the_claim_when_the_later_one_goes() {
    let world = World::new().await;
    let connections = &world.store.connections;
    assert_eq!(claim(connections, "u-7", &["U1"], Refused).await, []);
    let mut later = begun(connections, "u-7", "c-later").await;
    later.value.accounts = accounts(&["U1"]);
    later.value.status = ConnectionStatus::Connected;
    assert_eq!(connections.save_claiming(&mut later, Refused).await.unwrap(), []);
    later.value.status = ConnectionStatus::Disconnected;
    connections.save(&mut later).await.unwrap();
    assert_eq!(claim(connections, "u-8", &["U1"], Refused).await, accounts(&["U1"]));
}

#[tokio::test]
async fn where_accounts_may_be_shared_only_the_very_same_ones_are_one_username() {
    let world = World::new().await;
    let connections = &world.store.connections;
    assert_eq!(claim(connections, "advisor", &["F1", "U1", "U2"], Allowed).await, []);
    assert_eq!(claim(connections, "client", &["U1"], Allowed).await, []);
    let same = claim(connections, "stranger", &["U2", "F1", "U1"], Allowed).await;
    assert_eq!(same, accounts(&["F1", "U1", "U2"]), "in whatever order they are told");
}

#[tokio::test]
async fn a_stale_connection_is_a_conflict_and_claims_nothing() {
    let world = World::new().await;
    let connections = &world.store.connections;
    let mut first = begun(connections, "u-7", "c1").await;
    let mut stale = first.clone();
    connections.save(&mut first).await.unwrap();
    stale.value.accounts = accounts(&["U1"]);
    let saved = connections.save_claiming(&mut stale, Refused).await;
    assert!(matches!(saved, Err(StoreError::Conflict { .. })), "{saved:?}");
    assert_eq!(claim(connections, "u-8", &["U1"], Refused).await, []);
}

#[tokio::test]
async fn more_accounts_than_fit_into_a_transaction_are_told_apart_by_the_first() {
    let world = World::new().await;
    let connections = &world.store.connections;
    let many: Vec<String> = (0..CLAIMS_MAX + 20).map(|number| format!("U{number:04}")).collect();
    assert_eq!(claim(connections, "u-7", &many, Refused).await, []);
    let mut reversed = many.clone();
    reversed.reverse();
    assert_eq!(claim(connections, "u-8", &reversed, Refused).await.len(), CLAIMS_MAX);
    let mut saved = connections.list(&user("u-7")).await.unwrap().remove(0);
    assert_eq!(saved.version(), 2);
    connections.save(&mut saved).await.unwrap();
}

#[tokio::test]
async fn of_many_users_at_once_exactly_one_gets_an_account() {
    let world = World::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let connections = world.store.connections.clone();
        tasks.spawn(async move { claim(&connections, &format!("u-{number}"), &["U1"], Refused).await.is_empty() });
    }
    let got = tasks.join_all().await;
    assert_eq!(got.iter().filter(|got| **got).count(), 1);
}

#[tokio::test]
async fn a_claim_is_no_connection_of_anybody() {
    let world = World::new().await;
    let connections = &world.store.connections;
    assert_eq!(claim(connections, "u-7", &["U1"], Refused).await, []);
    assert_eq!(connections.all(10).await.unwrap().items.len(), 1);
    let shard = Connections::shard_of(&user("u-7"));
    assert_eq!(connections.due_for_renewal(shard, at(100), 10, None).await.unwrap().keys, []);
}
