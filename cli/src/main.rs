//! `courier`, the operator's command. `courier help` tells what it does.

mod access_token;
mod algorithms;
mod arguments;
mod connections;
mod consumer_secret;
mod dead_letters;
mod demo;
mod doctor;
mod error;
mod files;
mod halt;
mod key_pair;
mod keys;
mod local;
mod orders;
mod output;
mod refusals;
mod resources;
mod rotate;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use arguments::{
    AlgorithmsCommand, Arguments, Command, ConnectionsCommand, DeadLettersCommand, KeysCommand, OrdersCommand,
    RefusalsCommand, RotateCommand,
};
use clap::CommandFactory;
use error::CourierError;

#[tokio::main]
async fn main() -> ExitCode {
    match run(arguments::read().command).await {
        Ok(code) => code,
        Err(error) => {
            output::tell(&format!("courier: {}", error.told(std::env::var("AWS_ENDPOINT_URL").ok())));
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
            KeysCommand::Part(arguments) => keys::run_part(&arguments).await?,
            KeysCommand::Export(arguments) => keys::run_export(&arguments).await?,
        },
        Command::Orders { command } => match command {
            OrdersCommand::List(arguments) => orders::run_list(&arguments).await?,
            OrdersCommand::Show(arguments) => orders::run_show(&arguments).await?,
            OrdersCommand::Review(arguments) => orders::run_review(&arguments).await?,
        },
        Command::Connections { command } => match command {
            ConnectionsCommand::List(arguments) => connections::run_list(&arguments).await?,
            ConnectionsCommand::Show(arguments) => connections::run_show(&arguments).await?,
            ConnectionsCommand::Disconnect(arguments) => Box::pin(connections::run_disconnect(&arguments)).await?,
            ConnectionsCommand::Import(arguments) => Box::pin(connections::run_import(&arguments)).await?,
        },
        Command::Halt { scope } => return Box::pin(halt::run(&scope)).await,
        Command::Resume { scope } => halt::run_resume(&scope).await?,
        Command::DeadLetters { command } => match command {
            DeadLettersCommand::List(arguments) => dead_letters::run_list(&arguments).await?,
            DeadLettersCommand::Show(arguments) => dead_letters::run_show(&arguments).await?,
            DeadLettersCommand::Replay(arguments) => Box::pin(dead_letters::run_replay(&arguments)).await?,
        },
        Command::Rotate { command: RotateCommand::SealingKey(arguments) } => rotate::run(&arguments).await?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "courier", &mut script);
            output::print(&String::from_utf8_lossy(&script));
        }
        Command::Refusals { command: RefusalsCommand::List(arguments) } => refusals::run_list(&arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}
