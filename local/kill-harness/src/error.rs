//! Why a run could not be made, and what to do about it. What a run finds is no error: it is in its report.

use stack::StackError;
use store::StoreError;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// The local stack did not start, or did not answer.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// A table did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The project's files were not found.
    #[error("infra/template.yaml was found neither here nor above. Run this in a checkout of the project.")]
    NoWorkspace,
    /// Something on this machine did not work.
    #[error("{doing} failed: {source}")]
    Machine {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: Source,
    },
    /// The engine's AWS services, or the HTTP API, did not do what was asked.
    #[error("{request} did not go as it should: {answer}. The engine's log is in target/local-stack while it runs.")]
    Unexpected {
        /// What was asked.
        request: &'static str,
        /// What came back.
        answer: String,
    },
    /// The engine ran a function although its event sources are off, so two services worked at once.
    #[error("the engine itself ran {0}, though its event sources are off: the run proves nothing. See local/stack.")]
    EngineRan(&'static str),
}

impl HarnessError {
    pub(crate) fn machine(doing: &'static str) -> impl FnOnce(Source) -> Self {
        move |source| Self::Machine { doing, source }
    }

    pub(crate) fn unexpected(request: &'static str, answer: impl std::fmt::Display) -> Self {
        Self::Unexpected { request, answer: answer.to_string() }
    }
}
