//! What can be written after `courier dead-letters`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use clap::{Args, Subcommand};

use super::StackArguments;

pub(super) const DEAD_LETTERS_HELP: &str = "\
order-submit takes the dead letters itself: an order that is good until a time ahead is sent, any other is put on record as
`expired`, a cancel is carried out. What stays in the queue are letters that it could not even do that with; mend what its log
names, and they go away by themselves, or replay them here. A replay does the same through the ledger: no order goes back to
the queue. It needs a sender who may still send. Letters that somebody reads are hidden from others for two minutes at most.";

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List the dead letters of the order queue, and what a replay would do with each.
    #[command(after_help = DEAD_LETTERS_HELP)]
    List(StackArguments),
    /// Show one dead letter whole.
    #[command(after_help = DEAD_LETTERS_HELP)]
    Show(DeadLetterArguments),
    /// Replay through the ledger what can be replayed. Without --yes nothing is done.
    #[command(after_help = DEAD_LETTERS_HELP)]
    Replay(ReplayArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterArguments {
    /// The message's id, as `list` shows it.
    pub(crate) message: String,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Only this message. Left out: all.
    pub(crate) message: Option<String>,
    /// Do it. Without this it only says what it would do.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
