//! One broker username belongs to one user of the platform.

use std::time::Duration;

use domain::{Connection, ConnectionStatus, SessionState};
use paper_broker::{Fault, FaultKind};
use serde_json::{Value, json};
use simulation::{ACCOUNT, Answered, USER, USERNAME, World};

const OTHER: &str = "u-8";

/// Another user comes back from the broker with the consent of the first one's username.
async fn connect_the_same_username(world: &World, user_id: &str) -> Answered {
    let begun = world.begin_as(user_id).await;
    let address = world.broker().approve(&begun.request_token(), USERNAME).unwrap().parse().unwrap();
    world.come_back(&address, Some(&begun.cookie)).await
}

async fn only_connection(world: &World, user_id: &str) -> Connection {
    let mut connections = world.connections_of(user_id).await;
    assert_eq!(connections.len(), 1);
    connections.remove(0)
}

fn refused(connection: &Connection) {
    assert_eq!(connection.status, ConnectionStatus::Disconnected);
    assert_eq!(connection.last_error.as_ref().unwrap().code, "username_taken");
    assert_eq!((connection.accounts.len(), &connection.tokens, connection.next_renewal_at), (0, &None, None));
}

fn limit() -> Value {
    json!({"type": "limit", "limit_price": "186"})
}

#[tokio::test(start_paused = true)]
async fn a_username_that_another_user_connected_is_refused_and_nothing_of_theirs_is_disturbed() {
    let world = World::with_a_connected_user().await;
    let before = world.connections().await;
    let inits = world.calls("POST /iserver/auth/ssodh/init").len();
    let answered = connect_the_same_username(&world, OTHER).await;
    assert_eq!(answered.status, 409);
    assert!(answered.text.contains("connected by another user"), "{}", answered.text);
    assert!(!answered.text.contains(ACCOUNT));
    refused(&only_connection(&world, OTHER).await);
    let shown =
        world.api_as(&json!({"sub": OTHER}), "GET /connections", &json!({})).await.json["connections"][0].clone();
    assert_eq!(shown["session"]["condition"], "username_taken");
    assert!(shown["session"]["remedy"].as_str().unwrap().contains("disconnect there first"), "{shown}");
    assert_eq!(shown["accounts"], json!([]));
    assert_eq!(world.connections().await, before);
    assert_eq!(world.calls("POST /iserver/auth/ssodh/init").len(), inits, "no session of the username was asked for");
    assert_eq!(world.calls("POST /logout").len(), 0);
    world.place("first", &limit());
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
}

#[tokio::test(start_paused = true)]
async fn where_the_broker_tells_the_accounts_late_the_second_user_is_refused_then() {
    let world = World::with_a_connected_user().await;
    let before = world.connections().await;
    world.broker().add_fault(Fault::next(
        "GET",
        "/portfolio/accounts",
        FaultKind::Unavailable { executed: false, delay_ms: 0 },
    ));
    assert_eq!(connect_the_same_username(&world, OTHER).await.status, 303);
    let connection = only_connection(&world, OTHER).await;
    assert!(matches!(connection.session, SessionState::Competing { .. }), "the first one's session stands");
    assert_eq!(connection.accounts, []);
    assert_eq!(world.connections().await, before);
    // They may not push out whom they do not know.
    let path = json!({"path": {"connection_id": connection.connection_id.as_str()}, "body": {"take_session": true, "keep_warm": true}});
    assert_eq!(world.api_as(&json!({"sub": OTHER}), "PUT /connections/{connection_id}", &path).await.status, 200);
    world.run_for(Duration::from_mins(2)).await;
    assert_eq!(only_connection(&world, OTHER).await.status, ConnectionStatus::Connected);
    assert!(matches!(world.connections().await[0].session, SessionState::Established { .. }));
    // The first one's session ends by itself; the second one's first session tells the accounts.
    world.run_for(Duration::from_hours(2)).await;
    refused(&only_connection(&world, OTHER).await);
    assert_eq!(world.connections().await[0].status, ConnectionStatus::Connected);
    world.place("first", &limit());
    world.run_for(Duration::from_mins(1)).await;
    assert_eq!(world.status("first").await, "working");
}

#[tokio::test(start_paused = true)]
async fn of_two_users_who_come_back_at_once_with_one_username_exactly_one_is_connected() {
    let world = World::start().await;
    let (first, second) =
        tokio::join!(connect_the_same_username(&world, USER), connect_the_same_username(&world, OTHER));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 409]);
}

#[tokio::test(start_paused = true)]
async fn the_same_user_may_connect_their_username_again() {
    let world = World::start().await;
    world.connect_user().await;
    let again = world.connect_user().await;
    let connections = world.connections().await;
    let latest = connections.iter().find(|connection| connection.connection_id == again).unwrap();
    assert_eq!((latest.status, latest.accounts.len()), (ConnectionStatus::Connected, 1));
}

#[tokio::test(start_paused = true)]
async fn a_username_is_free_for_another_user_once_no_connection_of_the_first_reaches_it() {
    let world = World::start().await;
    let ids = [world.connect_user().await, world.connect_user().await];
    for id in &ids {
        assert_eq!(connect_the_same_username(&world, OTHER).await.status, 409);
        let path = json!({"path": {"connection_id": id.as_str()}});
        assert_eq!(world.api("DELETE /connections/{connection_id}", &path).await.status, 204);
    }
    assert_eq!(connect_the_same_username(&world, OTHER).await.status, 303);
    assert_eq!(connect_the_same_username(&world, USER).await.status, 409);
}
