//! One check: its name, what it promises, and how it ends.

use std::fmt;

use nexus_plugin_api::PluginKind;

use super::bench::Bench;

/// One thing that is promised of a plugin.
pub struct Check {
    /// Its name, such as `destination.deliver-twice-makes-one`. Never changes.
    pub name: &'static str,
    /// What is promised: one sentence.
    pub promise: &'static str,
    /// What to do when the promise is not kept: one sentence.
    pub remedy: &'static str,
    /// The kind of plugin it is about; `None`: every kind.
    pub kind: Option<PluginKind>,
    /// The checks that must have passed before this one says anything.
    pub needs: &'static [&'static str],
    pub(super) run: fn(&mut Bench<'_>) -> Verdict,
}

impl Check {
    pub(super) const fn new(
        name: &'static str,
        promise: &'static str,
        remedy: &'static str,
        needs: &'static [&'static str],
        run: fn(&mut Bench<'_>) -> Verdict,
    ) -> Self {
        Self { name, promise, remedy, kind: None, needs, run }
    }

    pub(super) const fn of(self, kind: PluginKind) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The part of the name before the point.
    pub fn group(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(group, _)| group)
    }

    /// Whether a plugin of this kind is asked.
    pub fn concerns(&self, kind: PluginKind) -> bool {
        self.kind.is_none_or(|own| own == kind)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How a check ends early.
#[derive(Debug)]
pub(super) enum Stop {
    /// It says nothing about this plugin, and why.
    Skip(String),
    /// The promise is not kept: how that showed.
    Fail(String),
    /// The plugin gave no answer that could be looked at, so nobody knows whether the promise is kept.
    Unanswered {
        /// What came instead.
        why: String,
        /// What to do about that.
        remedy: String,
    },
}

/// How a check ends.
pub(super) type Verdict = Result<(), Stop>;

pub(super) fn skip<T>(reason: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Skip(reason.into()))
}

pub(super) fn fail<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fail(why.into()))
}

/// Fails with the reason unless `kept`.
pub(super) fn must(kept: bool, why: impl FnOnce() -> String) -> Verdict {
    if kept { Ok(()) } else { Err(Stop::Fail(why())) }
}
