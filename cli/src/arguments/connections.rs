//! What can be written after `courier connections`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::{ConnectionId, UserId};

use super::{StackArguments, WHICH_STACK};

#[derive(Debug, Subcommand)]
pub(crate) enum ConnectionsCommand {
    /// List connections: a user's, or everybody's.
    #[command(after_help = WHICH_STACK)]
    List(ConnectionsListArguments),
    /// Show one connection. Nothing sealed is shown.
    #[command(after_help = WHICH_STACK)]
    Show(ConnectionArguments),
    /// Log out at the broker and forget the tokens. The user has to connect again.
    #[command(after_help = WHICH_STACK)]
    Disconnect(DisconnectArguments),
    /// Make a connection of a first party's access token, without the consent page.
    #[command(after_help = WHICH_STACK)]
    Import(ImportArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionsListArguments {
    /// Only this user's. Left out: everybody's, for which the whole table is read.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ConnectionArguments {
    /// Whose connection.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) connection: ConnectionId,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct DisconnectArguments {
    /// Whose connection.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) connection: ConnectionId,
    /// Do it. Without this it only says what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

/// Opens the access token secret with the consumer's encryption key, has a live session token proved by the broker, seals
/// everything for this user as the consent page's callback does, and opens the brokerage session. Nothing is kept before
/// the proof. The consumer of the stack must be the first party's own.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The user of the platform that the connection belongs to: the `sub` of their JWT.
    #[arg(long)]
    pub(crate) user: UserId,
    /// What the portal shows once (JSON: access_token, access_token_secret), or `-` for standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) access_token: PathBuf,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
