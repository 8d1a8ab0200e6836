//! What can be written after `courier keys`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{StackArguments, WHICH_STACK};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make the consumer's keys; keep the private ones in Secrets Manager, and write the files that IBKR is sent.
    #[command(after_help = WHICH_STACK)]
    Generate(KeysGenerateArguments),
    /// Write down which consumer key IBKR gave for these keys.
    #[command(after_help = WHICH_STACK)]
    Consumer(KeysConsumerArguments),
    /// Show the consumer key, the realm, and the fingerprints of the public halves. No secret is shown.
    #[command(after_help = WHICH_STACK)]
    Show(StackArguments),
    /// Move the encryption key into a secret of its own, which only the function that opens access token secrets may read.
    /// Without --yes nothing is done.
    #[command(after_help = WHICH_STACK)]
    Part(KeysPartArguments),
    /// Write the files that IBKR is sent once more, from the private keys.
    #[command(after_help = WHICH_STACK)]
    Export(KeysExportArguments),
}

/// Makes two RSA key pairs of 2048 bits and a Diffie-Hellman prime of 2048 bits (by `openssl dhparam`: from seconds to some
/// minutes). The private keys go to the secret ConsumerSecretArn of the stack, and nowhere else; with --out everything
/// goes to files, and nothing to AWS.
#[derive(Debug, Args)]
pub(crate) struct KeysGenerateArguments {
    /// Write all files, private ones too, into this folder, and leave AWS alone. `consumer.json` there is the secret's text.
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["replace", "public_files"])]
    pub(crate) out: Option<PathBuf>,
    /// Where public_signature.pem, public_encryption.pem and dhparam.pem go.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) public_files: PathBuf,
    /// The consumer key, if IBKR has given it already. Else: `courier keys consumer KEY` later; with --out
    /// put it into `consumer.json`.
    #[arg(long, value_name = "KEY")]
    pub(crate) consumer_key: Option<String>,
    /// Take this dhparam.pem instead of making one.
    #[arg(long, value_name = "FILE")]
    pub(crate) dhparam: Option<PathBuf>,
    /// Replace keys that are there already. Nothing works with the new ones before IBKR has them and a night has passed.
    #[arg(long)]
    pub(crate) replace: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct KeysConsumerArguments {
    /// The consumer key: nine upper-case letters.
    #[arg(value_name = "KEY")]
    pub(crate) consumer_key: String,
    /// The realm. Left out, as it should be: chosen by the key.
    #[arg(long)]
    pub(crate) realm: Option<String>,
    /// Store a key or a realm of an unusual form, or another key than the one that is stored.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct KeysPartArguments {
    /// Do it. Without this it only says where the key is and where it would go.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct KeysExportArguments {
    /// Where the files go.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}
