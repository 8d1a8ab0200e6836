//! Explores lives of orders from a seed.
//!
//! ```text
//! cargo run --release -p simulation -- --lives 10000            ten thousand lives, from the seed of the day
//! cargo run --release -p simulation -- --lives 10000 --seed 7   the same ones again
//! cargo run --release -p simulation -- --replay SEED            one world of a run, with a trace
//! cargo run --release -p simulation -- --enumerate              every crash point of every kind of order
//! cargo run --release -p simulation -- day --connections 10000  a day of many users, as a model
//! ```

mod day_arguments;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use simulation::Turn;

/// Worlds are made and thrown away by the thousand: a quarter of the time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Worlds between two signs of life.
const PROGRESS_EVERY: usize = 50;

/// Explores lives of orders, with crashes, lost answers and the rest of it.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    mode: Option<Mode>,
    /// How many lives.
    #[arg(long, default_value_t = 1_000)]
    lives: u64,
    /// The seed: the same one gives the same lives.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
    /// Live one world of a run again, by its own seed, and print what happens in it.
    #[arg(long, value_name = "SEED")]
    replay: Option<u64>,
    /// Run every crash point of every kind of order instead.
    #[arg(long)]
    enumerate: bool,
    /// With --enumerate: one of so many crash points, which of them by the seed.
    #[arg(long, default_value_t = 1, requires = "enumerate")]
    every: u64,
}

/// What is done instead of exploring.
#[derive(Debug, clap::Subcommand)]
enum Mode {
    /// A day of many users, as a model of events in virtual time.
    Day(day_arguments::DayArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(Mode::Day(day)) = &arguments.mode {
        day.run();
        return ExitCode::SUCCESS;
    }
    let holds = match arguments.replay {
        Some(seed) => replay(seed),
        None if arguments.enumerate => enumerate(Turn { every: arguments.every, seed: arguments.seed }),
        None => explore(&arguments),
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn explore(arguments: &Arguments) -> bool {
    let shown = std::io::stderr().is_terminal();
    let report = simulation::explore(arguments.lives, arguments.seed, |world| {
        if shown && world % PROGRESS_EVERY == 0 {
            eprintln!("world {world}");
        }
    });
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        println!("{}", report.table());
    }
    report.failures().is_empty()
}

fn enumerate(turn: Turn) -> bool {
    let enumerated = simulation::enumerate(turn);
    println!("{}", enumerated.table());
    enumerated.failures.is_empty()
}

fn replay(seed: u64) -> bool {
    let outcome = simulation::replay(seed);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("digest {}", outcome.digest);
    for violation in &outcome.violations {
        println!("VIOLATION {}: {}", violation.rule, violation.evidence);
    }
    outcome.violations.is_empty()
}
