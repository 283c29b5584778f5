//! What a plugin writes to standard error: into the log, line by line, whether or not it is being called.
//!
//! As many lines as a call may log are passed on from one call to the next. More are left out, and cost next to
//! nothing: they may be those of a library that the plugin's author has no say in. They are read without being looked
//! at, since a plugin writes no faster than it is read, and only the last of them is wanted.

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
/// Bytes read at once: what a pipe holds.
const CHUNK: usize = 64 << 10;

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

    /// Whether lines are left out until the next call begins.
    fn is_full(&self) -> bool {
        self.lock().told
    }

    fn remember(&self, line: &str) {
        self.lock().last = Some(cut(line.trim(), LAST).to_owned());
    }

    fn note(&self, line: &str) -> Fate {
        self.remember(line);
        let mut state = self.lock();
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
        pass_on(from, &mut Listener { log, redactor, words: &last });
        last.end();
    })?;
    Ok(words)
}

/// Who is told of lines.
trait Ear {
    /// A line, without what is far beyond [`LONGEST`].
    fn hear(&mut self, line: &[u8]);
    /// Whether lines need not be told for now.
    fn is_full(&self) -> bool;
    /// The last of the lines that were not told.
    fn remember(&mut self, line: &[u8]);
}

struct Listener<'w> {
    log: LogSink,
    redactor: Redactor,
    words: &'w LastWords,
}

impl Ear for Listener<'_> {
    fn hear(&mut self, line: &[u8]) {
        let line = shown(line, &self.redactor);
        if line.trim().is_empty() {
            return;
        }
        match self.words.note(&line) {
            Fate::Passed => (self.log)(LogLevel::Info, &line),
            Fate::FirstLeftOut => (self.log)(LogLevel::Warn, &left_out()),
            Fate::LeftOut => {}
        }
    }

    fn is_full(&self) -> bool {
        self.words.is_full()
    }

    fn remember(&mut self, line: &[u8]) {
        self.words.remember(&shown(line, &self.redactor));
    }
}

fn left_out() -> String {
    let (lines, bytes) = MOST_LOG;
    format!(
        "it wrote more than {lines} lines or {} MiB to standard error since the last call began; the rest is left out",
        bytes >> 20
    )
}

/// Tells every line to the end of the input.
fn pass_on(mut from: impl Read, ear: &mut dyn Ear) {
    let mut chunk = vec![0; CHUNK];
    let mut line: Vec<u8> = Vec::new();
    // The rest of a line whose beginning was not told.
    let mut begun_unheard = false;
    while let Some(read) = fill(&mut from, &mut chunk) {
        let mut bytes = chunk.get(..read).unwrap_or_default();
        if ear.is_full() {
            line.clear();
            begun_unheard = drain(&mut from, &mut chunk, read, ear);
            continue;
        }
        if begun_unheard {
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { continue };
            bytes = bytes.get(end + 1..).unwrap_or_default();
            begun_unheard = false;
        }
        let mut pieces = bytes.split(|byte| *byte == b'\n');
        let mut piece = pieces.next();
        while let Some(bytes) = piece {
            let room = (LONGEST + BEYOND).saturating_sub(line.len());
            line.extend_from_slice(bytes.get(..bytes.len().min(room)).unwrap_or_default());
            piece = pieces.next();
            if piece.is_some() {
                ear.hear(&line);
                line.clear();
            }
        }
    }
    if !line.is_empty() {
        ear.hear(&line);
    }
}

