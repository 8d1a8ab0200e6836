//! Advisors, whose lists of accounts hold `All` and the names of groups.

use std::time::Duration;

use domain::{ConnectionStatus, SessionState};
use serde_json::json;
use simulation::{ACCOUNT, ALGORITHM, USERNAME, World};

const SECOND: &str = "u-8";

/// A user comes back from the broker with the consent of a username.
async fn connect(world: &World, user_id: &str, username: &str) -> u16 {
    let begun = world.begin_as(user_id).await;
    let address = world.broker().approve(&begun.request_token(), username).unwrap().parse().unwrap();
    world.come_back(&address, Some(&begun.cookie)).await.status
}

async fn world_of_advisors() -> World {
    let world = World::start().await;
    world.broker().change_options(|options| {
        options.account_groups = vec!["All".to_owned(), "Long Only".to_owned(), "Group1".to_owned()];
    });
    world
}

#[tokio::test(start_paused = true)]
async fn an_advisors_session_opens_and_what_is_no_account_becomes_none() {
    let world = world_of_advisors().await;
    world.connect_user().await;
    let connection = &world.connections().await[0];
    assert!(matches!(connection.session, SessionState::Established { .. }), "{:?}", connection.session);
    let accounts: Vec<&str> = connection.accounts.iter().map(domain::AccountId::as_str).collect();
    assert_eq!(accounts, [ACCOUNT]);
    let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [ACCOUNT]}});
    assert_eq!(world.api("PUT /grants/{algorithm_id}", &grant).await.status, 200);
    world.place("first", &json!({"type": "limit", "limit_price": "186"}));
    world.settle().await;
    assert_eq!(world.status("first").await, "working");
}

#[tokio::test(start_paused = true)]
async fn two_advisors_are_not_taken_for_one_another() {
    let world = world_of_advisors().await;
    assert_eq!(connect(&world, simulation::USER, USERNAME).await, 303);
    assert_eq!(connect(&world, SECOND, "paper-bob").await, 303);
    world.run_for(Duration::from_mins(5)).await;
    for user_id in [simulation::USER, SECOND] {
        let connections = world.connections_of(user_id).await;
        assert_eq!(connections.len(), 1);
        assert_eq!(connections[0].status, ConnectionStatus::Connected, "{user_id}: {:?}", connections[0].last_error);
        assert!(connections[0].accounts.iter().all(|account| account.as_str().starts_with("DU")), "{user_id}");
    }
}
