//! One live session token: the RSA signature of its request, the key exchange, the derivation and the proof.

use std::fs;

use bench::pure::TokenCase;

use crate::Failure;
use crate::report::{Report, Row};

const TOKENS: usize = 60;

/// Makes tokens on this thread; the mean of their time on the processor.
pub(crate) fn measure(report: &mut Report) -> Result<(), Failure> {
    let cases = TokenCase::all()?;
    let began = thread_nanoseconds()?;
    let mut made = 0;
    for case in cases.iter().cycle().take(TOKENS) {
        case.make()?;
        made += 1;
    }
    let milliseconds = (thread_nanoseconds()? - began) / f64::from(made) / 1_000_000.0;
    report.add(Row::at_most("CPU per live session token, ms", milliseconds, 8.0));
    Ok(())
}

/// Time of this thread on a processor so far (Linux, `Documentation/scheduler/sched-stats.rst`).
fn thread_nanoseconds() -> Result<f64, Failure> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split_whitespace().next().unwrap_or_default().parse()?)
}
