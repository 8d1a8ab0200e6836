//! `courier`, the operator's command. `courier help` tells what it does.

mod algorithms;
mod arguments;
mod demo;
mod doctor;
mod error;
mod key_pair;
mod keys;
mod local;
mod output;
mod refusals;
mod resources;

use std::process::ExitCode;

use arguments::{AlgorithmsCommand, Arguments, Command, KeysCommand, RefusalsCommand};
use clap::Parser;
use error::CourierError;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("courier: {}", error.with_causes()));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, CourierError> {
    match command {
        Command::Demo(arguments) => return Box::pin(demo::run(&arguments)).await,
        Command::Doctor(arguments) => return Box::pin(doctor::run(&arguments)).await,
        Command::Local(arguments) => Box::pin(local::run(&arguments)).await?,
        Command::Algorithms { command } => match command {
            AlgorithmsCommand::Add(arguments) => algorithms::run_add(&arguments).await?,
            AlgorithmsCommand::List(arguments) => algorithms::run_list(&arguments).await?,
            AlgorithmsCommand::Remove(arguments) => algorithms::run_remove(&arguments).await?,
        },
        Command::Keys { command } => match command {
            KeysCommand::Generate(arguments) => Box::pin(keys::run_generate(&arguments)).await?,
            KeysCommand::Consumer(arguments) => keys::run_consumer(&arguments).await?,
            KeysCommand::Show(arguments) => keys::run_show(&arguments).await?,
            KeysCommand::Export(arguments) => keys::run_export(&arguments).await?,
        },
        Command::Refusals { command: RefusalsCommand::List(arguments) } => refusals::run_list(&arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
