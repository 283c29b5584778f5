//! The reading end: a thread that turns lines into requests, and is not kept waiting by any call.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::ending::{self, Ending};
use crate::message::{MAX_MESSAGE, NO_OBJECT, is_object};
use crate::{Cancel, PathRef, PluginError};

/// How many requests are read ahead. A host sends one at a time; a person may pipe in a file of them.
const READ_AHEAD: usize = 64;

/// One request, whole, as it came.
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) method: String,
    pub(super) line: Vec<u8>,
    /// When the host stops waiting, counted from when the line was read.
    pub(super) deadline: Option<Instant>,
    pub(super) scratch: Option<PathRef>,
    pub(super) cancel: Cancel,
}

/// What happens when the input has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtEnd {
    /// What runs is cancelled, and may take its time.
    Stay,
    /// What runs is cancelled, and the program ends soon after.
    EndProgram,
}

type Next = Result<Request, PluginError>;

/// The requests of the input, in their order.
pub(super) struct Incoming {
    requests: Receiver<Next>,
    unanswered: Arc<Unanswered>,
    ending: Arc<Ending>,
}

impl Incoming {
    /// Starts the reading thread; returns when it runs.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(reader: impl Read + Send + 'static, at_end: AtEnd) -> io::Result<Self> {
        let (send, requests) = mpsc::sync_channel(READ_AHEAD);
        let incoming = Self { requests, unanswered: Arc::default(), ending: Arc::default() };
        let (unanswered, ending) = (Arc::clone(&incoming.unanswered), Arc::clone(&incoming.ending));
        if at_end == AtEnd::EndProgram {
            ending.start_last_resort()?;
        }
        ending::start("requests", move || {
            let lines = BufReader::with_capacity(64 << 10, reader);
            Reading { lines, send, unanswered: Arc::clone(&unanswered) }.run();
            unanswered.cancel_all();
            if at_end == AtEnd::EndProgram {
                ending.end_program();
            }
        })?;
        Ok(incoming)
    }

    /// The next request, or why a line is none; `None` when the input has ended.
    pub(super) fn next(&self) -> Option<Next> {
        self.requests.recv().ok()
    }

    /// The request is answered: a late `cancel` means nothing any more.
    pub(super) fn forget(&self, request: &Request) {
        self.unanswered.lock().remove(&request.id);
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.ending.all_answered();
    }
}

/// The cancel flags of requests that were read and not yet answered.
#[derive(Default)]
struct Unanswered(Mutex<HashMap<u64, Cancel>>);

impl Unanswered {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Cancel>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel_all(&self) {
        self.lock().values().for_each(Cancel::cancel);
    }
}

struct Reading<R: Read> {
    lines: BufReader<R>,
    send: SyncSender<Next>,
    unanswered: Arc<Unanswered>,
}

