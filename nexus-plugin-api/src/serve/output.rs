//! The writing end: replies, and log lines while their call lasts.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::LogLevel;
use crate::message::MAX_LOG_LINE;
use crate::message::line::{LogEntry, LogLine};

/// Where lines are written, whole, from any thread.
pub(super) struct Output(Mutex<State>);

struct State {
    /// `None` once all is said; what a plugin keeps of a call must not keep the far end waiting.
    writer: Option<Box<dyn Write + Send>>,
    /// How many calls have begun.
    calls: u64,
    /// Whether the last of them still runs.
    running: bool,
    /// A log line could not be written; told with the next reply.
    failed: Option<io::Error>,
}

/// Which call a log line belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallNumber(u64);

impl Output {
    pub(super) fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(State { writer: Some(Box::new(writer)), calls: 0, running: false, failed: None }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call begins: from now on it may log.
    pub(super) fn begin(&self) -> CallNumber {
        let mut state = self.lock();
        state.calls += 1;
        state.running = true;
        CallNumber(state.calls)
    }

    /// Writes a log line, if its call still runs.
    pub(super) fn log(&self, call: CallNumber, level: LogLevel, message: &str) {
        let message = message.get(..message.floor_char_boundary(MAX_LOG_LINE)).unwrap_or_default().to_owned();
        // A structure of a word and a text can always be written.
        let line = serde_json::to_vec(&LogLine { log: LogEntry { level, message } }).unwrap_or_default();
        let mut state = self.lock();
        if state.running && state.calls == call.0 && state.failed.is_none() {
            state.failed = state.line(line).err();
        }
    }

    /// Writes a reply, which ends the call.
    pub(super) fn reply(&self, reply: Vec<u8>) -> io::Result<()> {
        let mut state = self.lock();
        state.running = false;
        match state.failed.take() {
            Some(error) => Err(error),
            None => state.line(reply),
        }
    }

    /// All is said.
    pub(super) fn close(&self) {
        self.lock().writer = None;
    }
}

impl State {
    fn line(&mut self, mut line: Vec<u8>) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        line.push(b'\n');
        writer.write_all(&line)?;
        writer.flush()
    }
}