/// Reads on, and looks at nothing but the last line. `chunk` holds so many bytes already. Says whether what was read
/// ends within a line.
fn drain(from: &mut impl Read, chunk: &mut Vec<u8>, read: usize, ear: &mut dyn Ear) -> bool {
    let (mut length, mut before, mut length_before) = (read, vec![0; CHUNK], 0);
    while ear.is_full() {
        std::mem::swap(chunk, &mut before);
        let Some(more) = fill(from, chunk) else {
            std::mem::swap(chunk, &mut before);
            break;
        };
        (length_before, length) = (length, more);
    }
    let mut end = before.get(..length_before).unwrap_or_default().to_vec();
    end.extend_from_slice(chunk.get(..length).unwrap_or_default());
    // Before the first line end there may be the second half of a secret.
    let whole = end.iter().position(|byte| *byte == b'\n').and_then(|first| end.get(first + 1..));
    let lines = whole.unwrap_or_default().rsplit(|byte| *byte == b'\n');
    if let Some(last) = lines.into_iter().find(|line| !line.trim_ascii().is_empty()) {
        ear.remember(last.get(..last.len().min(LONGEST + BEYOND)).unwrap_or_default());
    }
    !end.ends_with(b"\n")
}

/// The next bytes; `None` at the end.
fn fill(from: &mut impl Read, chunk: &mut [u8]) -> Option<usize> {
    loop {
        match from.read(chunk) {
            Ok(0) => return None,
            Ok(read) => return Some(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
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

    /// Keeps what it hears, and is full from one number of told lines until it has been asked so often.
    #[derive(Default)]
    struct Keeper {
        heard: Vec<Vec<u8>>,
        full_after: Option<usize>,
        asked: std::cell::Cell<usize>,
        full_for: usize,
        remembered: Option<Vec<u8>>,
    }

    impl Ear for Keeper {
        fn hear(&mut self, line: &[u8]) {
            self.heard.push(line.to_vec());
        }
        fn is_full(&self) -> bool {
            if self.full_after.is_none_or(|most| self.heard.len() < most) {
                return false;
            }
            self.asked.set(self.asked.get() + 1);
            self.asked.get() <= self.full_for
        }
        fn remember(&mut self, line: &[u8]) {
            self.remembered = Some(line.to_vec());
        }
    }

    fn lines(text: &[u8]) -> Vec<Vec<u8>> {
        let mut keeper = Keeper::default();
        pass_on(text, &mut keeper);
        keeper.heard
    }

    /// Gives one piece at a read.
    struct Pieces<'p>(std::slice::Iter<'p, &'static [u8]>);

    impl Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.next() else { return Ok(0) };
            into[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn flooded(pieces: &[&'static [u8]], full_for: usize) -> Keeper {
        let mut keeper = Keeper { full_after: Some(1), full_for, ..Keeper::default() };
        pass_on(Pieces(pieces.iter()), &mut keeper);
        keeper
    }

    #[test]
    fn a_flood_is_read_without_a_look_and_its_last_line_is_known() {
        // To the end.
        let keeper = flooded(&[b"first\n", b"a\nb", b"b\nc", b"c\nlast words\n\n"], usize::MAX);
        assert_eq!(keeper.heard, [b"first"]);
        assert_eq!(keeper.remembered.as_deref(), Some(&b"last words"[..]));
        // Words that were cut in two are whole again.
        let keeper = flooded(&[b"first\n", b"a\nb", b"b\nlast w", b"ords"], usize::MAX);
        assert_eq!(keeper.remembered.as_deref(), Some(&b"last words"[..]));
        // What began out of sight may be half a secret.
        let keeper = flooded(&[b"first\n", b"\nhunter2", b"hunter2", b"hunter2"], usize::MAX);
        assert_eq!(keeper.remembered, None);
    }

    #[test]
    fn after_a_flood_lines_are_told_from_their_beginning() {
        // Two looks: one before the flood is drained, one while it is.
        let keeper = flooded(&[b"first\n", b"a\nhun", b"ter", b"2\nsecond\n", b"third\n"], 2);
        assert_eq!(keeper.heard, [&b"first"[..], b"second", b"third"]);
        let keeper = flooded(&[b"first\n", b"a\n", b"b\n", b"second\n"], 2);
        assert_eq!(keeper.heard, [&b"first"[..], b"second"]);
        assert_eq!(keeper.remembered.as_deref(), Some(&b"b"[..]));
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
