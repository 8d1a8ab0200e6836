//! `kill-harness`: kills the functions under load, and says whether every order is right.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kill_harness::{HarnessError, Settings};
use stack::Listener;

const EXIT_CODES: &str = "\
Exit codes:
  0  every order is right
  1  a rule was broken, and each order is named with its row and its calls; or the run could not be made
  2  the command line cannot be read";

/// Kills the functions at random moments under load, then asks what every order came to.
///
/// The functions' release binaries must be there: `cargo build --release --workspace --bins`.
#[derive(Debug, Parser)]
#[command(name = "kill-harness", version, after_help = EXIT_CODES)]
struct Arguments {
    /// How many processes are killed.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    kills: u32,
    /// What is sent and who is killed when comes from this number. What the machine does in between does not.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Users at once.
    #[arg(long, default_value_t = 80, value_parser = clap::value_parser!(u32).range(1..=500))]
    users: u32,
    /// Deploy with `MarketOrdersAgain`: a market order that was lost is sent once more, and settled in seconds.
    #[arg(long)]
    market_orders_again: bool,
    /// How long to wait until all is quiet, in seconds. A market order that was lost is proved so after five minutes.
    #[arg(long, default_value_t = 480)]
    drain_seconds: u64,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "kill-harness: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<bool, HarnessError> {
    let settings = Settings {
        root: workspace_root()?,
        kills: arguments.kills,
        seed: arguments.seed,
        users: arguments.users,
        market_orders_again: arguments.market_orders_again,
        drain_at_most: Duration::from_secs(arguments.drain_seconds),
        listener: Listener::terminal(),
    };
    let report = Box::pin(kill_harness::run(&settings)).await?;
    report.print(arguments.json);
    Ok(report.passed)
}

/// The checkout around the present folder.
fn workspace_root() -> Result<PathBuf, HarnessError> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = here.ancestors().find(|folder| folder.join("infra").join("template.yaml").exists());
    found.map(std::path::Path::to_owned).ok_or(HarnessError::NoWorkspace)
}
