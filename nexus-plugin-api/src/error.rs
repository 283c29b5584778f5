//! How a plugin says that something did not work.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What kind of failure it was; decides when the host tries again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum FailureClass {
    /// The same request will fail again: waits for a change of the record or of the configuration.
    Permanent,
    /// Worth another try: connection refused, time-out, 502/503/504.
    Transient,
    /// The other side asks for a pause.
    RateLimited {
        /// When it may be asked again (UTC); `None` if it did not say.
        until: Option<DateTime<Utc>>,
    },
    /// Credentials or rights are missing: waits for a change of configuration.
    Auth,
}

impl FailureClass {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::RateLimited { .. } => "rate_limited",
            Self::Auth => "auth",
        }
    }
}

/// What the failed call may have left behind on the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Certainly nothing: it was refused, or never sent.
    None,
    /// Perhaps something: the answer was lost after the request was sent.
    Maybe,
}

/// A failure of a plugin, told to the person who must act.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{message}")]
pub struct PluginError {
    /// What kind of failure.
    #[serde(flatten)]
    pub class: FailureClass,
    /// What may have been left behind.
    pub effect: Effect,
    /// What failed and why: a lowercase fragment that names the object. Never a secret.
    pub message: String,
    /// What to do about it, if the plugin knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl PluginError {
    /// A failure of the given class that left nothing behind.
    #[must_use]
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, effect: Effect::None, message: message.into(), hint: None }
    }

    /// The same request would fail again.
    #[must_use]
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Permanent, message)
    }

    /// Worth another try.
    #[must_use]
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, message)
    }

    /// Credentials or rights are missing.
    #[must_use]
    pub fn auth(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Auth, message)
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says that something may have been left behind.
    #[must_use]
    pub fn maybe_done(mut self) -> Self {
        self.effect = Effect::Maybe;
        self
    }
}
