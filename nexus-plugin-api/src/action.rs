//! Named actions: what a plugin can do on request, beside its daily work.

use serde::{Deserialize, Serialize};

/// One action a plugin offers, such as `push-template` or `enrol`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Action {
    /// The word typed on the command line: lower case, hyphens.
    pub name: String,
    /// One sentence for the listing.
    pub summary: String,
    /// JSON Schema of its arguments; an object schema.
    #[serde(default)]
    pub arguments: serde_json::Value,
    /// Whether it changes something outside (then the host takes the lock first).
    #[serde(default)]
    pub writes: bool,
}

/// What an action reports back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionOutcome {
    /// One paragraph for the person who asked.
    pub message: String,
    /// The same for a script; any JSON.
    #[serde(default)]
    pub data: serde_json::Value,
    /// External user identifiers learned on the way, to be stored by the host.
    #[serde(default)]
    pub users: Vec<crate::MetUser>,
}
