//! What can be written after `courier halt` and `courier resume`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use clap::{Args, Subcommand};
use domain::{AlgorithmId, UserId};

use super::StackArguments;

pub(super) const HALT_HELP: &str = "\
While a halt is on, nothing new is sent: an order whose turn comes is `denied`, and says so; its sender sends it again under a
new id. Cancels pass. What is at the broker stays there, unless --cancel-working asks for its end. It acts on the very next order: no restart, no deployment.

Examples:
  courier halt all --reason 'IBKR reports a fault'
  courier halt algorithm mean-reversion-7 --reason 'sends too much'
  courier halt user u-7 --reason 'asked by phone'
  courier halt user u-7 --cancel-working
  courier halt all --reducing --reason 'positions may be closed, and none opened'
  courier halt show
  courier resume all";

/// What is halted or resumed.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HaltScopeArguments {
    /// Everything, of every user.
    All(HaltArguments),
    /// One user's orders, of any algorithm.
    User {
        /// The user.
        user: UserId,
        #[command(flatten)]
        arguments: HaltArguments,
    },
    /// One algorithm's orders, of every user.
    Algorithm {
        /// The algorithm.
        algorithm: AlgorithmId,
        #[command(flatten)]
        arguments: HaltArguments,
    },
    /// Show which halts are on: over everything, over each registered algorithm, and over --user.
    Show {
        /// Look at this user's too.
        #[arg(long)]
        user: Option<UserId>,
        #[command(flatten)]
        stack: StackArguments,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct HaltArguments {
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Let orders pass that reduce a position.
    #[arg(long)]
    pub(crate) reducing: bool,
    /// Ask for the end of what is open as well, at the broker too.
    #[arg(long)]
    pub(crate) cancel_working: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
