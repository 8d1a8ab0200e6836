//! Connections.

use domain::{
    Connection, ConnectionStatus, Environment, Reason, ReasonCode, Sealed, SealedLiveSessionToken, SealedTokens,
    SessionState,
};
use store::{Connections, StoreError, connection_from_image};

use crate::support::{World, at, user};

fn connection(user_id: &str, connection_id: &str) -> Connection {
    Connection::begin(user(user_id), connection_id.parse().unwrap(), ("TESTCONS", "test_realm"), at(0))
}

fn connected(user_id: &str, connection_id: &str) -> Connection {
    let sealed = || Sealed("c2VhbGVk".to_owned());
    Connection {
        status: ConnectionStatus::Connected,
        environment: Some(Environment::Paper),
        accounts: vec!["DU0000001".parse().unwrap()],
        session: SessionState::Established { since: at(1) },
        last_error: Some(Reason::new(ReasonCode::Competing, "another login has the session")),
        tokens: Some(SealedTokens {
            access_token: sealed(),
            access_token_secret: sealed(),
            live_session_token: Some(SealedLiveSessionToken {
                sealed: sealed(),
                issued_at: at(0),
                expires_at: at(86_400),
            }),
        }),
        next_renewal_at: Some(at(100)),
        ..connection(user_id, connection_id)
    }
}

#[tokio::test]
async fn a_connection_comes_back_as_it_was_saved() {
    let world = World::new().await;
    let connections = &world.store.connections;
    let mut saved = connections.put_new(&connection("u-7", "c1")).await.unwrap();
    saved.value = connected("u-7", "c1");
    connections.save(&mut saved).await.unwrap();
    let read = connections.get(&user("u-7"), &"c1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(read, saved);
    assert_eq!(connections.get(&user("u-7"), &"c2".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_is_taken_once_and_a_stale_save_is_a_conflict() {
    let world = World::new().await;
    let connections = &world.store.connections;
    let mut first = connections.put_new(&connection("u-7", "c1")).await.unwrap();
    let again = connections.put_new(&connection("u-7", "c1")).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
    let mut stale = first.clone();
    connections.save(&mut first).await.unwrap();
    assert!(matches!(connections.save(&mut stale).await, Err(StoreError::Conflict { .. })));
}

#[tokio::test]
async fn a_lost_answer_to_a_new_connection_is_recognised_as_our_own() {
    let world = World::new().await;
    let losing = world.losing_the_first_answer();
    assert_eq!(losing.connections.put_new(&connection("u-7", "c1")).await.unwrap().version(), 1);
}

#[tokio::test]
async fn a_user_sees_only_their_own_and_finds_them_by_account() {
    let world = World::new().await;
    let connections = &world.store.connections;
    connections.put_new(&connection("u-7", "c1")).await.unwrap();
    connections.put_new(&connected("u-7", "c2")).await.unwrap();
    connections.put_new(&connected("u-8", "c3")).await.unwrap();
    let ids = |list: Vec<store::Versioned<Connection>>| -> Vec<String> {
        list.into_iter().map(|connection| connection.value.connection_id.to_string()).collect()
    };
    assert_eq!(ids(connections.list(&user("u-7")).await.unwrap()), ["c2", "c1"]);
    let account = "DU0000001".parse().unwrap();
    assert_eq!(ids(connections.of_account(&user("u-7"), &account).await.unwrap()), ["c2"]);
    assert_eq!(ids(connections.of_account(&user("u-9"), &account).await.unwrap()), [""; 0]);
}

#[tokio::test]
async fn renewal_is_due_only_where_there_is_something_to_renew() {
    let world = World::new().await;
    let connections = &world.store.connections;
    connections.put_new(&connection("u-7", "c1")).await.unwrap();
    let mut due = connections.put_new(&connected("u-7", "c2")).await.unwrap();
    let shard = Connections::shard_of(&user("u-7"));
    assert_eq!(connections.due_for_renewal(shard, at(99), 10, None).await.unwrap().keys, []);
    let expected = [(user("u-7"), "c2".parse().unwrap())];
    assert_eq!(connections.due_for_renewal(shard, at(100), 10, None).await.unwrap().keys, expected);
    due.value.next_renewal_at = None;
    connections.save(&mut due).await.unwrap();
    assert_eq!(connections.due_for_renewal(shard, at(100), 10, None).await.unwrap().keys, []);
}

#[tokio::test]
async fn what_is_due_comes_page_by_page_and_each_once() {
    let world = World::new().await;
    let connections = &world.store.connections;
    for number in 0..25 {
        let mut due = connected("u-7", &format!("c{number:02}"));
        due.next_renewal_at = Some(at(100 - number / 3));
        connections.put_new(&due).await.unwrap();
    }
    let shard = Connections::shard_of(&user("u-7"));
    let (mut found, mut behind, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = connections.due_for_renewal(shard, at(100), 10, behind).await.unwrap();
        found.extend(page.keys.into_iter().map(|(_, connection_id)| connection_id.to_string()));
        pages += 1;
        let Some(next) = page.next else { break };
        behind = Some(next);
    }
    assert_eq!((pages, found.len()), (3, 25));
    assert_eq!(found[0], "c24", "the longest due first");
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 25);
}

#[tokio::test]
async fn an_image_of_the_stream_is_the_connection_again() {
    let world = World::new().await;
    world.store.connections.put_new(&connected("u-7", "c1")).await.unwrap();
    let rows = world.database.client().scan().table_name("connections").send().await.unwrap().items.unwrap();
    assert_eq!(connection_from_image(rows[0].clone().into()).unwrap(), Some(connected("u-7", "c1")));
}
