//! The functions' own log, caught for one world: to be searched for secrets, and to be read beside a trace.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::chronicle::Chronicle;

/// The lines of a log.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    /// Where each line goes as well.
    chronicle: Chronicle,
}

impl Log {
    /// Catches what this thread logs until the guard is dropped.
    pub(crate) fn catch(chronicle: Chronicle) -> (Self, DefaultGuard) {
        let log = Self { lines: Arc::default(), chronicle };
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .without_time()
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.lines.lock().unwrap().extend_from_slice(line);
        self.chronicle.note(|| String::from_utf8_lossy(line).trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
