//! What can be written after `courier`.

mod connections;
mod dead_letters;
mod doctor;
mod halt;
mod keys;
mod orders;
mod refusals;
mod rotate;
#[cfg(test)]
mod told;
mod unknown;

pub(crate) use connections::{
    ConnectionArguments, ConnectionsCommand, ConnectionsListArguments, DisconnectArguments, ImportArguments,
};
pub(crate) use dead_letters::{DeadLetterArguments, DeadLettersCommand, ReplayArguments};
pub(crate) use doctor::DoctorArguments;
pub(crate) use halt::{HaltArguments, HaltScopeArguments, ResumeArguments, ResumeScopeArguments};
pub(crate) use keys::{
    KeysCommand, KeysConsumerArguments, KeysExportArguments, KeysGenerateArguments, KeysPartArguments,
};
pub(crate) use orders::{OrderArguments, OrdersCommand, OrdersListArguments, OrdersReviewArguments, Stands};
pub(crate) use refusals::{RefusalsArguments, RefusalsCommand, RefusalsOnly};
pub(crate) use rotate::{RotateArguments, RotateCommand};
pub(crate) use unknown::read;

use clap::{Args, Parser, Subcommand};
use domain::{AlgorithmId, PrincipalId, UserId};

const EXIT_CODES: &str = "\
Exit codes:
  0  done; `demo`: everything was as it should be
  1  failed, and the message says what to do; `demo`: something was not as it should be, and is named
  2  the command line cannot be read";

const LOCAL_HELP: &str = "\
Registers and grants the algorithm `demo-algorithm`, and prints the addresses, a command that gives a JWT, and a file: `source` it in another
terminal, and `courier`, the clients and the aws command work on this stack. The file goes with the stack.

Exit codes:
  0  it ran until Ctrl-C
  1  failed, and the message says what to do
  2  the command line cannot be read";

const WHICH_STACK: &str = "\
Which stack: each table, queue and secret comes from the environment (its output in upper snake case after COURIER_, such as
COURIER_ORDERS_TABLE, COURIER_RULES_TABLE, COURIER_CONSUMER_SECRET_ARN) if it is set there, else from the outputs of the CloudFormation stack --stack
(left out: courier). A command that names a --stack refuses to run beside such a variable. Region and credentials are the AWS ones (AWS_REGION, AWS_PROFILE …);
AWS_ENDPOINT_URL leads elsewhere, for instance to the stack of `courier local`, which prints what to set.";

/// Carries orders from trading algorithms to Interactive Brokers.
///
/// Begin with `courier demo`: it deploys the real template with the real functions on this machine, connects a user through
/// the broker's consent page, sends six orders through the queue, and checks what became of each. It needs no account.
#[derive(Debug, Parser)]
#[command(name = "courier", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything once, on this machine, against a paper broker, and check it.
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArguments),
    /// Find out why the broker does not take the consumer (`401 invalid consumer`), and how to mend it.
    #[command(after_help = doctor::DOCTOR_HELP)]
    Doctor(DoctorArguments),
    /// Make the consumer's keys, and what IBKR is sent of them.
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Keep the same stack running, with a connected user and no orders, until Ctrl-C.
    #[command(after_help = LOCAL_HELP)]
    Local(LocalArguments),
    /// Say which algorithms there are, and who may send orders for each.
    Algorithms {
        #[command(subcommand)]
        command: AlgorithmsCommand,
    },
    /// Read the ledger, and decide what only a person can decide.
    Orders {
        #[command(subcommand)]
        command: OrdersCommand,
    },
    /// Read what was refused before it became an order.
    Refusals {
        #[command(subcommand)]
        command: RefusalsCommand,
    },
    /// See who is connected, end connections, bring in a first party's own token.
    Connections {
        #[command(subcommand)]
        command: ConnectionsCommand,
    },
    /// Stop sending: everything, one user's orders, or one algorithm's.
    #[command(after_help = halt::HALT_HELP)]
    Halt {
        #[command(subcommand)]
        scope: HaltScopeArguments,
    },
    /// Lift a halt: new orders are sent again. What a halt stopped stays `denied`; its sender sends it again under a new id.
    #[command(after_help = halt::RESUME_HELP)]
    Resume {
        #[command(subcommand)]
        scope: ResumeScopeArguments,
    },
    /// Look at what the order queue could not work on, and replay it through the ledger.
    DeadLetters {
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    /// Replace a key while everything runs.
    Rotate {
        #[command(subcommand)]
        command: RotateCommand,
    },
    /// Print the completions of a shell: `source <(courier completions bash)`.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Builds the functions if they changed, starts a local AWS look-alike and a paper broker, deploys infra/template.yaml,
/// connects the user `demo-user` through the consent page, sends the orders of events/orders, waits for each, compares with
/// the paper broker's own ledger, and searches all logs for secrets.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// Leave everything running afterwards, until Ctrl-C, and print the addresses.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Print the outcome as JSON on standard output. Progress goes to standard error all the same.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) house: HouseArguments,
}

