//! What a start tells while it is under way: each step, and how long it took.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a spinner turns.
const SPINNER_TICK: Duration = Duration::from_millis(100);

/// A step of a start. Several run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Compiling the functions.
    Build,
    /// Python's packages, pinned by hash, in a virtual environment of their own. Seconds when new, nothing when unchanged.
    Environment,
    /// The AWS look-alike.
    Engine,
    /// SAM to CloudFormation.
    Translation,
    /// Zips with the functions' binaries, in the engine's S3.
    Packages,
    /// CloudFormation, until everything exists.
    Deployment,
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Build => "build the functions",
            Self::Environment => "prepare the Python environment",
            Self::Engine => "start the local engine",
            Self::Translation => "translate the template",
            Self::Packages => "package the functions",
            Self::Deployment => "deploy the stack",
        })
    }
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It began.
    Begun(Step),
    /// It is done, and took so long.
    Done(Step, Duration),
}

/// Whoever wants to know of the progress.
#[derive(Clone)]
pub struct Listener(Arc<dyn Fn(Progress) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Listener")
    }
}

impl Listener {
    /// Calls `listen` with everything that happens.
    pub fn new(listen: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listen))
    }

    /// Tells nobody.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    /// Shows a spinner for each step under way, and a line with its duration for each step done. Without a terminal
    /// there are only the lines.
    #[must_use]
    pub fn terminal() -> Self {
        let bars = MultiProgress::new();
        let under_way: Mutex<Vec<(Step, ProgressBar)>> = Mutex::new(Vec::new());
        Self::new(move |progress| {
            let mut under_way = under_way.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match progress {
                Progress::Begun(step) => under_way.push((step, spinner(&bars, step))),
                Progress::Done(step, took) => {
                    under_way.retain(|(other, bar)| {
                        if *other == step {
                            bar.finish_and_clear();
                        }
                        *other != step
                    });
                    eprintln!("{:>7.2} s  {step}", took.as_secs_f64());
                }
            }
        })
    }

    /// Runs `work` as `step`, and tells when it began and, unless it failed, how long it took.
    pub(crate) async fn step<T, E>(&self, step: Step, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        (self.0)(Progress::Begun(step));
        let begun = Instant::now();
        let result = work.await?;
        (self.0)(Progress::Done(step, begun.elapsed()));
        Ok(result)
    }
}

fn spinner(bars: &MultiProgress, step: Step) -> ProgressBar {
    let bar = bars.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{elapsed:>9}  {msg} {spinner}") {
        bar.set_style(style);
    }
    bar.set_message(step.to_string());
    bar.enable_steady_tick(SPINNER_TICK);
    bar
}
