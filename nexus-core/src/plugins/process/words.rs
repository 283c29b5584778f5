//! What a plugin writes to standard error: into the log, line by line, whether or not it is being called.

use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nexus_plugin_api::LogLevel;
use nexus_plugin_api::call::LogSink;

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
    state: Mutex<(Option<String>, bool)>,
    ended: Condvar,
}

impl LastWords {
    /// The last line, after everything that was written has been read, or this time has passed.
    pub fn wait(&self, patience: Duration) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ended.wait_timeout_while(state, patience, |(_, ended)| !*ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.0.clone()
    }

    fn note(&self, line: &str) {
        let line = cut(line.trim(), LAST).to_owned();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(line);
    }

    fn end(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
        self.ended.notify_all();
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
            if !line.trim().is_empty() {
                last.note(&line);
                log(LogLevel::Info, &line);
            }
        });
        last.end();
    })?;
    Ok(words)
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
