//! The environment of a function: what the template sets, read once, in `main`.

use domain::AccountSharing;
use url::Url;

/// A setting that is missing or cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the environment variable {name} {problem}. The template (infra/template.yaml) sets it for every function that needs it: deploy the template again, or set it where this function runs."
)]
pub struct BadSetting {
    /// The variable.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

impl BadSetting {
    fn new(name: &str, problem: impl Into<String>) -> Self {
        Self { name: name.to_owned(), problem: problem.into() }
    }
}

/// A setting that must be there and not be empty.
pub fn required(name: &str) -> Result<String, BadSetting> {
    optional(name).ok_or_else(|| BadSetting::new(name, "is missing or empty"))
}

/// A setting that may be absent; empty counts as absent.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A setting that must be a URL.
pub fn required_url(name: &str) -> Result<Url, BadSetting> {
    let text = required(name)?;
    Url::parse(&text).map_err(|error| BadSetting::new(name, format!("is {text:?}, which is not a URL: {error}")))
}

/// Whether usernames of several users may reach one account; the template's default where it is not set.
pub fn account_sharing() -> Result<AccountSharing, BadSetting> {
    let shared = yes("COURIER_SHARED_ACCOUNTS")?;
    Ok(if shared { AccountSharing::Allowed } else { AccountSharing::Refused })
}

/// A setting that is `yes`, or `no` where it is not set.
pub fn yes(name: &str) -> Result<bool, BadSetting> {
    match optional(name).as_deref() {
        None | Some("no") => Ok(false),
        Some("yes") => Ok(true),
        Some(other) => Err(BadSetting::new(name, format!("is {other:?}; it must be yes or no"))),
    }
}
