//! What the process carrier adds to the messages: every message is one line of JSON, and some lines are
//! neither request nor reply.
//!
//! ```json
//! → {"deadline_ms": 300000, "scratch": "/mnt/nexus/.scratch", "id": 7, "method": "deliver", "params": {…}}
//! → {"cancel": 7}
//! ← {"log": {"level": "info", "message": "uploading 3 files"}}
//! ← {"id": 7, "ok": {…}}
//! ```
//!
//! `→` is the plugin's standard input, `←` its standard output. One request at a time: the next one comes
//! after the reply, or after a new start. The first two are `manifest` and `configure`. A line without
//! `method` wants no answer; the end of the input asks the plugin to end.

use serde::{Deserialize, Serialize};

use crate::{LogLevel, PathRef};

/// What a request line says about its call, beside id, method and params.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Circumstances {
    /// Milliseconds left when the line was written; not there for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<u64>,
    /// The host's folder for files that must cross; emptied after the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<PathRef>,
}

/// Nobody wants the answer to this request any more. A plugin that does not end the call soon, with whatever
/// reply, is killed with its process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CancelLine {
    /// The id of the request.
    pub cancel: u64,
}

/// A line for the host's log, under the plugin's name. Never put a secret into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogLine {
    /// The line.
    pub log: LogEntry,
}

/// How serious it is, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogEntry {
    /// How serious it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}
