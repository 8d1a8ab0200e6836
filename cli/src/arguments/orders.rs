//! What can be written after `courier orders`.

#![allow(clippy::doc_markdown, reason = "these comments are the help that people read at a terminal")]

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use domain::{BrokerOrderId, BrokerStatus, LegRole, OrderId, OrderStatus, UserId};
use rust_decimal::Decimal;

use super::{StackArguments, WHICH_STACK};

pub(super) const REVIEW_HELP: &str = "\
How to decide: look the order up at IBKR (Client Portal, Orders & Trades; or TWS) by its account, contract, time and the client
order id, which IBKR shows as the order's reference. Then say what you saw:
  courier orders review u-7 mr7-1 --never-placed --because 'not in orders and trades of 25 November' --yes
  courier orders review u-7 mr7-1 --broker-order 1234 --stands filled --filled 10 --price 187.50 --because 'trade 0001f4e8' --yes
With --leg stop_loss the decision is about that exit of a bracket, by the exit's own number at the broker.
Without a decision it shows the evidence. Without --yes it shows what the decision would make of the order.";

#[derive(Debug, Subcommand)]
pub(crate) enum OrdersCommand {
    /// List the orders that are open; with --user all of a user's, newest first; with --status those of a status. A bracket
    /// stays open until its exits ended. A long reason is cut: `courier orders show` has all of it.
    #[command(after_help = WHICH_STACK)]
    List(OrdersListArguments),
    /// Show one order with its history.
    #[command(after_help = WHICH_STACK)]
    Show(OrderArguments),
    /// Decide an order that needs review, on what you saw at the broker.
    #[command(after_help = REVIEW_HELP)]
    Review(OrdersReviewArguments),
}

#[derive(Debug, Args)]
pub(crate) struct OrdersListArguments {
    /// Only this user's.
    #[arg(long)]
    pub(crate) user: Option<UserId>,
    /// Only those of this status, or of these: working,filled. Without --user the whole table is read for each.
    #[arg(long, value_parser = status, value_name = "STATUS", value_delimiter = ',')]
    pub(crate) status: Vec<OrderStatus>,
    /// How many are shown.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "NUMBER")]
    pub(crate) limit: u32,
    /// Go on where a list before ended: the cursor that it told.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    /// Show all, whatever their number.
    #[arg(long, conflicts_with_all = ["cursor", "limit"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArguments {
    /// Whose order.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) order: OrderId,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

#[derive(Debug, Args)]
pub(crate) struct OrdersReviewArguments {
    /// Whose order.
    pub(crate) user: UserId,
    /// Its id.
    pub(crate) order: OrderId,
    /// Decide this exit of a bracket, and not the order itself: take_profit or stop_loss.
    #[arg(long, value_name = "EXIT", value_parser = LegRole::parse)]
    pub(crate) leg: Option<LegRole>,
    /// The broker never had it: it is in no list of orders or trades since it was sent. One that the broker took and has no more
    /// stands `cancelled`, by its number.
    #[arg(long, conflicts_with_all = ["broker_order", "stands"], requires = "because")]
    pub(crate) never_placed: bool,
    /// The broker has it, or had it, under this number.
    #[arg(long, value_name = "NUMBER", requires = "stands")]
    pub(crate) broker_order: Option<BrokerOrderId>,
    /// How it stands there.
    #[arg(long, requires_all = ["broker_order", "because"])]
    pub(crate) stands: Option<Stands>,
    /// How much of it was filled. Left out: all of it for `filled`, nothing else.
    #[arg(long, value_name = "QUANTITY", requires = "stands")]
    pub(crate) filled: Option<Decimal>,
    /// At what price on average.
    #[arg(long, requires = "filled")]
    pub(crate) price: Option<Decimal>,
    /// The evidence, in words. It stays in the order's history, which the user sees.
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) because: Option<String>,
    /// Who decides. It stays in the order's history.
    #[arg(long, value_name = "NAME", env = "USER", default_value = "the operator", hide_env_values = true)]
    pub(crate) by: String,
    /// Write the decision.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

/// How an order stands at the broker, in the contract's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stands {
    /// It is at work; with --filled a part of it is done.
    Working,
    /// Its cancel is under way.
    Cancelling,
    /// It is done.
    Filled,
    /// It was cancelled.
    Cancelled,
    /// The broker refused it (`Inactive`).
    Rejected,
}

impl Stands {
    /// The broker's word for it.
    pub(crate) fn broker_status(self) -> BrokerStatus {
        match self {
            Self::Working => BrokerStatus::Submitted,
            Self::Cancelling => BrokerStatus::PendingCancel,
            Self::Filled => BrokerStatus::Filled,
            Self::Cancelled => BrokerStatus::Cancelled,
            Self::Rejected => BrokerStatus::Inactive,
        }
    }
}

fn status(word: &str) -> Result<OrderStatus, String> {
    serde_json::from_value(serde_json::Value::from(word)).map_err(|error| {
        // Serde names all that there are.
        let told = error.to_string();
        let (_, names) = told.rsplit_once(", expected one of ").unwrap_or_default();
        format!("must be one of {}", names.replace('`', ""))
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_status_that_is_none_is_told_with_those_that_there_are() {
        assert_eq!(status("needs_review"), Ok(OrderStatus::NeedsReview));
        let told = status("opened").unwrap_err();
        assert!(told.starts_with("must be one of received, held, ") && told.ends_with(", needs_review"), "{told}");
    }

    #[test]
    fn several_statuses_are_read_as_the_api_reads_them() {
        let line = ["courier", "orders", "list", "--status", "working,filled"];
        let arguments = super::super::Arguments::try_parse_from(line).unwrap();
        let super::super::Command::Orders { command: OrdersCommand::List(list) } = arguments.command else {
            panic!("{arguments:?}")
        };
        assert_eq!(list.status, [OrderStatus::Working, OrderStatus::Filled]);
        let wrong = ["courier", "orders", "list", "--status", "working,opened"];
        let told = super::super::Arguments::try_parse_from(wrong).unwrap_err().to_string();
        assert!(told.contains("must be one of received"), "{told}");
    }
}
