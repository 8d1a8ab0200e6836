//! Bytes that nobody thought of, for what reads the outside's words.
//!
//! Each target keeps a corpus: files, each of which once came to an outcome that no file before it had. A run reads them
//! all, then goes on from them: bits turned, pieces cut out, doubled, joined with others. What comes to a new outcome is
//! gone on from as well. Without the environment variable [`SECONDS`] a run makes [`INPUTS`] inputs from a fixed seed, so
//! that a test of it says the same everywhere; with it, it goes on for so long from another seed each time, and adds what
//! it found to the corpus.

mod mutation;

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// The environment variable that says for how many seconds each target is run.
pub const SECONDS: &str = "COURIER_FUZZ_SECONDS";
/// Inputs of a run without it.
pub const INPUTS: u64 = 2_000;
/// Files that a corpus may have: what was found past it is gone on from, and not kept.
const CORPUS_FILES_MAX: usize = 250;
/// Longest input that is kept, bytes.
const KEPT_BYTES_MAX: usize = 2_000;

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fuzzed {
    /// Inputs that were read, those of the corpus too.
    pub inputs: u64,
    /// Outcomes that differ.
    pub outcomes: usize,
    /// Files that were added to the corpus.
    pub kept: usize,
}

/// Reads inputs until the run is over. `target` reads one and names its outcome; whatever must hold for every input it
/// asserts. An input that makes it panic is written into the corpus, and the panic goes on.
///
/// # Errors
/// The corpus cannot be read or written.
pub fn fuzz(corpus: &Path, target: impl Fn(&[u8]) -> String) -> io::Result<Fuzzed> {
    let seconds = std::env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
    Run { corpus, target, dice: fastrand::Rng::with_seed(7), outcomes: BTreeSet::new(), pool: Vec::new(), inputs: 0 }
        .all(seconds.map(Duration::from_secs))
}

struct Run<'c, T> {
    corpus: &'c Path,
    target: T,
    dice: fastrand::Rng,
    outcomes: BTreeSet<String>,
    /// What is gone on from.
    pool: Vec<Vec<u8>>,
    inputs: u64,
}

impl<T: Fn(&[u8]) -> String> Run<'_, T> {
    fn all(mut self, lasting: Option<Duration>) -> io::Result<Fuzzed> {
        let files = files_of(self.corpus)?;
        for file in &files {
            let input = std::fs::read(file)?;
            self.read(&input)?;
            self.pool.push(input);
        }
        assert!(!self.pool.is_empty(), "the corpus {} is empty", self.corpus.display());
        if lasting.is_some() {
            self.dice = fastrand::Rng::new();
        }
        let (began, mut kept) = (Instant::now(), 0);
        let goes_on = |made: u64| lasting.map_or(made < INPUTS, |lasting| began.elapsed() < lasting);
        let mut made = 0;
        while goes_on(made) {
            made += 1;
            let input = mutation::of(&self.pool, &mut self.dice);
            if self.read(&input)? {
                if lasting.is_some() && input.len() <= KEPT_BYTES_MAX && files.len() + kept < CORPUS_FILES_MAX {
                    std::fs::write(self.file("", &input), &input)?;
                    kept += 1;
                }
                self.pool.push(input);
            }
        }
        Ok(Fuzzed { inputs: self.inputs, outcomes: self.outcomes.len(), kept })
    }

    /// Reads one input; whether its outcome is new.
    fn read(&mut self, input: &[u8]) -> io::Result<bool> {
        self.inputs += 1;
        match catch_unwind(AssertUnwindSafe(|| (self.target)(input))) {
            Ok(outcome) => Ok(self.outcomes.insert(outcome)),
            Err(panic) => {
                std::fs::write(self.file("panics-", input), input)?;
                resume_unwind(panic)
            }
        }
    }

    fn file(&self, prefix: &str, input: &[u8]) -> PathBuf {
        let digest = hex::encode(Sha256::digest(input));
        self.corpus.join(format!("{prefix}{}", digest.chars().take(16).collect::<String>()))
    }
}

fn files_of(corpus: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("one"), b"{\"a\": 12}").unwrap();
        folder
    }

    #[test]
    fn an_input_that_panics_is_kept_and_the_panic_goes_on() {
        let folder = corpus();
        let target = |input: &[u8]| {
            assert!(!input.windows(3).any(|window| window == b"{{\""), "found");
            input.len().to_string()
        };
        let ran = catch_unwind(AssertUnwindSafe(|| fuzz(folder.path(), target)));
        assert!(ran.is_err(), "two braces in a row are one doubled piece away");
        let kept = files_of(folder.path()).unwrap();
        let panics = kept.iter().find(|file| file.to_string_lossy().contains("panics-")).unwrap();
        assert!(std::fs::read(panics).unwrap().windows(2).any(|window| window == b"{{"));
    }

    #[test]
    fn a_run_without_a_time_is_the_same_each_time_and_keeps_nothing() {
        let folder = corpus();
        let run = || fuzz(folder.path(), |input| input.len().to_string()).unwrap();
        let first = run();
        assert_eq!((first.inputs, first.kept, &first), (INPUTS + 1, 0, &run()));
        assert!(first.outcomes > 10, "{first:?}");
    }
}
