//! What a destination answers: where it delivers to, what it found, how far it came.

use serde::{Deserialize, Serialize};

/// Where an instance delivers to, and what it is able to do there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Target {
    /// Canonical address plus whatever else decides where an object lands (template, notebook).
    /// A remote id counts only under the same id here.
    pub id: String,
    /// Whether [`crate::Destination::find`] can tell if an object for a session exists.
    pub can_find: bool,
    /// Seconds after which a request that was given up can no longer take effect on the other side.
    #[serde(default = "default_settle_seconds")]
    pub settle_seconds: u64,
}

fn default_settle_seconds() -> u64 {
    120
}

/// An object at the destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Remote {
    /// The destination's own id of it.
    pub id: String,
    /// A link a person can open, if there is one.
    #[serde(default)]
    pub url: Option<String>,
    /// Content hash ([`crate::RecordRef::content_sha256`]) of what it holds, if the destination can tell.
    /// An answer to `find` gives it only for an object that is complete: an equal hash is taken as delivered.
    #[serde(default)]
    pub content_sha256: Option<String>,
}

/// What [`crate::Destination::find`] saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing for this session.
    None,
    /// One object, verified to be this session's.
    One(Remote),
    /// Several: somebody must look.
    Many(Vec<Remote>),
}

/// How far a delivery of several steps has come; opaque to the host, which stores and returns it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Checkpoint(pub serde_json::Value);

/// What one call of [`crate::Destination::deliver`] achieved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The record is there.
    Done(Remote),
    /// A step is done; call again with this checkpoint.
    More(Checkpoint),
}