impl<R: Read> Reading<R> {
    fn run(mut self) {
        while let Some(line) = next_line(&mut self.lines, MAX_MESSAGE) {
            let next = match line {
                Ok(line) => match read(line) {
                    Line::Request(request) => {
                        self.unanswered.lock().insert(request.id, request.cancel.clone());
                        Ok(*request)
                    }
                    Line::Cancel(id) => {
                        if let Some(cancel) = self.unanswered.lock().get(&id) {
                            cancel.cancel();
                        }
                        continue;
                    }
                    Line::Other => continue,
                    Line::Unreadable(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            if self.send.send(next).is_err() {
                return;
            }
        }
    }
}

/// The next line without its end; `None` when there is no more. Of one that is longer than `limit`, nothing
/// is kept.
fn next_line(lines: &mut impl BufRead, limit: usize) -> Option<Result<Vec<u8>, PluginError>> {
    let mut line = Vec::new();
    // One byte more for the end of the line.
    let most = limit as u64 + 1;
    // An input that cannot be read is one that has ended.
    let read = lines.by_ref().take(most).read_until(b'\n', &mut line).ok()?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 == most {
        lines.skip_until(b'\n').ok()?;
        return Some(Err(PluginError::permanent(format!(
            "the request has more than the {limit} bytes that are read"
        ))));
    } else if line.is_empty() {
        return None;
    }
    Some(Ok(line))
}

/// What a line is.
enum Line {
    Request(Box<Request>),
    Cancel(u64),
    /// Without `method`: it wants no answer, and is from a newer host if it is anything.
    Other,
    Unreadable(PluginError),
}

/// All that is looked at before the params. One structure and no flattening, which would copy the params.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default, borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(default)]
    cancel: Option<u64>,
    #[serde(default)]
    deadline_ms: Option<u64>,
    #[serde(default)]
    scratch: Option<PathRef>,
}

fn read(line: Vec<u8>) -> Line {
    if line.trim_ascii().is_empty() {
        return Line::Other;
    }
    let unreadable = |reason: &str| {
        Line::Unreadable(PluginError::permanent(format!("the request cannot be read: {reason}")))
    };
    if !is_object(&line) {
        return unreadable(NO_OBJECT);
    }
    match serde_json::from_slice::<Head<'_>>(&line) {
        Ok(Head { id: Some(id), method: Some(method), deadline_ms, scratch, .. }) => {
            let deadline =
                deadline_ms.and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
            let method = method.into_owned();
            Line::Request(Box::new(Request { id, method, line, deadline, scratch, cancel: Cancel::new() }))
        }
        Ok(Head { id: None, method: Some(_), .. }) => unreadable("it has no `id`"),
        Ok(Head { method: None, cancel: Some(id), .. }) => Line::Cancel(id),
        Ok(Head { method: None, cancel: None, .. }) => Line::Other,
        Err(_) if has_no_method(&line) => Line::Other,
        Err(error) => unreadable(&error.to_string()),
    }
}

/// Whether it is an object without `method`, whatever else may be odd about it.
fn has_no_method(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Method {
        #[serde(default)]
        method: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Method>(line).is_ok_and(|head| head.method.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(mut input: &[u8], limit: usize) -> Vec<Result<Vec<u8>, String>> {
        std::iter::from_fn(|| next_line(&mut input, limit))
            .map(|line| line.map_err(|error| error.message))
            .collect()
    }

    #[test]
    fn lines_end_at_their_end_and_nowhere_else() {
        let line = |text: &str| Ok(text.as_bytes().to_vec());
        assert_eq!(all(b"", 4), []);
        assert_eq!(all(b"ab\n\ncd", 4), [line("ab"), line(""), line("cd")]);
        // Exactly as long as allowed, with and without an end.
        assert_eq!(all(b"abcd\nefgh", 4), [line("abcd"), line("efgh")]);
        let long = Err("the request has more than the 4 bytes that are read".to_owned());
        assert_eq!(all(b"abcde\nf\n", 4), [long.clone(), line("f")]);
        assert_eq!(all(b"abcdefghijk\nf\n", 4), [long.clone(), line("f")]);
        assert_eq!(all(b"abcdefghijk", 4), [long]);
    }

    #[test]
    fn only_a_line_with_a_method_wants_an_answer() {
        let kind = |text: &str| match read(text.as_bytes().to_vec()) {
            Line::Request(request) => format!("request {} {}", request.id, request.method),
            Line::Cancel(id) => format!("cancel {id}"),
            Line::Other => "other".to_owned(),
            Line::Unreadable(error) => error.message,
        };
        assert_eq!(kind(r#"{"x":[{}],"id":7,"method":"fi\u006ed"}"#), "request 7 find");
        assert_eq!(kind(r#"{"id":7,"method":"find","cancel":null,"deadline_ms":null}"#), "request 7 find");
        assert_eq!(kind(r#"{"cancel":7}"#), "cancel 7");
        for other in ["", " \r", "{}", r#"{"id":7}"#, r#"{"cancel":"all"}"#, r#"{"priority":{"id":"x"}}"#] {
            assert_eq!(kind(other), "other", "{other}");
        }
        for (line, word) in [
            ("hello", "no JSON object"),
            (r#"[7,"find"]"#, "no JSON object"),
            (r#"{"id":7,"method":"find""#, "EOF"),
            (r#"{"id":-7,"method":"find"}"#, "-7"),
            (r#"{"id":"7","method":"find"}"#, "string"),
            (r#"{"method":"find"}"#, "no `id`"),
            (r#"{"id":7,"method":7}"#, "integer"),
            (r#"{"id":7,"method":"find","deadline_ms":"soon"}"#, "soon"),
        ] {
            let said = kind(line);
            assert!(
                said.starts_with("the request cannot be read: ") && said.contains(word),
                "{line}: {said}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in any::<Vec<u8>>()) {
            let _ = read(line);
        }
    }
}
