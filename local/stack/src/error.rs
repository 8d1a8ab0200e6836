//! What can go wrong with a local stack, and what to do about it.

use std::{io, path::PathBuf};

/// Why the local stack did not start, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}. The local stack keeps its files in the target folder: check that it is writable.")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that the stack needs could not be run at all.
    #[error("{program} could not be run: {source}. Install it, or put it on the PATH.")]
    Program {
        /// Its name.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The port that was asked for is not to be had.
    #[error(
        "port {port} of 127.0.0.1 cannot be used: {source}. Name another one with --port, or leave it out for a free one."
    )]
    Port {
        /// Which.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("{step} failed:\n{output}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// The last of what it said.
        output: String,
    },
    /// The binary of a function is not there.
    #[error("the binary {path} is missing. Build the functions first: `cargo build --release --workspace --bins`.")]
    Binary {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The template did not deploy.
    #[error("the stack did not deploy: {reasons}. The template is infra/template.yaml; the engine's log is {log}.")]
    Deployment {
        /// What CloudFormation said of each resource that failed.
        reasons: String,
        /// The engine's log.
        log: PathBuf,
    },
    /// The engine did not answer, or answered something else than expected.
    #[error(
        "the local engine did not do as asked ({request}): {answer}. Start the stack again; if it stays, read its log."
    )]
    Engine {
        /// What was asked.
        request: String,
        /// What came back.
        answer: String,
    },
    /// The issuer of local tokens could not make its key or sign.
    #[error("the local token issuer failed: {0}. Remove target/local-stack/issuer-key.pem and start again.")]
    Issuer(String),
}

impl StackError {
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}
