//! Every shape that an answer to the sending of an order can have, in one: what is missing tells which it is.

use serde::Deserialize;

use super::loose::Loose;

/// One object, alone or in a list.
#[derive(Deserialize, Default)]
pub(crate) struct OrderAnswer {
    // A refusal.
    #[serde(default)]
    pub(crate) error: Loose,
    // An order that was taken in.
    #[serde(default)]
    pub(crate) order_id: Loose,
    #[serde(default)]
    pub(crate) order_status: Loose,
    // A question.
    #[serde(default)]
    pub(crate) id: Loose,
    #[serde(default)]
    pub(crate) message: Option<Texts>,
    #[serde(default, rename = "messageIds")]
    pub(crate) message_ids: Option<Vec<String>>,
    #[serde(default, rename = "messageOptions")]
    pub(crate) message_options: Option<Vec<String>>,
    // An advanced reject.
    #[serde(default, rename = "orderId")]
    pub(crate) prompt_order_id: Loose,
    #[serde(default, rename = "reqId")]
    pub(crate) request_id: Loose,
    #[serde(default)]
    pub(crate) text: Loose,
    #[serde(default)]
    pub(crate) options: Option<Vec<String>>,
    #[serde(default, rename = "messageId")]
    pub(crate) message_id: Loose,
    // The answer to a cancel.
    #[serde(default)]
    pub(crate) msg: Loose,
}

/// One text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// The error model of the /iserver group, and of problem+json (RFC 9457).
#[derive(Deserialize, Default)]
pub(crate) struct ErrorBody {
    #[serde(default)]
    pub(crate) error: Loose,
    #[serde(default)]
    pub(crate) detail: Loose,
    #[serde(default)]
    pub(crate) title: Loose,
    #[serde(default, rename = "statusCode")]
    status_code: Loose,
    /// Of problem+json; elsewhere it is a word.
    #[serde(default)]
    status: Loose,
}

impl ErrorBody {
    /// The HTTP status that the body tells, where it tells an error.
    pub(crate) fn told_status(&self) -> Option<u16> {
        let error = self.error.text().or_else(|| self.title.text());
        let number = |loose: &Loose| loose.text()?.parse::<u16>().ok();
        error.and_then(|_| number(&self.status_code).or_else(|| number(&self.status)))
    }
}

/// `/oauth/request_token`.
#[derive(Deserialize)]
pub(crate) struct RequestTokenBody {
    pub(crate) oauth_token: String,
}

/// `/oauth/access_token`. IBKR's schema calls the flag `is_true`, its examples `is_paper`.
#[derive(Deserialize)]
pub(crate) struct AccessTokenBody {
    pub(crate) oauth_token: String,
    pub(crate) oauth_token_secret: String,
    #[serde(default)]
    pub(crate) is_paper: Loose,
    #[serde(default)]
    pub(crate) is_true: Loose,
}

/// `/oauth/live_session_token`.
#[derive(Deserialize)]
pub(crate) struct LiveSessionTokenBody {
    #[serde(default)]
    pub(crate) diffie_hellman_response: Loose,
    #[serde(default)]
    pub(crate) live_session_token_signature: Loose,
    #[serde(default)]
    pub(crate) live_session_token_expiration: Loose,
}
