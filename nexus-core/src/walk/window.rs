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
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<Window>);

impl Spans {
    pub(super) fn new(windows: impl Iterator<Item = Window>) -> Self {
        let mut merged: Vec<Window> = Vec::with_capacity(windows.size_hint().0);
        merged.extend(windows.filter(|window| window.from < window.to));
        merged.sort_unstable_by_key(|window| window.from);
        merged.dedup_by(|window, last| {
            let touches = window.from <= last.to;
            if touches {
                last.to = last.to.max(window.to);
            }
            touches
        });
        merged.shrink_to_fit();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    proptest! {
        #[test]
        fn spans_hold_exactly_what_some_window_holds(
            windows in prop::collection::vec((0u64..50, 0u64..50), 0..8),
            time in 0u64..60,
        ) {
            let windows: Vec<Window> =
                windows.into_iter().map(|(from, to)| Window { from: at(from), to: at(to) }).collect();
            let expected = windows.iter().any(|window| window.contains(at(time)));
            prop_assert_eq!(Spans::new(windows.into_iter()).contain(at(time)), expected);
        }
    }
}
