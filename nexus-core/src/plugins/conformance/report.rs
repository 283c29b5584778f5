//! What the kit found out.

use serde::Serialize;

use super::exchange::Exchange;

/// Why a promise counts as broken, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What was seen.
    pub why: String,
    /// What to do about it.
    pub remedy: String,
    /// The last request and reply, if there was one.
    #[serde(flatten)]
    pub exchange: Option<Exchange>,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    /// The promise is kept.
    Passed,
    /// It is not.
    Failed(Failure),
    /// It could not be tried.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// One check and its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The check's name.
    pub name: &'static str,
    /// What it promises.
    pub promise: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub status: Status,
}

/// All checks of one plugin, in the order in which they were tried.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The plugin's name; empty if it could not be loaded.
    pub plugin: String,
    /// Its version.
    pub version: String,
    /// Its kind.
    pub kind: String,
    /// One entry per check.
    pub checks: Vec<Outcome>,
}

impl Report {
    /// How many checks passed.
    pub fn passed(&self) -> usize {
        self.count(|status| matches!(status, Status::Passed))
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.count(|status| matches!(status, Status::Failed(_)))
    }

    /// How many were skipped.
    pub fn skipped(&self) -> usize {
        self.count(|status| matches!(status, Status::Skipped { .. }))
    }

    /// Whether no check failed.
    pub fn conforms(&self) -> bool {
        self.failed() == 0
    }

    /// The checks that failed, with what was seen.
    pub fn failures(&self) -> impl Iterator<Item = (&Outcome, &Failure)> {
        self.checks.iter().filter_map(|outcome| match &outcome.status {
            Status::Failed(failure) => Some((outcome, failure)),
            Status::Passed | Status::Skipped { .. } => None,
        })
    }

    fn count(&self, wanted: impl Fn(&Status) -> bool) -> usize {
        self.checks.iter().filter(|outcome| wanted(&outcome.status)).count()
    }
}
