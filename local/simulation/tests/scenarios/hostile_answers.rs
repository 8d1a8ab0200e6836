//! What whoever writes the broker's answers, or has a piece of somebody's consent, gets out of it.

use domain::ConnectionStatus;
use paper_broker::{Fault, FaultKind};
use simulation::World;

#[tokio::test(start_paused = true)]
async fn markup_in_the_brokers_words_is_text_on_our_page() {
    let world = World::start().await;
    let begun = world.begin().await;
    let back = world.consent(&begun);
    let markup = "<script>alert(document.cookie)</script>";
    let fault = FaultKind::Answer {
        executed: false,
        status: 500,
        content_type: "application/json".to_owned(),
        body: format!("{{\"error\": \"{markup}\"}}"),
    };
    world.broker().add_fault(Fault { times: 10, ..Fault::next("POST", "/oauth/access_token", fault) });
    let answered = world.come_back(&back, Some(&begun.cookie)).await;
    assert_eq!(answered.status, 502, "{}", answered.text);
    assert!(!answered.text.contains("<script"), "{}", answered.text);
    assert!(answered.text.contains("&lt;script&gt;"), "the broker's words are shown: {}", answered.text);
}

#[tokio::test(start_paused = true)]
async fn a_cookie_without_the_request_token_connects_nobody() {
    let world = World::start().await;
    let (users, thiefs) = (world.begin().await, world.begin().await);
    // The thief has the user's cookie, and a request token and a verifier of their own consent.
    let back = world.consent(&thiefs);
    let answered = world.come_back(&back, Some(&users.cookie)).await;
    assert_eq!(answered.status, 400, "{}", answered.text);
    let status_of = async |id: &domain::ConnectionId| {
        let connections = world.connections().await;
        connections.into_iter().find(|connection| connection.connection_id == *id).unwrap().status
    };
    assert_eq!(status_of(&users.connection_id).await, ConnectionStatus::Pending);
    assert_eq!(status_of(&thiefs.connection_id).await, ConnectionStatus::Pending);
    let own = world.consent(&users);
    assert_eq!(world.come_back(&own, Some(&users.cookie)).await.status, 303);
}
