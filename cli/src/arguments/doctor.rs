//! What can be written after `courier doctor`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use std::path::PathBuf;

use clap::Args;

use super::StackName;

pub(super) const DOCTOR_HELP: &str = "\
Examples:
  courier doctor                                 the secret and the address of the stack `courier`, then the broker
  courier doctor --secret-file consumer.json --offline
  courier doctor --public-signature public_signature.pem --public-encryption public_encryption.pem --dhparam dhparam.pem
  courier doctor --header header.txt             what is wrong with the Authorization header of another client
  courier doctor --explain                       base string, signature and header of each request, secrets masked

Exit codes:
  0  no fault was found
  1  a fault was found, and is named with its fix; or the doctor could not do its work
  2  the command line cannot be read";

/// Says why the broker does not take the consumer, what the likely causes are, and how to mend each.
///
/// First without a call: whether the consumer's secret can be read, its keys and its prime are of the right size and belong
/// together, the key and its realm fit, the address is the broker's present one; and, given the files that were sent to
/// IBKR, whether they pair up and are not swapped. Then with a call or two: this machine's clock against the broker's, a
/// request token, and, with an access token, a live session token. A new live session token may replace the one that a
/// running stack has for the same user.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(crate) struct DoctorArguments {
    /// The consumer's secret as a file (JSON: consumer_key, private_signature_pem, private_encryption_pem, dhparam_pem,
    /// realm), or `-`. Left out: COURIER_CONSUMER_SECRET_ARN, else the output ConsumerSecretArn of the stack.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// What was sent to IBKR as public_signature.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_signature: Option<PathBuf>,
    /// What was sent to IBKR as public_encryption.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_encryption: Option<PathBuf>,
    /// What was sent to IBKR as dhparam.pem.
    #[arg(long, value_name = "FILE")]
    pub(crate) dhparam: Option<PathBuf>,
    /// An access token and its secret, as the portal shows them to a first party (JSON: access_token, access_token_secret).
    #[arg(long, value_name = "FILE")]
    pub(crate) access_token: Option<PathBuf>,
    /// The consumer is a first party's: it has no request tokens, so none is asked for.
    #[arg(long)]
    pub(crate) first_party: bool,
    /// The Authorization header of another client, to be taken apart. Without --secret-file only this is done.
    #[arg(long, value_name = "FILE")]
    pub(crate) header: Option<PathBuf>,
    /// The address that this header was made for. Left out: that of the request line and `Host` in the file, as `curl -v`
    /// prints them, else the request token's.
    #[arg(long, value_name = "URL", requires = "header")]
    pub(crate) header_url: Option<String>,
    /// The method that this header was made for. Left out: that of the request line in the file, else POST.
    #[arg(long, value_name = "METHOD", requires = "header")]
    pub(crate) header_method: Option<String>,
    /// Base of every call to the broker. Left out: COURIER_BROKER_API_URL, else the stack's parameter BrokerApiUrl; with
    /// --secret-file IBKR's own, `https://api.ibkr.com/v1/api`.
    #[arg(long, value_name = "URL")]
    pub(crate) api_url: Option<String>,
    /// Make no call.
    #[arg(long)]
    pub(crate) offline: bool,
    /// Print base string, signature and header of each request, secrets masked, to compare with another client.
    #[arg(long)]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) stack: StackName,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl DoctorArguments {
    /// Whether there is nothing to look at but a header.
    pub(crate) fn reads_only_a_header(&self) -> bool {
        self.header.is_some() && self.secret_file.is_none()
    }
}
