//! A backlog of any length is worked off piece by piece.

use std::num::NonZeroUsize;
use std::sync::Mutex;

use super::backlog::{Backlog, Tranche};
use super::notices::Notices;
use super::{BuildReport, Builder, lock};
use crate::report::Progress;
use crate::writer::WriteError;

/// Sessions that are listed, looked for and built at a time: a ceiling for what a run holds of them, whatever the
/// backlog. Far more than a run of any facility has to build, so that one walk serves them all; only a backlog of
/// many years is worked off in several tranches, each with a walk of its own.
pub const TRANCHE: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// What is done with a tranche. It is told how many more sessions may be built or settled.
type Work<'w> = dyn FnMut(Tranche, &mut usize, &mut Notices) -> Result<(), WriteError> + 'w;

impl Builder<'_> {
    /// Has the backlog worked off tranche by tranche; nothing of one is held when the next is read. Every session
    /// of the backlog is counted.
    pub(super) fn in_tranches(
        &self,
        report: &Mutex<BuildReport>,
        notices: &mut Notices,
        work: &mut Work<'_>,
    ) -> Result<(), WriteError> {
        let mut left = self.choice.limit.unwrap_or(usize::MAX);
        let mut backlog = Backlog::default();
        let mut first = true;
        loop {
            let expected = backlog.beyond;
            let mut tranche = backlog.next(self)?;
            let found = tranche.len() + backlog.beyond;
            let all = {
                let counts = &mut lock(report).counts;
                // A run takes long enough for somebody to remove sessions, or to ask for others.
                counts.removed_meanwhile(expected.saturating_sub(found));
                counts.planned += found.saturating_sub(expected) as u64;
                counts.broken += tranche.broken.count();
                counts.planned
            };
            if std::mem::take(&mut first) || found > expected {
                (self.progress)(Progress::Backlog(all));
            }
            for text in
                std::mem::take(&mut tranche.broken).into_iter().chain(tranche.not_to_be_built.drain(..))
            {
                notices.add(text);
            }
            if tranche.len() > 0 {
                work(tranche, &mut left, notices)?;
            }
            if backlog.beyond == 0 {
                return Ok(());
            }
            if left == 0 || self.stop.is_set() {
                self.leave(backlog.beyond, report);
                return Ok(());
            }
        }
    }
}
