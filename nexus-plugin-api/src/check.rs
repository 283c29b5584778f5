//! The answer to "are you able to work?", one line per thing that can be wrong.

use serde::{Deserialize, Serialize};

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// As it should be.
    Ok,
    /// Works, but somebody should look.
    Warning,
    /// Work would fail.
    Failed,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckItem {
    /// What was checked: `server reachable`, `token accepted`, …
    pub name: String,
    /// How it ended.
    pub result: CheckResult,
    /// What was seen, and what to do about it. Never a secret.
    #[serde(default)]
    pub detail: String,
}

/// All that was checked, in the order in which it was tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// One entry per check.
    pub items: Vec<CheckItem>,
}

impl CheckReport {
    /// Adds one line.
    pub fn push(&mut self, name: impl Into<String>, result: CheckResult, detail: impl Into<String>) {
        self.items.push(CheckItem { name: name.into(), result, detail: detail.into() });
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.items.iter().all(|item| item.result != CheckResult::Failed)
    }
}
