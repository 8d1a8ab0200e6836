//! The consent page, as a browser without script meets it.

use axum::body::Body;
use http::Request;

use crate::client::{Answered, Client, encode};
use crate::world::{CALLBACK, USERNAME, World, world};

async fn request_token(client: &Client) -> String {
    let answer = client.step("request_token", &[("oauth_callback", "oob")], &|_| ()).await;
    answer.json()["oauth_token"].as_str().unwrap().to_owned()
}

async fn page(client: &Client, query: &str) -> Answered {
    client.raw(Request::get(format!("/authorize?{query}")).body(Body::empty()).unwrap()).await
}

async fn submit(client: &Client, query: &str, form: &str) -> Answered {
    client.raw(Request::post(format!("/authorize?{query}")).body(Body::from(form.to_owned())).unwrap()).await
}

async fn asked(world: &World) -> (Client, String) {
    let client = Client::new(world);
    let token = request_token(&client).await;
    (client, token)
}

#[tokio::test]
async fn the_page_names_the_consumer_and_the_usernames() {
    let world = world();
    let (client, token) = asked(&world).await;
    let shown = page(&client, &format!("oauth_token={token}")).await;
    assert_eq!(shown.status, 200);
    let text = shown.text();
    for expected in [
        "<html lang=\"en\">",
        "PAPERTEST",
        "<label for=\"username\">",
        "paper-ada (paper: DU0000001",
        ">Approve<",
        ">Cancel<",
    ] {
        assert!(text.contains(expected), "{expected} is missing: {text}");
    }
}

#[tokio::test]
async fn approving_leads_to_the_callback_with_token_and_verifier() {
    let world = world();
    let (client, token) = asked(&world).await;
    let query = format!("oauth_token={token}&redirect_uri={}", encode(CALLBACK));
    let form = format!("username={USERNAME}&decision=approve");
    let answer = submit(&client, &query, &form).await;
    let location = answer.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(answer.status, 303);
    let verifier = location.strip_prefix(&format!("{CALLBACK}?oauth_token={token}&oauth_verifier=")).unwrap();
    assert_eq!(verifier.len(), 20);
    assert_eq!(submit(&client, &query, &form).await.status, 400, "decided once");
    let exchange = [("oauth_token", token.as_str()), ("oauth_verifier", verifier)];
    assert_eq!(client.step("access_token", &exchange, &|_| ()).await.status, 200);
}

#[tokio::test]
async fn cancelling_leads_to_the_callback_with_the_token_and_without_a_verifier() {
    let world = world();
    let (client, token) = asked(&world).await;
    let query = format!("oauth_token={token}");
    let answer = submit(&client, &query, &format!("username={USERNAME}&decision=cancel")).await;
    let back = format!("{CALLBACK}?oauth_token={token}");
    assert_eq!((answer.status, answer.headers["location"].to_str().unwrap()), (303, back.as_str()));
    assert_eq!(page(&client, &query).await.status, 400, "the token is spent");
}

#[tokio::test]
async fn a_foreign_redirect_an_unknown_token_or_username_gets_a_page_that_says_so() {
    let world = world();
    let (client, token) = asked(&world).await;
    let foreign = page(&client, &format!("oauth_token={token}&redirect_uri=https%3A%2F%2Fevil.example")).await;
    assert!(foreign.status == 400 && foreign.text().contains("not the one that is registered"));
    let unknown = page(&client, "oauth_token=%3Cscript%3E").await;
    assert!(unknown.status == 400 && unknown.text().contains("unknown, used, or too old"));
    let stranger = submit(&client, &format!("oauth_token={token}"), "username=nobody&decision=approve").await;
    assert!(stranger.status == 400 && stranger.text().contains("username is not known"));
}
