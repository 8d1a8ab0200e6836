//! Why a command failed, and what to do about it.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::{AlgorithmId, ConnectionId, OrderKey, UserId};
use platform::ConsumerError;
use sessions::CompleteError;
use stack::StackError;
use store::{SealError, StoreError};
use trading::ReviewRefused;

type Source = Box<dyn Error + Send + Sync>;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CourierError {
    /// The local stack did not start, or did not answer.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The project's files were not found.
    #[error(
        "infra/template.yaml was found neither in this folder or above, nor above this program, nor where it was compiled. \
         Run it in a checkout of the project."
    )]
    NoWorkspace,
    /// A file of the project cannot be used.
    #[error("{path}: {problem}")]
    File { path: PathBuf, problem: String },
    /// Something on this machine did not work.
    #[error("{doing} failed")]
    Machine { doing: &'static str, source: Source },
    /// AWS, or its look-alike, did not do what was asked.
    #[error("{doing} failed. Check the region, the credentials and AWS_ENDPOINT_URL")]
    Aws { doing: String, source: Source },
    /// A stack has no such output.
    #[error(
        "the stack {stack:?} has no output {output}. Name the stack with --stack, or set {variable} in the environment."
    )]
    NoOutput { stack: String, output: &'static str, variable: String },
    /// The command and the environment may mean two stacks.
    #[error(
        "nothing was done: --stack {stack} is named, and the environment says {variable}, which may be another stack's. Leave \
         --stack out to go by the environment, or take its COURIER_ variables (and AWS_ENDPOINT_URL) away: `env -u {variable} …`, \
         or a new shell."
    )]
    StackBeside { stack: String, variable: String },
    /// There is no such stack.
    #[error("there is no stack {0:?} in this region and account. Name it with --stack, and check AWS_REGION.")]
    NoStack(String),
    /// The secret holds keys already.
    #[error(
        "the consumer's secret holds keys already, and IBKR may hold their public halves. `courier keys show` tells which; \
         --replace makes new ones all the same, and --out makes files alone."
    )]
    KeysThere,
    /// The name that is to be halted is nobody's here.
    #[error(
        "nothing was halted: {0} is not known here. It has no connection, order, grant, limit, halt or registration. \
         `courier connections list` and `courier algorithms list` show the names. --yes halts it all the same."
    )]
    NobodyToHalt(String),
    /// The name whose halt is to be lifted is nobody's here.
    #[error(
        "nothing was resumed: {0} is not known here, and was never halted. `courier halt list` shows the halts that are on."
    )]
    NobodyToResume(String),
    /// The doctor was given nothing, and the stack's secret was not read.
    #[error(
        "there is nothing to examine. Without a stack give a file: `courier doctor --secret-file consumer.json`, or for another \
         client's request `courier doctor --header FILE`"
    )]
    NothingToExamine(#[source] Box<CourierError>),
    /// The encryption key was moved before.
    #[error(
        "the encryption key is in a secret of its own already, and in the consumer's secret no more. Nothing is to be done."
    )]
    PartedBefore,
    /// The secret holds no keys.
    #[error("the consumer's secret is empty. `courier keys generate` fills it.")]
    NoKeys,
    /// The secret cannot be read.
    #[error("the consumer's secret cannot be used: {0}. `courier doctor --offline` tells all that is wrong with it.")]
    KeysMalformed(String),
    /// A consumer key or a realm that cannot be one.
    #[error("nothing was stored: {0}. Compare it letter by letter with what IBKR wrote.")]
    ConsumerKeyRefused(String),
    /// A consumer key or a realm that is odd, or takes the place of another.
    #[error("nothing was stored: {0}. If it is so all the same, say it once more with --yes.")]
    ConsumerKeyDoubted(String),
    /// There is no such order.
    #[error(
        "there is no order {0}. `courier orders list --user …` shows those that there are, and `courier refusals list` the messages \
         that became none."
    )]
    NoOrder(OrderKey),
    /// A person's decision was not written.
    #[error(transparent)]
    Review(#[from] ReviewRefused),
    /// An order by cash is filled by a quantity that only the broker tells.
    #[error("say how much was filled: --filled QUANTITY. The order does not tell its quantity itself.")]
    FilledUnknown,
    /// There is no such connection.
    #[error(
        "the user {user} has no connection {connection}. `courier connections list --user …` shows those that there are."
    )]
    NoConnection { user: UserId, connection: ConnectionId },
    /// The file with the access token cannot be used.
    #[error(
        "the access token cannot be used: {0}. The file is a JSON object with access_token (20 hexadecimal digits) and \
         access_token_secret (344 characters of base64)."
    )]
    AccessToken(String),
    /// The access token became no connection.
    #[error(
        "the access token was not imported, and nothing was kept. `courier doctor --access-token FILE` finds out more"
    )]
    Import(#[source] CompleteError),
    /// The access token became no connection, for a reason of our own.
    #[error("the access token was not imported, and nothing was kept")]
    ImportRefused(#[source] CompleteError),
    /// The consumer's secret cannot be used.
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    /// A value of the stack cannot be used.
    #[error("{name} is {value:?}: {problem}")]
    Setting { name: &'static str, value: String, problem: String },
    /// There is no such dead letter.
    #[error(
        "no dead letter with the id {0} is there now: it was replayed, deleted or is being read by another person just now. \
         `courier dead-letters list` shows those that are there."
    )]
    NoDeadLetter(String),
    /// A local service gave no answer.
    #[error("{request}: no answer")]
    NoAnswer { request: String, source: Source },
    /// A local service answered something else than it should.
    #[error("{request} answered {status}: {body}")]
    Unexpected { request: String, status: u16, body: String },
    /// The consent flow stopped.
    #[error("the consent flow stopped: {0}")]
    Consent(String),
    /// The algorithm's id is reserved.
    #[error("`self` stands for the orders that users place in person, and cannot be registered. Choose another id.")]
    OwnHand,
    /// A token was not sealed anew.
    #[error("a connection was not sealed anew; the old key stays, and the next run goes on")]
    SealAnew(#[source] SealError),
    /// A rotation did not come to its end.
    #[error("connections were sealed with the old key meanwhile; it stays. Run the command again: it goes on.")]
    RotationUnfinished,
    /// There is no such algorithm.
    #[error("there is no algorithm {0} in this stack. `courier algorithms list` shows those that there are.")]
    NoAlgorithm(AlgorithmId),
}

impl CourierError {
    pub(crate) fn machine(doing: &'static str) -> impl Fn(Source) -> Self {
        move |source| Self::Machine { doing, source }
    }

    /// AWS's own words where it gave some, else what went wrong on the way.
    pub(crate) fn aws<E, R>(doing: impl Into<String>, error: SdkError<E, R>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let doing = doing.into();
        match error.message() {
            Some(message) => Self::Aws { doing, source: message.into() },
            None => Self::Aws { doing, source: error.into() },
        }
    }

    /// The error for people: with its causes, and with what is behind them where their words do not tell.
    pub(crate) fn told(&self, endpoint: Option<String>) -> String {
        let told = self.with_causes();
        if lacks_credentials(&told) {
            return match self {
                Self::NothingToExamine(_) => format!("{told}\nFor a stack: {NO_CREDENTIALS}"),
                _ => format!("{NO_CREDENTIALS}\nWhat failed for it: {told}"),
            };
        }
        match Self::hint(&told, endpoint) {
            Some(hint) => format!("{told}\n{hint}"),
            None => told,
        }
    }

    /// What else to look at, where the failure is one that its words do not explain.
    fn hint(told: &str, endpoint: Option<String>) -> Option<String> {
        let endpoint = endpoint.filter(|_| told.contains("Connection refused"))?;
        Some(format!(
            "Nothing listens at {endpoint}, where AWS_ENDPOINT_URL leads. Does the `courier local` still run that made this environment? \
             Give `source …` as the one that runs prints it, or unset AWS_ENDPOINT_URL."
        ))
    }

    /// The error, and after it each cause that adds something.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !text.contains(&words) {
                // Writing to a string does not fail.
                let _ = write!(text, ": {words}");
            }
            cause = error.source();
        }
        text
    }
}

