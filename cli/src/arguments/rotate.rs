//! What can be written after `courier rotate`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use clap::{Args, Subcommand};

use super::StackArguments;

pub(super) const ROTATE_HELP: &str = "\
Three steps, and functions at work all the while: the new key is announced and only opens; it seals, and the old one only opens;
every token is sealed anew, and the old key goes. Between the steps seven minutes pass, in which every function reads the secret
again. A command that is stopped goes on where it was when it is run again. Do not deploy an older version meanwhile.
The other keys: `courier keys generate --replace` for the consumer's (docs/operations.md, Rotation), and an algorithm's principals by
`courier algorithms add`.";

#[derive(Debug, Subcommand)]
pub(crate) enum RotateCommand {
    /// Replace the key that seals users' tokens at rest. Nobody has to connect again. Without --yes nothing is done.
    #[command(after_help = ROTATE_HELP)]
    SealingKey(RotateArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RotateArguments {
    /// Do it. Without this it only says how far a rotation is, and what would be sealed anew.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Pause between the steps, in seconds. Shorten it only where no function of the stack runs.
    #[arg(long, value_name = "SECONDS", default_value_t = platform::SEALING_KEYS_KNOWN_AFTER.as_secs())]
    pub(crate) pause: u64,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
