//! Runs another program to its end.

use std::process::{Output, Stdio};

use tokio::{io::AsyncWriteExt, process::Command};

use crate::StackError;

/// So many bytes of a failed program's words are shown: the last ones, where the reason is.
const OUTPUT_SHOWN_BYTES: usize = 4_000;

/// Runs `command` without input; gives what it wrote to its standard output.
pub(crate) async fn run(step: &'static str, command: Command) -> Result<Vec<u8>, StackError> {
    run_with(step, command, &[]).await
}

/// Runs `command` with `input`; gives what it wrote to its standard output.
pub(crate) async fn run_with(step: &'static str, mut command: Command, input: &[u8]) -> Result<Vec<u8>, StackError> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let failed = |source| StackError::Program { program: name.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ended before it read everything says why in its output.
        let _ = stdin.write_all(input).await;
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(StackError::Step { step, output: last_words(&output) })
    }
}

fn last_words(output: &Output) -> String {
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&words[words.len().saturating_sub(OUTPUT_SHOWN_BYTES)..]).into_owned()
}