const NO_CREDENTIALS: &str = "there are no AWS credentials here, so AWS was not asked. For the local stack `source` the file that \
     `courier local` printed. For a deployed one set AWS_PROFILE and AWS_REGION, and name it with --stack.";

/// Whether the SDK found no credentials at all: then it ends its search at the metadata service of a machine of EC2.
fn lacks_credentials(told: &str) -> bool {
    told.contains("no credentials found in chain") || told.contains("failed to load IMDS session token")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the SDK's words, with and without a metadata service to ask.
    #[test]
    fn that_there_are_no_credentials_is_said_first_with_what_to_do() {
        let words = [
            "an error occurred while loading credentials: failed to load IMDS session token: service error: request forbidden: \
             IMDS is disabled or the caller has insufficient permissions.",
            "the credential provider was not enabled: no credentials found in chain. Attempted:\n  Environment: not set",
        ];
        for words in words {
            let error = CourierError::Aws { doing: "reading the outputs".to_owned(), source: words.into() };
            let told = error.told(None);
            assert!(told.starts_with("there are no AWS credentials here"), "{told}");
            for next in ["`source`", "AWS_PROFILE", "--stack", words] {
                assert!(told.contains(next), "{next}: {told}");
            }
            let doctor = CourierError::NothingToExamine(Box::new(error)).told(None);
            assert!(doctor.starts_with("there is nothing to examine") && doctor.contains("AWS_PROFILE"), "{doctor}");
        }
        let other = CourierError::Aws { doing: "reading the outputs".to_owned(), source: "AccessDenied".into() };
        assert!(other.told(None).starts_with("reading the outputs failed"), "{}", other.told(None));
    }

    #[test]
    fn an_environment_whose_stack_has_ended_is_named() {
        let endpoint = Some("http://127.0.0.1:4566".to_owned());
        let hint = CourierError::hint("no answer: Connection refused (os error 111)", endpoint.clone()).unwrap();
        assert!(hint.contains("http://127.0.0.1:4566") && hint.contains("courier local"), "{hint}");
        assert_eq!(CourierError::hint("no answer: Connection refused", None), None);
        assert_eq!(CourierError::hint("access denied", endpoint), None);
    }
}
