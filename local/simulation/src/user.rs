//! What a user does in their browser.

use domain::ConnectionId;
use paper_broker::User;
use serde_json::{Value, json};
use url::Url;

use crate::http::{Answered, request};
use crate::world::{ALGORITHM, USER, USERNAME, World};

/// A connection that was begun, in one browser.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its id.
    pub connection_id: ConnectionId,
    /// Where the user consents.
    pub authorize_url: Url,
    /// `name=value` of the browser's cookie.
    pub cookie: String,
}

impl Begun {
    /// The request token, which the browser carries to the broker.
    #[must_use]
    pub fn request_token(&self) -> String {
        parameter(&self.authorize_url, "oauth_token").expect("the address holds a request token")
    }
}

impl World {
    /// All three legs: begins, consents at the broker, comes back. The connection works afterwards.
    pub async fn connect_user(&self) -> ConnectionId {
        self.connect(USER, USERNAME).await
    }

    /// As [`World::connect_user`], for any user and their username at the broker.
    pub async fn connect(&self, user_id: &str, username: &str) -> ConnectionId {
        let begun = self.begin_as(user_id).await;
        let address = self.broker().approve(&begun.request_token(), username).unwrap().parse().unwrap();
        let answered = self.come_back(&address, Some(&begun.cookie)).await;
        assert_eq!(answered.status, 303, "{}", answered.text);
        begun.connection_id
    }

    /// Another user, who is connected with a username and an account of their own and has granted the algorithm it.
    pub async fn add_user(&self, user_id: &str, username: &str, account_id: &str) {
        let accounts = vec![account_id.to_owned()];
        self.broker().register_user(User { username: username.to_owned(), paper: true, accounts }).unwrap();
        self.connect(user_id, username).await;
        let grant = json!({"path": {"algorithm_id": ALGORITHM}, "body": {"account_ids": [account_id]}});
        let granted = self.api_as(&json!({"sub": user_id}), "PUT /grants/{algorithm_id}", &grant).await;
        assert_eq!(granted.status, 200, "{}", granted.text);
    }

    /// `POST /connections`, as the user. It must succeed.
    pub async fn begin(&self) -> Begun {
        self.begin_as(USER).await
    }

    /// As [`World::begin`], for any user.
    pub async fn begin_as(&self, user_id: &str) -> Begun {
        begun(&self.try_to_begin_as(user_id).await)
    }

    /// `POST /connections`, as the user.
    pub async fn try_to_begin(&self) -> Answered {
        self.try_to_begin_as(USER).await
    }

    async fn try_to_begin_as(&self, user_id: &str) -> Answered {
        let request = request("POST /connections", &json!({"sub": user_id}), &json!({}));
        Answered::of(self.functions.start.handle(&request).await).await
    }

    /// The user says yes at the broker; the address to which the broker sends their browser.
    #[must_use]
    pub fn consent(&self, begun: &Begun) -> Url {
        self.broker().approve(&begun.request_token(), USERNAME).unwrap().parse().unwrap()
    }

    /// The browser comes back from the broker.
    pub async fn come_back(&self, address: &Url, cookie: Option<&str>) -> Answered {
        let query: Value = address.query_pairs().map(|(name, value)| (name.into_owned(), json!(value))).collect();
        let cookies: Vec<&str> = cookie.into_iter().collect();
        let request = request("GET /oauth/callback", &Value::Null, &json!({"query": query, "cookies": cookies}));
        Answered::of(self.functions.callback.invoked().await.handle(&request).await).await
    }
}

fn begun(answered: &Answered) -> Begun {
    assert_eq!(answered.status, 201, "{}", answered.text);
    let text = |field: &str| answered.json[field].as_str().unwrap_or_default();
    Begun {
        connection_id: text("connection_id").parse().unwrap(),
        authorize_url: text("authorize_url").parse().unwrap(),
        cookie: answered.cookies[0].clone(),
    }
}

fn parameter(address: &Url, name: &str) -> Option<String> {
    address.query_pairs().find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}
