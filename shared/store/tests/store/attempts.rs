//! An attempt is taken once, by the browser that began it.

use domain::Secret;
use store::{Attempt, SecretHash, Taken};

use crate::support::{World, at, user};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn attempt(request_token: &str, cookie: &str) -> Attempt {
    Attempt {
        request_token_hash: SecretHash::of(&secret(request_token)),
        cookie_hash: SecretHash::of(&secret(cookie)),
        user_id: user("u-7"),
        connection_id: "c1".parse().unwrap(),
        expires_at: at(600),
    }
}

#[tokio::test]
async fn an_attempt_is_taken_once() {
    let world = World::new().await;
    let attempts = &world.store.attempts;
    attempts.put(&attempt("token", "cookie")).await.unwrap();
    let take = || async { attempts.take_once(&secret("token"), Some(&secret("cookie")), at(1)).await.unwrap() };
    assert_eq!(take().await, Taken::Yes(attempt("token", "cookie")));
    assert_eq!(take().await, Taken::AlreadyTaken);
}

#[tokio::test]
async fn another_browser_takes_nothing_and_leaves_the_attempt_to_its_own() {
    let world = World::new().await;
    let attempts = &world.store.attempts;
    attempts.put(&attempt("token", "cookie")).await.unwrap();
    for cookie in [None, Some(secret("other")), Some(secret(""))] {
        let taken = attempts.take_once(&secret("token"), cookie.as_ref(), at(1)).await.unwrap();
        assert_eq!(taken, Taken::OtherBrowser);
    }
    let taken = attempts.take_once(&secret("token"), Some(&secret("cookie")), at(1)).await.unwrap();
    assert_eq!(taken, Taken::Yes(attempt("token", "cookie")));
    // What has become of it is not told to strangers either.
    assert_eq!(attempts.take_once(&secret("token"), None, at(1)).await.unwrap(), Taken::OtherBrowser);
}

#[tokio::test]
async fn a_late_or_unknown_attempt_is_not_taken() {
    let world = World::new().await;
    let attempts = &world.store.attempts;
    attempts.put(&attempt("token", "cookie")).await.unwrap();
    let take = |token, now| {
        let attempts = attempts.clone();
        async move { attempts.take_once(&secret(token), Some(&secret("cookie")), now).await.unwrap() }
    };
    assert_eq!(take("token", at(600)).await, Taken::Expired);
    assert_eq!(take("other", at(1)).await, Taken::Unknown);
    assert_eq!(take("token", at(599)).await, Taken::Yes(attempt("token", "cookie")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_who_take_at_once_one_does() {
    let world = World::new().await;
    world.store.attempts.put(&attempt("token", "cookie")).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let attempts = world.store.attempts.clone();
        tasks.push(tokio::spawn(async move {
            attempts.take_once(&secret("token"), Some(&secret("cookie")), at(1)).await.unwrap()
        }));
    }
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Taken::Yes(_) => taken += 1,
            other => assert_eq!(other, Taken::AlreadyTaken),
        }
    }
    assert_eq!(taken, 1);
}

#[tokio::test]
async fn a_lost_answer_to_taking_is_recognised_as_our_own() {
    let world = World::new().await;
    world.store.attempts.put(&attempt("token", "cookie")).await.unwrap();
    let losing = world.losing_the_first_answer();
    let taken = losing.attempts.take_once(&secret("token"), Some(&secret("cookie")), at(1)).await.unwrap();
    assert_eq!(taken, Taken::Yes(attempt("token", "cookie")));
}

#[tokio::test]
async fn rows_hold_hashes_and_a_time_to_live_of_a_day_after_expiry() {
    let world = World::new().await;
    world.store.attempts.put(&attempt("very-secret-token", "very-secret-cookie")).await.unwrap();
    let rows = world.database.client().scan().table_name("attempts").send().await.unwrap().items.unwrap();
    assert_eq!(rows.len(), 1);
    for row in rows {
        assert!(!format!("{row:?}").contains("very-secret"));
        let kept_until: i64 = row["expires_at_epoch_seconds"].as_n().unwrap().parse().unwrap();
        assert_eq!(kept_until, at(600 + 86_400).as_second());
    }
}
