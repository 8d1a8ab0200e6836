use access::Tokens;
use broker::{AccessToken, AccessTokenSecret};
use domain::{Connection, ConnectionId, UserId};

use super::*;
use crate::testing::{World, at};

fn settled() -> SealingSecret {
    SealingSecret::parse(Secret::new("a".repeat(32))).unwrap()
}

fn replaced() -> SealingSecret {
    settled().announce(Secret::new("b".repeat(32)), at(1)).replace(at(2))
}

async fn connect(connections: &Connections, tokens: &Tokens, user: &str) {
    let (user, id): (UserId, ConnectionId) = (user.parse().unwrap(), "c1".parse().unwrap());
    let mut connection = Connection::begin(user.clone(), id.clone(), ("COURIERXX", "limited_poa"), at(0));
    let token = AccessToken::new("0123456789abcdef0123").unwrap();
    let secret = AccessTokenSecret::from_bytes(vec![7; 16]);
    connection.tokens = Some(tokens.seal_consent(&user, &id, &token, &secret).unwrap());
    connections.put_new(&connection).await.unwrap();
}

#[tokio::test]
async fn every_token_is_sealed_anew_once_and_opens_with_the_new_key_alone() {
    let world = World::new().await;
    let connections = &world.store.connections;
    for user in ["u-1", "u-2"] {
        connect(connections, &tokens_of(&settled()).unwrap(), user).await;
    }
    connect(connections, &tokens_of(&replaced()).unwrap(), "u-3").await;
    let before = look(&replaced(), connections).await.unwrap();
    assert_eq!((before.connections, before.sealed_with_the_other_key), (3, 2));

    assert_eq!(seal_anew(connections, &tokens_of(&replaced()).unwrap()).await.unwrap(), 2);
    assert_eq!(seal_anew(connections, &tokens_of(&replaced()).unwrap()).await.unwrap(), 0);

    let finished = replaced().finish();
    assert_eq!(look(&finished, connections).await.unwrap().sealed_with_the_other_key, 0);
    // A third key seals only what the new one opens.
    let next = tokens_of(&finished.announce(Secret::new("c".repeat(32)), at(3)).replace(at(4))).unwrap();
    for mut connection in connections.all(10).await.unwrap().items {
        assert!(next.seal_anew(&mut connection.value).unwrap());
    }
}

#[tokio::test]
async fn a_connection_that_nothing_here_opens_stops_the_rotation_before_a_key_is_dropped() {
    let world = World::new().await;
    let connections = &world.store.connections;
    let foreign = SealingSecret::parse(Secret::new("x".repeat(32))).unwrap();
    connect(connections, &tokens_of(&foreign).unwrap(), "u-1").await;
    let error = seal_anew(connections, &tokens_of(&replaced()).unwrap()).await.unwrap_err();
    assert!(error.with_causes().contains("let the user connect again"), "{}", error.with_causes());
}

#[test]
fn one_connection_is_told_in_the_singular() {
    let outcome = |connections| Outcome { rotation: "none".to_owned(), connections, ..Outcome::default() };
    assert!(words(&outcome(1)).ends_with("One would seal 1 connection anew."), "{}", words(&outcome(1)));
    assert!(words(&outcome(2)).ends_with("One would seal 2 connections anew."), "{}", words(&outcome(2)));
}

#[test]
fn a_new_key_is_long_and_never_the_same() {
    let (one, other) = (new_key(), new_key());
    assert_eq!(one.expose().len(), 64);
    assert_ne!(one.expose(), other.expose());
    let secret = SealingSecret::parse(one).unwrap();
    assert!(tokens_of(&secret).is_ok());
}