#[derive(Debug, Args)]
pub(crate) struct LocalArguments {
    /// The user that is connected.
    #[arg(long, default_value = crate::local::DEMO_USER)]
    pub(crate) user: UserId,
    /// Print the addresses as one JSON object, for a program that waits for them: it comes when everything stands.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) house: HouseArguments,
}

#[derive(Debug, Args)]
pub(crate) struct HouseArguments {
    /// Port of the HTTP API on 127.0.0.1. Left out: a free one.
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Cargo's profile for the functions. `dev` compiles in a fraction of the time.
    #[arg(long, default_value_t = stack::profile())]
    pub(crate) profile: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlgorithmsCommand {
    /// Register an algorithm, or replace who may send for it. Without --principal those that may send stay.
    #[command(after_help = WHICH_STACK)]
    Add(AddArguments),
    /// List the registered algorithms.
    #[command(after_help = WHICH_STACK)]
    List(StackArguments),
    /// Forget an algorithm: it may send nothing more. Users' grants to it stay on record, without effect.
    #[command(after_help = WHICH_STACK)]
    Remove(RemoveArguments),
}

#[derive(Debug, Args)]
pub(crate) struct AddArguments {
    /// The algorithm's id, as its messages name it: letters A-Z and a-z, digits, `_`, `-` and `.`
    pub(crate) id: AlgorithmId,
    /// Who may send messages for it: the part of SQS's `SenderId` before the colon. For a role that is its id (AROA…), which
    /// `aws iam get-role --role-name NAME --query Role.RoleId --output text` prints; for a user of IAM AIDA…
    /// (`aws iam get-user`, User.UserId). A name or an ARN is neither. Repeat it for several. Left out for a new algorithm: it
    /// sends by the HTTP API alone, with a JWT.
    #[arg(long = "principal", value_name = "PRINCIPAL", value_parser = sender)]
    pub(crate) principals: Vec<PrincipalId>,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

/// A principal that is one sender's alone. An account's number is the `SenderId` of its root and of all its federated users,
/// and a service's is the same for all customers of AWS (SQS, message system attributes): whoever registered one would let
/// strangers trade.
fn sender(text: &str) -> Result<PrincipalId, String> {
    if text.starts_with("arn:") {
        return Err(format!("{text} is an ARN, and SQS tells a sender by its id. {HOW_TO_READ_IT}"));
    }
    let principal: PrincipalId = text.parse().map_err(|error: domain::InvalidId| error.to_string())?;
    let is_account = text.len() == ACCOUNT_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account && text != LOCAL_ENGINE {
        return Err(format!(
            "{text} is an AWS account's number: everybody who signs in to that account by federation, and its root, sends under it. \
             Give the algorithm a role of its own, and register that role's id (AROA…)"
        ));
    }
    if text.contains('@') || text.contains('.') || text.contains('/') {
        return Err(format!(
            "{text} is an address of a service or of a person, and no principal id: a service sends under one id for all customers of \
             AWS. Give the algorithm a role of its own, and register that role's id (AROA…)"
        ));
    }
    let is_id = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !(is_id && ID_BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))) && text != LOCAL_ENGINE {
        return Err(format!("{text} is no id of a role or a user of IAM (AROA…, AIDA…). {HOW_TO_READ_IT}"));
    }
    Ok(principal)
}

