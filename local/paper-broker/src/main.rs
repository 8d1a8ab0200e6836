//! `paper-broker --listen 127.0.0.1:PORT`: prints its address, and serves until it is stopped.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use paper_broker::{MachineClock, MachineEntropy, Options, PaperBroker};
use tokio::net::TcpListener;

/// A broker to develop against. What it does is set under /control; all it knows is gone when it stops.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match serve(arguments.listen).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!(
                "paper-broker cannot listen on {}: {problem}. Choose another port with --listen.",
                arguments.listen
            );
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("http://{}", listener.local_addr()?);
    let broker = PaperBroker::new(Arc::new(MachineClock), Arc::new(MachineEntropy), Options::default());
    broker.serve(listener).await
}
