//! Replies: written by the plugin's side, read with suspicion by the host's.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{MAX_MESSAGE, is_object, written};
use crate::PluginError;

/// What an answer may take in memory, in bytes, as [`memory`] judges it.
const MOST_MEMORY: usize = 512 << 20;
/// Replies up to this length are not judged: the worst of them takes less than [`MOST_MEMORY`].
const HARMLESS: usize = 1 << 20;

/// What a reply says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<T> {
    /// The answer.
    Ok(T),
    /// Why not.
    Error(PluginError),
    /// The plugin does not have this method.
    Unsupported,
}

/// What came back is not a reply to what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// No bytes.
    #[error("it is empty")]
    Empty,
    /// More than [`MAX_MESSAGE`].
    #[error(
        "it has {len} bytes, more than the {MAX_MESSAGE} that are read; large data goes into the scratch folder"
    )]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Made of so many parts that they would fill the memory of the host.
    #[error(
        "it is made of so many parts that they would take more than {} MiB of memory; send fewer at a time",
        MOST_MEMORY >> 20
    )]
    TooManyParts,
    /// Not UTF-8.
    #[error("it is not UTF-8 (at byte {at})")]
    NotUtf8 {
        /// Where it goes wrong.
        at: usize,
    },
    /// Not JSON, or not of the shape the method answers with.
    #[error("it does not have the form of an answer")]
    NotAnAnswer(#[source] serde_json::Error),
    /// An answer to something else.
    #[error("it answers request {received}, not {sent}")]
    WrongId {
        /// The id of the request.
        sent: u64,
        /// The id in the reply.
        received: u64,
    },
    /// Not exactly one of `ok`, `error`, `unsupported`.
    #[error("it must hold exactly one of `ok`, `error` and `unsupported`; one that is null does not count")]
    NotOne,
}

impl ReplyError {
    /// The message with its cause.
    #[cfg(feature = "host")]
    pub(crate) fn in_full(&self) -> String {
        match self {
            Self::NotAnAnswer(source) => format!("{self}: {source}"),
            other => other.to_string(),
        }
    }
}

/// A reply that says it worked.
pub fn ok_reply<T: Serialize>(id: u64, answer: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ok<'a, T> {
        id: u64,
        ok: &'a T,
    }
    written(&Ok { id, ok: answer }).unwrap_or_else(|error| {
        error_reply(id, &PluginError::permanent(format!("the answer cannot be written as JSON: {error}")))
    })
}

/// A reply that says it did not.
pub fn error_reply(id: u64, error: &PluginError) -> Vec<u8> {
    #[derive(Serialize)]
    struct Refusal<'a> {
        id: u64,
        error: &'a PluginError,
    }
    serde_json::to_vec(&Refusal { id, error }).unwrap_or_default()
}

/// A reply that says the method is not known.
pub fn unsupported_reply(id: u64) -> Vec<u8> {
    format!("{{\"id\":{id},\"unsupported\":true}}").into_bytes()
}

/// Reads the reply to request `sent`.
///
/// # Errors
/// [`ReplyError`]: it is no reply, or not to this request.
pub fn read_reply<T: DeserializeOwned>(sent: u64, reply: &[u8]) -> Result<Reply<T>, ReplyError> {
    #[derive(Deserialize)]
    struct Whole<T> {
        id: u64,
        #[serde(default = "Option::default")]
        ok: Option<T>,
        #[serde(default)]
        error: Option<PluginError>,
        #[serde(default)]
        unsupported: bool,
    }

    if reply.is_empty() {
        return Err(ReplyError::Empty);
    }
    if reply.len() > MAX_MESSAGE {
        return Err(ReplyError::TooLong { len: reply.len() });
    }
    let text = std::str::from_utf8(reply).map_err(|error| ReplyError::NotUtf8 { at: error.valid_up_to() })?;
    if reply.len() > HARMLESS && memory(reply) > MOST_MEMORY {
        return Err(ReplyError::TooManyParts);
    }
    // Once, if nothing is wrong with it.
    if is_object(reply)
        && let Ok(Whole { id, ok, error, unsupported }) = serde_json::from_str(text)
        && id == sent
    {
        return one_of(ok, error, unsupported);
    }
    read_in_order(sent, text)
}

/// What the parts of a JSON text take at most when they are read, beside the bytes of the text: a value, and what a list
/// or an object of few values sets aside. `[{"":0},{"":0},…` takes a hundred times its own length.
fn memory(json: &[u8]) -> usize {
    const VALUE: usize = 80;
    const LIST: usize = 300;
    const OBJECT: usize = 600;
    let (mut sum, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        sum += match byte {
            b',' => VALUE,
            b'[' => LIST,
            b'{' => OBJECT,
            _ => 0,
        };
        quoted = *byte == b'"';
    }
    sum
}

/// The id first, by itself: an answer to another method would otherwise be called malformed.
fn read_in_order<T: DeserializeOwned>(sent: u64, text: &str) -> Result<Reply<T>, ReplyError> {
    #[derive(Deserialize)]
    struct Id {
        id: u64,
    }
    #[derive(Deserialize)]
    struct Body<T> {
        #[serde(default = "Option::default")]
        ok: Option<T>,
        #[serde(default)]
        error: Option<PluginError>,
        #[serde(default)]
        unsupported: bool,
    }

    let Id { id } = serde_json::from_str(text).map_err(ReplyError::NotAnAnswer)?;
    if id != sent && id != 0 {
        return Err(ReplyError::WrongId { sent, received: id });
    }
    let body: Body<T> = serde_json::from_str(text).map_err(ReplyError::NotAnAnswer)?;
    match one_of(body.ok, body.error, body.unsupported)? {
        Reply::Ok(_) if id != sent => Err(ReplyError::WrongId { sent, received: id }),
        reply => Ok(reply),
    }
}

