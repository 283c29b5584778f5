//! What a plugin writes to standard error: into the log, line by line, whether or not it is being called.
//!
//! As many lines as a call may log are passed on from one call to the next. More are left out, and cost nothing:
//! they may be those of a library that the plugin's author has no say in.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_plugin_api::LogLevel;
use nexus_plugin_api::call::LogSink;

use super::lines::{Logged, MOST_LOG};
use crate::own_table::cut;
use crate::secret::Redactor;

/// Longest line that is passed on, in bytes.
pub(super) const LONGEST: usize = 16 << 10;
/// How much more of a longer line is looked at, so that a secret at the cut is known as one.
const BEYOND: usize = 4 << 10;
/// Longest last word that an error repeats, in bytes.
const LAST: usize = 400;

/// The last line that said something, and whether there will be more.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last: Option<String>,
    ended: bool,
    /// Since the last call began.
    logged: Logged,
    /// That lines are left out was told.
    told: bool,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Passed,
    /// It is the first that is left out.
    FirstLeftOut,
    LeftOut,
}

impl LastWords {
    /// The last line, after everything that was written has been read, or this time has passed.
    pub fn wait(&self, patience: Duration) -> Option<String> {
        let waited = self.ended.wait_timeout_while(self.lock(), patience, |state| !state.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.last.clone()
    }

    /// A call begins.
    pub fn begin(&self) {
        let mut state = self.lock();
        state.logged = Logged::default();
        state.told = false;
    }

    fn note(&self, line: &str) -> Fate {
        let mut state = self.lock();
        state.last = Some(cut(line.trim(), LAST).to_owned());
        if state.logged.count(line.as_bytes()) {
            Fate::Passed
        } else if std::mem::replace(&mut state.told, true) {
            Fate::LeftOut
        } else {
            Fate::FirstLeftOut
        }
    }

    fn end(&self) {
        self.lock().ended = true;
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes everything on until the end, on a thread of its own.
pub(super) fn listen(
    name: &str,
    from: impl Read + Send + 'static,
    log: LogSink,
    redactor: Redactor,
) -> io::Result<Arc<LastWords>> {
    let words = Arc::new(LastWords::default());
    let last = Arc::clone(&words);
    std::thread::Builder::new().name(format!("{name} stderr")).spawn(move || {
        pass_on(from, &mut |line| {
            let line = shown(line, &redactor);
            if line.trim().is_empty() {
                return;
            }
            match last.note(&line) {
                Fate::Passed => log(LogLevel::Info, &line),
                Fate::FirstLeftOut => log(LogLevel::Warn, &left_out()),
                Fate::LeftOut => {}
            }
        });
        last.end();
    })?;
    Ok(words)
}

fn left_out() -> String {
    let (lines, bytes) = MOST_LOG;
    format!(
        "it wrote more than {lines} lines or {} MiB to standard error since the last call began; the rest is left out",
        bytes >> 20
    )
}

/// Calls `tell` with every line, without what is far beyond [`LONGEST`].
fn pass_on(mut from: impl Read, tell: &mut dyn FnMut(&[u8])) {
    let mut chunk = [0; 8 << 10];
    let mut line: Vec<u8> = Vec::new();
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let mut pieces = chunk.get(..read).unwrap_or_default().split(|byte| *byte == b'\n');
        let mut piece = pieces.next();
        while let Some(bytes) = piece {
            let room = (LONGEST + BEYOND).saturating_sub(line.len());
            line.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
            piece = pieces.next();
            if piece.is_some() {
                tell(&line);
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        tell(&line);
    }
}

/// A line as it may be shown: masked first, then cut.
pub(super) fn shown(line: &[u8], redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(line);
    let text = redactor.mask(text.trim_end_matches('\r'));
    if line.len() <= LONGEST {
        return text.into_owned();
    }
    // The end may be the first half of a secret.
    let most = text.len().saturating_sub(BEYOND).min(LONGEST);
    format!("{}… (the line is longer)", cut(&text, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        pass_on(text, &mut |line| found.push(line.to_vec()));
        found
    }

    #[test]
    fn lines_come_one_by_one() {
        assert_eq!(lines(b"one\n\ntwo\nrest"), [&b"one"[..], b"", b"two", b"rest"]);
        assert!(lines(b"").is_empty());
        let long = [&b"x".repeat(100_000)[..], b"\nshort\n"].concat();
        let found = lines(&long);
        assert_eq!((found.len(), found[0].len(), found[1].as_slice()), (2, LONGEST + BEYOND, &b"short"[..]));
    }

    #[test]
    fn no_part_of_a_secret_is_left_at_the_cut() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("hunter2hunter2"));
        for shift in 0..20 {
            let line = format!("{}hunter2hunter2 and more", "x".repeat(LONGEST - shift));
            let text = shown(line.as_bytes(), &redactor);
            assert!(!text.contains("hunt"), "{}", &text[LONGEST - 40..]);
            let line = "hunter2hunter2".repeat(3000);
            let text = shown(&line.as_bytes()[..LONGEST + BEYOND], &redactor);
            assert!(!text.contains("hunt"), "{text}");
        }
    }

    #[test]
    fn a_flood_is_cut_off_until_the_next_call() {
        let words = LastWords::default();
        for _ in 0..2 {
            let fates: Vec<Fate> = (0..MOST_LOG.0 + 3).map(|_| words.note("x")).collect();
            assert!(fates.iter().take(MOST_LOG.0).all(|fate| *fate == Fate::Passed));
            assert_eq!(fates[MOST_LOG.0..], [Fate::FirstLeftOut, Fate::LeftOut, Fate::LeftOut]);
            words.begin();
        }
        assert_eq!(words.note(&"x".repeat(MOST_LOG.1 + 1)), Fate::FirstLeftOut);
        words.note("the end");
        words.end();
        assert_eq!(words.wait(Duration::ZERO).as_deref(), Some("the end"));
    }

    #[test]
    fn last_words_are_the_last_that_say_something() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&heard);
        let log: LogSink = Arc::new(move |level, line| {
            assert_eq!(level, LogLevel::Info);
            to.lock().unwrap().push(line.to_owned());
        });
        let words = listen("x", &b"Traceback\nNo module\n\n"[..], log, Redactor::default()).unwrap();
        assert_eq!(words.wait(Duration::from_mins(1)).as_deref(), Some("No module"));
        assert_eq!(*heard.lock().unwrap(), ["Traceback", "No module"]);
    }
}
