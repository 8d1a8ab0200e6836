//! Instructions, counted by valgrind's callgrind: the same on every machine of a kind, however busy it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use bench::pure::{HeaderCase, TokenCase};
use clap::ValueEnum;
use tokio::process::Command;

use crate::Failure;

/// Arguments before the program whose instructions are counted.
pub(crate) const CALLGRIND: [&str; 4] = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--"];

/// Pure work, to be counted from outside.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Pure {
    Header,
    Token,
}

impl Pure {
    /// Does it so many times.
    pub(crate) fn work(self, times: u32) -> Result<(), Failure> {
        let (header, tokens) = (HeaderCase::new()?, TokenCase::all()?);
        for _ in 0..times {
            match self {
                Self::Header => drop(std::hint::black_box(header.header())),
                Self::Token => drop(std::hint::black_box(tokens[0].make()?)),
            }
        }
        Ok(())
    }

    fn name(self) -> (&'static str, &'static str, u32) {
        match self {
            Self::Header => ("instructions_per_header", "header", 100),
            Self::Token => ("instructions_per_live_session_token", "token", 2),
        }
    }
}

pub(crate) async fn is_there() -> bool {
    let status = Command::new(CALLGRIND[0]).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await;
    status.is_ok_and(|status| status.success())
}

/// The instructions of each kind of pure work, once.
pub(crate) async fn pure(root: &Path) -> Result<BTreeMap<String, f64>, Failure> {
    let mut counted = BTreeMap::new();
    for work in Pure::value_variants() {
        let (name, word, times) = work.name();
        let more = of_this_program(root, word, times).await? - of_this_program(root, word, 0).await?;
        counted.insert(name.to_owned(), more / f64::from(times));
    }
    Ok(counted)
}

async fn of_this_program(root: &Path, work: &str, times: u32) -> Result<f64, Failure> {
    let mut command = Command::new(CALLGRIND[0]);
    command.args(&CALLGRIND[1..]).arg(std::env::current_exe()?).args(["pure", work, &times.to_string()]);
    let output = command.current_dir(root).kill_on_drop(true).output().await?;
    collected(&String::from_utf8_lossy(&output.stderr))
}

/// The sum at the end of what callgrind says: `==7== Collected : 1234`.
pub(crate) fn collected(said: &str) -> Result<f64, Failure> {
    let line = said.lines().rev().find_map(|line| line.split_once("Collected : "));
    let (_, sum) = line.ok_or_else(|| format!("callgrind did not say what it collected: {said}"))?;
    Ok(sum.trim().parse()?)
}
