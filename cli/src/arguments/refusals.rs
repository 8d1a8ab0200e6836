//! What can be written after `courier refusals`.

use clap::{Args, Subcommand};
use jiff::civil::Date;

use super::{StackArguments, WHICH_STACK};

#[derive(Debug, Subcommand)]
pub(crate) enum RefusalsCommand {
    /// List the refused messages of one day: who sent each, and what was wrong with it. With --user, --order or --algorithm
    /// only those of them.
    #[command(after_help = WHICH_STACK)]
    List(RefusalsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct RefusalsArguments {
    /// The day, in UTC, as 2026-11-25. Left out: today.
    #[arg(long, value_parser = day)]
    pub(crate) day: Option<Date>,
    #[command(flatten)]
    pub(crate) only: RefusalsOnly,
    #[command(flatten)]
    pub(crate) stack: StackArguments,
}

// Which refusals of the day.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RefusalsOnly {
    /// Only what was sent in this user's name.
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only what names this order.
    #[arg(long)]
    pub(crate) order: Option<String>,
    /// Only what names this algorithm. A message that could not be read names none.
    #[arg(long)]
    pub(crate) algorithm: Option<String>,
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| "a day is written as year, month and day: 2026-11-25".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::arguments::Arguments;

    #[test]
    fn a_day_in_words_is_refused_with_the_form_of_one() {
        let parse = |day: &str| Arguments::try_parse_from(["courier", "refusals", "list", "--day", day]);
        assert!(parse("yesterday").unwrap_err().to_string().contains("as year, month and day: 2026-11-25"));
        assert!(parse("2026-11-25").is_ok());
    }
}
