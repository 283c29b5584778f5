//! What a line on a plugin's standard output is.

use nexus_plugin_api::message::line::LogEntry;
use serde::Deserialize;

/// How much of an unusable line is quoted, in characters.
const QUOTED: usize = 200;

/// One line of standard output.
#[derive(Debug, PartialEq)]
pub(crate) enum Line {
    /// For the log.
    Log(LogEntry),
    /// The answer to the request.
    Reply,
    /// Neither.
    Unusable(Unusable),
}

/// Most log lines of one call, and most bytes of them.
pub(crate) const MOST_LOG: (usize, usize) = (10_000, 16 << 20);

/// How much a call has logged.
#[derive(Debug, Default)]
pub(crate) struct Logged {
    lines: usize,
    bytes: usize,
}

impl Logged {
    /// Counts a line; `false` if that is more than a call may log.
    pub fn count(&mut self, line: &[u8]) -> bool {
        self.lines += 1;
        self.bytes = self.bytes.saturating_add(line.len());
        self.lines <= MOST_LOG.0 && self.bytes <= MOST_LOG.1
    }
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    NotUtf8 { at: usize },
    NotAReply { line: String },
    WrongId { sent: u64, received: u64 },
    TooLong,
    TooMuchLog,
}

/// What the line is, after request `sent` was written; `None` if that one has no id that could be read.
pub(crate) fn read(line: &[u8], sent: Option<u64>) -> Line {
    /// The rest is for the method's own reader.
    #[derive(Deserialize)]
    struct Shape {
        #[serde(default)]
        id: Option<u64>,
        #[serde(default)]
        log: Option<LogEntry>,
    }
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => return Line::Unusable(Unusable::NotUtf8 { at: error.valid_up_to() }),
    };
    // A list of the values of an object would be read as the object.
    let shape = if text.trim_start().starts_with('{') { serde_json::from_str(text).ok() } else { None };
    match shape {
        Some(Shape { id: None, log: Some(entry) }) => Line::Log(entry),
        // 0 says that the request could not be read.
        Some(Shape { id: Some(id), .. }) => match sent {
            Some(sent) if id != sent && id != 0 => Line::Unusable(Unusable::WrongId { sent, received: id }),
            _ => Line::Reply,
        },
        Some(Shape { id: None, log: None }) | None => {
            Line::Unusable(Unusable::NotAReply { line: text.to_owned() })
        }
    }
}

/// The beginning of a text, in one line, for a message.
pub(crate) fn quoted(text: &str) -> String {
    let mut start: String = text.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_plugin_api::LogLevel;
    use proptest::prelude::*;

    #[test]
    fn a_reply_a_log_line_and_whatever_else() {
        let entry = |message: &str| LogEntry { level: LogLevel::Warn, message: message.to_owned() };
        let not_a_reply = |line: &str| Line::Unusable(Unusable::NotAReply { line: line.to_owned() });
        for (line, expected) in [
            (r#"{"id":7,"ok":{}}"#, Line::Reply),
            (r#" {"ok":{"id":3},"id":7} "#, Line::Reply),
            (r#"{"id":0,"error":{}}"#, Line::Reply),
            (r#"{"id":8,"ok":{}}"#, Line::Unusable(Unusable::WrongId { sent: 7, received: 8 })),
            (r#"{"log":{"level":"warn","message":"x","more":1}}"#, Line::Log(entry("x"))),
            (
                r#"{"log":{"level":"shout","message":"x"}}"#,
                not_a_reply(r#"{"log":{"level":"shout","message":"x"}}"#),
            ),
            ("hello", not_a_reply("hello")),
            ("", not_a_reply("")),
            ("{}", not_a_reply("{}")),
            ("[7]", not_a_reply("[7]")),
            (r#"{"id":7,"ok":{}"#, not_a_reply(r#"{"id":7,"ok":{}"#)),
        ] {
            assert_eq!(read(line.as_bytes(), Some(7)), expected, "{line}");
        }
        assert_eq!(read(b"{\"id\":\xff}", Some(7)), Line::Unusable(Unusable::NotUtf8 { at: 6 }));
        assert_eq!(read(br#"{"id":9,"ok":1}"#, None), Line::Reply);
    }

    #[test]
    fn quotes_are_short_and_of_one_line() {
        assert_eq!(quoted("a\tb\u{1b}[1m"), "a b [1m");
        let long = quoted(&"é".repeat(1000));
        assert_eq!(long.chars().count(), QUOTED + 1);
        assert!(long.ends_with('…'));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in any::<Vec<u8>>()) {
            let _ = read(&line, Some(1));
        }
    }
}
