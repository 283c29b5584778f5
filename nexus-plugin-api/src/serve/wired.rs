//! A plugin that is itself spoken to in messages, such as a library: its bytes are passed on.

use std::io::{Read, Write};
use std::process::ExitCode;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::desk::{Answers, Served};
use crate::host::{Wire, Wired};
use crate::message::{self, Method};
use crate::{Call, Manifest, PluginError};

/// Serves what `make` brings, such as a library that it loads, over a pair of ends; the body of a program that
/// lends its process to a plugin.
///
/// The program ends with its input, also in the middle of a call or of `make`. If `make` fails, the first
/// request is answered with the reason, and that is all.
pub fn host<W: Wired>(
    make: impl FnOnce() -> Result<W, PluginError>,
    reader: impl Read + Send + 'static,
    writer: impl Write + Send + 'static,
) -> ExitCode {
    super::run(|| make().map(Lent), reader, writer)
}

struct Lent<W>(W);

impl<W: Wired> Served for Lent<W> {
    fn manifest(&self) -> Manifest {
        self.0.manifest()
    }

    fn configure(&self, settings: &Value) -> Result<Box<dyn Answers>, PluginError> {
        let who = format!("plugin `{}`", self.0.manifest().name);
        Ok(Box::new(Passed { who, wire: self.0.connect(settings)? }))
    }
}

struct Passed {
    who: String,
    wire: Box<dyn Wire>,
}

impl Answers for Passed {
    fn answer(&self, call: &Call, id: u64, method: Method, line: &[u8]) -> Vec<u8> {
        let reply = match self.wire.exchange(call, method, line) {
            Ok(reply) => reply,
            Err(error) => return message::error_reply(id, &error),
        };
        // What is no reply would be a broken line, and would cost the process; here it costs the call.
        match message::read_reply::<IgnoredAny>(id, &reply) {
            Ok(_) => in_one_line(reply),
            Err(error) => {
                let who = &self.who;
                let reason = error.in_full();
                let text = format!("{who} answered `{method}` with something unusable: {reason}");
                message::error_reply(id, &method.unclear(text))
            }
        }
    }
}

/// In JSON the end of a line is white space wherever it may stand.
fn in_one_line(mut json: Vec<u8>) -> Vec<u8> {
    for byte in &mut json {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Effect;

    /// Replies with these bytes, whatever it is asked.
    struct Says(Result<Vec<u8>, PluginError>);

    impl Wire for Says {
        fn exchange(&self, _call: &Call, _method: Method, _request: &[u8]) -> Result<Vec<u8>, PluginError> {
            self.0.clone()
        }
    }

    fn passed(said: Result<Vec<u8>, PluginError>, method: Method) -> String {
        let passed = Passed { who: "plugin `c`".to_owned(), wire: Box::new(Says(said)) };
        String::from_utf8(passed.answer(&Call::unlimited(""), 7, method, b"{}")).unwrap()
    }

    #[test]
    fn a_reply_goes_through_byte_by_byte_but_in_one_line() {
        let reply = "{\"took\": 3,\r\n  \"id\": 7, \"ok\": {\"text\": \"a\\nb \u{2028} ☃\"}\n}\n";
        let expected = reply.replace(['\n', '\r'], " ");
        assert_eq!(passed(Ok(reply.into()), Method::Find), expected);
    }

    #[test]
    fn what_is_no_reply_costs_the_call_and_not_the_line() {
        for (said, reason) in [
            (&b""[..], "it is empty"),
            (b"hello\nyou", "it does not have the form of an answer: expected value at line 1 column 1"),
            (b"{\"id\":7,\"ok\":\"\xff\"}", "it is not UTF-8 (at byte 14)"),
            (br#"{"id":8,"ok":{}}"#, "it answers request 8, not 7"),
            (
                br#"{"id":7,"ok":null}"#,
                "it must hold exactly one of `ok`, `error` and `unsupported`; one that is null does not count",
            ),
        ] {
            for (method, effect) in [(Method::Find, Effect::None), (Method::Deliver, Effect::Maybe)] {
                let reply = passed(Ok(said.to_vec()), method);
                let Ok(message::Reply::Error(error)) = message::read_reply::<Value>(7, reply.as_bytes())
                else {
                    panic!("{reply}")
                };
                let expected = format!("plugin `c` answered `{method}` with something unusable: {reason}");
                assert_eq!((error.message, error.effect), (expected, effect));
            }
        }
    }

    #[test]
    fn an_error_on_the_way_is_told() {
        let error = PluginError::transient("gone").maybe_done();
        assert_eq!(passed(Err(error.clone()), Method::Find).into_bytes(), message::error_reply(7, &error));
    }
}
