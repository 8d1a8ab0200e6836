//! `bench`: measures the path of an order, the start of every function and what they weigh, in one run (docs/performance.md).

mod aws;
mod callgrind;
mod guard;
mod house;
mod measures;
mod orders;
mod peer;
mod process;
mod report;
mod tally;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use measures::Settings;
use report::Report;

/// Why a run could not be made: told to a person, once.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures what an order, a start and a token cost. Figures of one run are of one machine: compare their ratios.
///
/// The functions' binaries and `bare-lambda` must be there: `cargo build --profile lambda --workspace --bins`.
#[derive(Debug, Parser)]
#[command(name = "bench", version)]
struct Arguments {
    #[command(subcommand)]
    instead: Option<Instead>,
    /// Where the binaries are.
    #[arg(long, default_value = "target/lambda")]
    binaries: PathBuf,
    /// Users at once.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
    users: u16,
    /// Orders of all users together.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(20..))]
    orders: u16,
    /// Only these measures; left out: all.
    #[arg(long, value_enum)]
    only: Vec<Measure>,
    /// Print the report as JSON on standard output.
    #[arg(long)]
    json: bool,
}

/// What is done instead of measuring.
#[derive(Debug, Subcommand)]
enum Instead {
    /// Hold counts (calls, bytes, instructions) against the figures that are kept in local/bench/kept.json.
    Guard {
        /// Where order-submit is.
        #[arg(long, default_value = "target/release")]
        binaries: PathBuf,
        /// Keep what is counted now.
        #[arg(long)]
        write: bool,
    },
    /// Do pure work a number of times: for callgrind, which counts it.
    #[command(hide = true)]
    Pure {
        #[arg(value_enum)]
        work: callgrind::Pure,
        times: u32,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    Size,
    Startup,
    Token,
    Path,
    Pace,
    Parallel,
    Growth,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let root = workspace_root()?;
    std::fs::create_dir_all(root.join("target/bench"))?;
    match &arguments.instead {
        Some(Instead::Guard { binaries, write }) => return guard::run(&root, &root.join(binaries), *write).await,
        Some(Instead::Pure { work, times }) => return work.work(*times),
        None => {}
    }
    let settings = Settings {
        binaries: root.join(&arguments.binaries),
        root,
        users: usize::from(arguments.users),
        orders: usize::from(arguments.orders),
    };
    let mut report = Report::default();
    for measure in Measure::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(measure) {
            // Boxed: a whole house is in each of these futures.
            Box::pin(take(*measure, &settings, &mut report)).await?;
        }
    }
    report.print(arguments.json)
}

async fn take(measure: Measure, settings: &Settings, report: &mut Report) -> Result<(), Failure> {
    match measure {
        Measure::Size => measures::size::measure(settings, report),
        Measure::Startup => measures::startup::measure(settings, report).await,
        Measure::Token => measures::token::measure(report),
        Measure::Path => measures::path::measure(settings, report).await,
        Measure::Pace => measures::pace::measure(settings, report).await,
        Measure::Parallel => measures::parallel::measure(settings, report).await,
        Measure::Growth => measures::growth::measure(settings, report).await,
    }
}

/// The checkout around the present folder.
fn workspace_root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let found = here.ancestors().find(|folder| folder.join("infra").join("template.yaml").exists());
    found.map(std::path::Path::to_owned).ok_or_else(|| "no checkout is around this folder".into())
}
