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
