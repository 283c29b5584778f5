//! Spans of modification times: a session's, and those of all sessions of a folder together.

use std::time::SystemTime;

/// A span of modification times: after `from`, up to and including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Excluded start.
    pub from: SystemTime,
    /// Included end.
    pub to: SystemTime,
}

impl Window {
    /// Whether a file of this modification time belongs to the session.
    pub fn contains(&self, modified: SystemTime) -> bool {
        self.from < modified && modified <= self.to
    }
}

/// Windows merged into disjoint spans, for one binary search per file.
pub(super) struct Spans(Vec<Window>);

impl Spans {
    pub(super) fn new(windows: &[Window]) -> Self {
        let mut sorted: Vec<Window> =
            windows.iter().copied().filter(|window| window.from < window.to).collect();
        sorted.sort_unstable_by_key(|window| window.from);
        let mut merged: Vec<Window> = Vec::with_capacity(sorted.len());
        for window in sorted {
            match merged.last_mut() {
                Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
                _ => merged.push(window),
            }
        }
        Self(merged)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contain(&self, modified: SystemTime) -> bool {
        let at = self.0.partition_point(|span| span.to < modified);
        self.0.get(at).is_some_and(|span| span.contains(modified))
    }
}
