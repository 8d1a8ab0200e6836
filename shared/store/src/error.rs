//! What can go wrong, by what the caller can do about it.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a table or queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote the row meanwhile, or a new row exists already. Read it again and decide anew.
    #[error("the row {key} of {resource} was written by somebody else meanwhile; read it again and decide anew")]
    Conflict {
        /// The table.
        resource: String,
        /// The row.
        key: String,
    },
    /// Too many requests, or another transaction holds the row. Nothing was written; try again after a pause.
    #[error("{resource} is too busy to {doing}; nothing was written, try again after a pause")]
    Throttled {
        /// The table or queue.
        resource: String,
        /// What was asked of it.
        doing: &'static str,
        /// What the service said.
        source: Source,
    },
    /// No answer, or an error inside the service. A write may have happened or not: read before deciding.
    #[error(
        "{resource} gave no answer when asked to {doing}; if that was a write it may have happened, so read before trying again"
    )]
    Unavailable {
        /// The table or queue.
        resource: String,
        /// What was asked of it.
        doing: &'static str,
        /// What the service or the network said.
        source: Source,
    },
    /// The service will not do this however often it is asked: a name, a permission, or the request is wrong.
    #[error(
        "{resource} refused to {doing}; check that its name is the stack's and that the caller's role allows this (a function's stands in infra/template.yaml)"
    )]
    Refused {
        /// The table or queue.
        resource: String,
        /// What was asked of it.
        doing: &'static str,
        /// What the service said.
        source: Source,
    },
    /// DynamoDB will never take what was to be written: it is too large, nested too deep, or not valid otherwise. Nothing was
    /// written, and trying again does not help.
    #[error(
        "{resource} can never be asked to {doing} so: what was to be written is too large, or not valid; nothing was written"
    )]
    Invalid {
        /// The table.
        resource: String,
        /// What was asked of it.
        doing: &'static str,
        /// What the service said.
        source: Source,
    },
    /// A row cannot be read, or a value cannot be written as a row. Nobody may guess what it meant: a person looks.
    #[error(
        "the row {key} of {resource} cannot be read or written as what it should be; look at the row, nothing was changed"
    )]
    Corrupt {
        /// The table.
        resource: String,
        /// The row.
        key: String,
        /// What is wrong.
        source: Source,
    },
    /// The cursor is not one that this list gave out, or another user's. The caller's caller made a mistake.
    #[error("the cursor is not one that this list gave out; begin again without one")]
    CursorRefused,
}

impl StoreError {
    /// Whether trying again never helps: whoever waits for this waits in vain.
    #[must_use]
    pub fn is_beyond_cure(&self) -> bool {
        matches!(self, Self::Invalid { .. })
    }

    pub(crate) fn conflict(resource: &str, key: impl Into<String>) -> Self {
        Self::Conflict { resource: resource.to_owned(), key: key.into() }
    }

    pub(crate) fn corrupt(resource: &str, key: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Corrupt { resource: resource.to_owned(), key: key.into(), source: source.into() }
    }

    pub(crate) fn throttled(resource: &str, doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Throttled { resource: resource.to_owned(), doing, source: source.into() }
    }

    pub(crate) fn unavailable(resource: &str, doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Unavailable { resource: resource.to_owned(), doing, source: source.into() }
    }

    pub(crate) fn refused(resource: &str, doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Refused { resource: resource.to_owned(), doing, source: source.into() }
    }

    pub(crate) fn invalid(resource: &str, doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Invalid { resource: resource.to_owned(), doing, source: source.into() }
    }

    /// Sorts an SDK's error. The raw answer is dropped, since it may hold the content of a row; the service's own
    /// error or the network's is kept as the source.
    pub(crate) fn of_call<E, R>(resource: &str, doing: &'static str, error: SdkError<E, R>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let kind = Kind::of(&error);
        let source =
            error.into_source().unwrap_or_else(|_| "an error of a kind that this version does not know".into());
        match kind {
            Kind::Throttled => Self::throttled(resource, doing, source),
            Kind::Unavailable => Self::unavailable(resource, doing, source),
            Kind::Refused => Self::refused(resource, doing, source),
            Kind::Invalid => Self::invalid(resource, doing, source),
        }
    }
}

enum Kind {
    Throttled,
    Unavailable,
    Refused,
    Invalid,
}

impl Kind {
    fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        match error {
            SdkError::ServiceError(service) => Self::of_code(service.err().code().unwrap_or_default()),
            SdkError::ConstructionFailure(_) => Self::Refused,
            // Time-outs, cut connections, answers that are none; and credentials that could not be had.
            _ => Self::Unavailable,
        }
    }

    /// DynamoDB's and SQS's codes (API references, common errors).
    fn of_code(code: &str) -> Self {
        match code {
            "ThrottlingException"
            | "ProvisionedThroughputExceededException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "LimitExceededException"
            | "TransactionConflictException"
            | "TransactionInProgressException" => Self::Throttled,
            "InternalServerError" | "InternalFailure" | "ServiceUnavailable" | "" => Self::Unavailable,
            "ValidationException" => Self::Invalid,
            _ => Self::Refused,
        }
    }
}
