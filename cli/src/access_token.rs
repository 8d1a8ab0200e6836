//! A file with an access token and its secret, as the portal shows them to a first party once.

use broker::AccessToken;
use domain::Secret;
use serde::Deserialize;

/// A first party's access token, or a user's.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) token: Secret,
    /// As the broker gave it: base64.
    pub(crate) sealed_secret: Secret,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    access_token: String,
    access_token_secret: String,
}

/// Reads the file's text; what is wrong with it, without a piece of it.
pub(crate) fn read(text: &str) -> Result<Access, String> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| format!("the file cannot be read (line {}, column {})", error.line(), error.column()))?;
    let token = document.access_token.trim().to_owned();
    AccessToken::new(&token).map_err(|error| error.to_string())?;
    Ok(Access { token: Secret::new(token), sealed_secret: Secret::new(document.access_token_secret.trim().to_owned()) })
}