fn one_of<T>(ok: Option<T>, error: Option<PluginError>, unsupported: bool) -> Result<Reply<T>, ReplyError> {
    match (ok, error, unsupported) {
        (Some(answer), None, false) => Ok(Reply::Ok(answer)),
        (None, Some(error), false) => Ok(Reply::Error(error)),
        (None, None, true) => Ok(Reply::Unsupported),
        _ => Err(ReplyError::NotOne),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FailureClass, Found, Target};
    use proptest::prelude::*;

    fn read(reply: &[u8]) -> Result<Reply<Target>, String> {
        read_reply(7, reply).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error} {source}")
        })
    }

    #[test]
    fn the_three_forms_come_back() {
        let target = Target { id: "x".into(), can_find: true, settle_seconds: 5 };
        assert_eq!(read(&ok_reply(7, &target)), Ok(Reply::Ok(target)));
        let until = "2026-03-01T00:00:00Z".parse().unwrap();
        let error = PluginError::new(FailureClass::RateLimited { until: Some(until) }, "slow down")
            .with_hint("wait")
            .maybe_done();
        assert_eq!(read(&error_reply(7, &error)), Ok(Reply::Error(error.clone())));
        assert_eq!(read(&error_reply(0, &error)), Ok(Reply::Error(error)));
        assert_eq!(read(&unsupported_reply(7)), Ok(Reply::Unsupported));
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let newer =
            br#"{"took_ms":3,"id":7,"ok":{"id":"x","can_find":false,"colour":{"a":[1]}},"more":null}"#;
        let Ok(Reply::Ok(target)) = read(newer) else { panic!("{:?}", read(newer)) };
        assert_eq!((target.id.as_str(), target.settle_seconds), ("x", 120));
    }

    #[test]
    fn whatever_is_no_reply_is_named() {
        let too_long = vec![b' '; MAX_MESSAGE + 1];
        for (reply, word) in [
            (&b""[..], "empty"),
            (&too_long, "more than"),
            (b"{\"id\":7,\"ok\":\"\xff\"}", "not UTF-8 (at byte 14)"),
            (b"hello", "expected value at line 1"),
            (b"[7]", "form of an answer"),
            (br#"[7, {"id":"x","can_find":true}]"#, "form of an answer"),
            (br#"[7, {"id":"x","can_find":true}, null, false]"#, "form of an answer"),
            (b"{\"ok\":{}}", "missing field `id`"),
            (br#"{"id":8,"ok":"whatever"}"#, "answers request 8, not 7"),
            (br#"{"id":8,"ok":{"id":"x","can_find":true}}"#, "answers request 8, not 7"),
            (br#"{"ok":{"can_find":"maybe"},"id":8}"#, "answers request 8, not 7"),
            (br#"{"ok":{"can_find":"maybe"},"id":"8"}"#, "string \"8\", expected u64"),
            (br#"{"id":8,"ok":"whatever""#, "EOF"),
            (br#"{"id":7,"ok":{"id":7,"can_find":true}}"#, "invalid type: integer `7`, expected a string"),
            (br#"{"id":0,"ok":{"id":"x","can_find":true}}"#, "answers request 0, not 7"),
            (br#"{"id":7,"ok":{"can_find":true}}"#, "missing field `id`"),
            (br#"{"id":7}"#, "exactly one of"),
            (br#"{"id":7,"ok":null}"#, "one that is null does not count"),
            (
                br#"{"id":7,"ok":{"id":"x","can_find":true},"error":{"class":"auth","effect":"none","message":""}}"#,
                "exactly one of",
            ),
            (br#"{"id":7,"error":{"class":"sad","effect":"none","message":""}}"#, "sad"),
            (br#"{"id":7,"unsupported":true} {}"#, "trailing"),
        ] {
            let error = read(reply).unwrap_err();
            assert!(error.contains(word), "{error} should say {word}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes hours to fill so much memory")]
    fn a_reply_of_too_many_parts_is_refused_unread() {
        let of = |part: &str, count: usize| {
            let reply = format!(
                "{{\"id\":7,\"ok\":{{\"id\":\"x\",\"can_find\":true,\"more\":[{}0]}}}}",
                part.repeat(count)
            );
            assert!(reply.len() < MAX_MESSAGE);
            read(reply.as_bytes())
        };
        // What is all right is known by its parts, whatever stands within texts.
        assert!(of("0,", 6_000_000).is_ok());
        assert!(of("\"{\\\"{[{,,,,,,,,,,,,,,,\\\\\",", 1_000_000).is_ok());
        for part in ["0,", "[0],", "{\"\":0},"] {
            let error = of(part, 7_000_000).unwrap_err();
            assert!(error.contains("so many parts"), "{part}: {error}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let depth = if cfg!(miri) { 10_000 } else { 1_000_000 };
        let reply = format!("{{\"id\":7,\"ok\":{}", "[".repeat(depth));
        assert!(read(reply.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(reply in any::<Vec<u8>>()) {
            let _ = read_reply::<Found>(1, &reply);
        }
    }
}