/// How the ids of IAM's roles and users begin (IAM User Guide, IAM identifiers). A message on a queue comes from no other.
const ID_BEGINNINGS: [&str; 2] = ["AROA", "AIDA"];
const HOW_TO_READ_IT: &str =
    "A role's id is what `aws iam get-role --role-name NAME --query Role.RoleId --output text` prints";

/// Digits of an AWS account's number.
const ACCOUNT_DIGITS: usize = 12;
/// The account of the local engine, which has no other sender and is no account of AWS.
const LOCAL_ENGINE: &str = "000000000000";

#[derive(Debug, Args)]
pub(crate) struct RemoveArguments {
    /// The algorithm's id.
    pub(crate) id: AlgorithmId,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

/// The stack that a command is about.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StackName {
    /// Name of the CloudFormation stack; left out: `courier`, where the environment does not say where the tables are.
    #[arg(id = "stack", long = "stack", value_name = "NAME")]
    pub(crate) named: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct StackArguments {
    #[command(flatten)]
    pub(crate) stack: StackName,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    /// The words of every command that does something.
    fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
        let path = format!("{path}{} ", command.get_name());
        if command.has_subcommands() {
            return command.get_subcommands().flat_map(|command| leaves(command, &path)).collect();
        }
        vec![(path, command.clone())]
    }

    #[test]
    fn every_command_that_prints_data_prints_json_and_says_what_it_does() {
        let leaves = leaves(&Arguments::command(), "");
        assert!(leaves.len() > 20, "{}", leaves.len());
        for (path, command) in leaves {
            // A shell reads what `completions` prints.
            let speaks_json = command.get_arguments().any(|argument| argument.get_long() == Some("json"));
            assert_eq!(speaks_json, path != "courier completions ", "{path}");
            assert!(command.get_about().is_some_and(|about| !about.to_string().is_empty()), "{path}");
        }
    }

    #[test]
    fn a_principal_with_its_session_name_is_refused_with_the_reason() {
        let line = ["courier", "algorithms", "add", "mean-reversion-7", "--principal", "AROAEXAMPLE:session"];
        let error = Arguments::try_parse_from(line).unwrap_err().to_string();
        assert!(error.contains("without `:`"), "{error}");
    }

    #[test]
    fn what_is_not_one_senders_alone_is_never_registered() {
        let parse = |principal: &str| {
            Arguments::try_parse_from(["courier", "algorithms", "add", "mr-7", "--principal", principal])
        };
        assert!(parse("123456789012").unwrap_err().to_string().contains("an AWS account's number"));
        for address in ["events.amazonaws.com", "ada@example.com", "123456789012/role"] {
            assert!(parse(address).unwrap_err().to_string().contains("is an address"), "{address}");
        }
        for named in ["arn:aws:iam::123456789012:role/mean-reversion", "mean-reversion", "AROAexample"] {
            let error = parse(named).unwrap_err().to_string();
            assert!(error.contains("aws iam get-role"), "{named}: {error}");
        }
        for principal in ["AROAEXAMPLEROLEID0001", "AIDAEXAMPLEUSERID0001", "000000000000"] {
            assert!(parse(principal).is_ok(), "{principal}");
        }
        assert!(Arguments::try_parse_from(["courier", "algorithms", "add", "mr-7"]).is_ok());
    }
}
