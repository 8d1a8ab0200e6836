//! What can be written after `courier halt` and `courier resume`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use clap::{Args, Subcommand};
use domain::{AlgorithmId, UserId};

use super::StackArguments;

pub(super) const HALT_HELP: &str = "\
While a halt is on, nothing new is sent: an order whose turn comes is `denied`, and says so; its sender sends it again under a
new id. Cancels pass. What is at the broker stays there, unless --cancel-working cancels it. It acts on the very next order: no restart, no deployment.

A name that is not known here is refused; --yes halts it all the same. With --cancel-working it exits with 1 where a cancel could not
be asked for, and names each order.

A user has a switch of their own (the console, `PUT /halt`). Neither lifts the other's: the stricter of the two is in force, and
`courier halt list` says whose it is.

Examples:
  courier halt all --reason 'IBKR reports a fault'
  courier halt algorithm mean-reversion-7 --reason 'sends too much'
  courier halt user u-7 --reason 'asked by phone'
  courier halt user u-7 --cancel-working
  courier halt all --reducing --reason 'positions may be closed, and none opened'
  courier halt list
  courier halt show --user u-7
  courier resume all";

pub(super) const RESUME_HELP: &str = "\
From the next order on everything of this scope is sent again, unless another halt is over it: `courier halt list` shows all that are
on. Orders that were refused meanwhile are not sent after all. A halt that a user set stays: only the user lifts it.

Examples:
  courier resume all
  courier resume user u-7
  courier resume algorithm mean-reversion-7 --reason 'mended'";

/// What is halted.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum HaltScopeArguments {
    /// Everything, of every user.
    // There is no name that somebody could mistype.
    #[command(mut_arg("yes", |yes| yes.hide(true)))]
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
    /// List every halt that is on: over everything, over users and over algorithms, whose, since when, how and why.
    List {
        #[command(flatten)]
        stack: StackArguments,
    },
    /// Show whether everything and each registered algorithm is halted or not, and this --user too.
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
    /// Cancel what is open as well, at the broker too: the stops and take profits of filled brackets among it. Their positions stay, without a stop.
    #[arg(long)]
    pub(crate) cancel_working: bool,
    /// Halt this user or algorithm though the name is not known here.
    #[arg(long, visible_alias = "force")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

/// What is resumed.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum ResumeScopeArguments {
    /// Everything, of every user; halts over single users and algorithms stay.
    All(ResumeArguments),
    /// One user's orders, of any algorithm.
    User {
        /// The user.
        user: UserId,
        #[command(flatten)]
        arguments: ResumeArguments,
    },
    /// One algorithm's orders, of every user.
    Algorithm {
        /// The algorithm.
        algorithm: AlgorithmId,
        #[command(flatten)]
        arguments: ResumeArguments,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ResumeArguments {
    /// Why, in words.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
