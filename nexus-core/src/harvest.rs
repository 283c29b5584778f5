//! Harvesters in, session-log rows out.
//!
//! A page of events and the cursors that go with it are stored in one transaction, so that a cursor never
//! runs ahead of its events. An event that is still in use is remembered, and asked for by its id until it
//! has ended; only then do START and END enter the session log, together.

pub mod former;
mod store;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono_tz::Tz;
use nexus_plugin_api::{HarvestRequest, InstrumentProgress, InstrumentRef, OutsideEvents};

use crate::clock::Clock;
use crate::ids::InstrumentPid;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::plugins::HarvesterInstance;
use crate::question::{self, Ended, Window, covers_nothing};
use crate::report::{HarvestCounts, MOST_LINES};
use crate::stop::StopFlag;
use crate::writer::{WriteError, Writer};

pub use former::{Owner, TakenOver, take_over_by_address};

/// What tools are called together of which a report has no more lines.
const MORE_TOOLS: &str = "(more tools)";

/// What one harvester brings in one run.
pub struct Harvest<'a> {
    /// Where rows are read and saved.
    pub writer: &'a Writer,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// The instruments, read once.
    pub instruments: &'a Instruments,
    /// Set when the run is asked to stop.
    pub stop: &'a StopFlag,
    /// The journal of the run.
    pub journal: Arc<Journal>,
    /// Which system of `external_user_identifiers` this harvester may write, if any.
    pub user_system: Option<crate::external_user::ExternalSystem>,
    /// Whether a session that is settled follows its usage event when that is changed (`build.on_revision`).
    pub follows: bool,
    /// Read this span again instead of what is new. Then no cursor moves, and nothing that is missing from the answer
    /// is taken as gone: whoever asks for a span again asks for what was left out, not for a new state.
    pub window: Option<Window>,
}

impl Harvest<'_> {
    /// Asks one harvester for the events of its instruments and stores them.
    ///
    /// A harvester that fails says so in the counts; what it brought before is kept.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn run(
        &self,
        harvester: &HarvesterInstance,
        instruments: &[InstrumentRef],
    ) -> Result<HarvestCounts, WriteError> {
        let mut counts = HarvestCounts::default();
        let mut request = self.request(harvester, instruments)?;
        let read = self.read(harvester, instruments, &mut request, &mut counts)?;
        if counts.failed.is_some() || read.is_stopped || self.window.is_some() {
            return Ok(counts);
        }
        let Some(check) = self.complete(harvester, read) else { return Ok(counts) };
        let (doubtful, mut check) = self.writer.run(move |tx| Ok((store::doubtful(tx, &check)?, check)))?;
        let Some(doubtful) = doubtful else { return Ok(counts) };
        if !doubtful.is_empty() {
            // Only what was asked for by name and is not there either is gone.
            request.open.extend(doubtful);
            let mut again = HarvestCounts::default();
            let mut second = self.read(harvester, instruments, &mut request, &mut again)?;
            add_again(&mut counts, again);
            if counts.failed.is_some() || second.is_stopped {
                return Ok(counts);
            }
            second.seen.append(&mut check.seen);
            let Some(both) = self.complete(harvester, second) else { return Ok(counts) };
            check = both;
        }
        add(&mut counts, self.writer.run(move |tx| store::vanished(tx, &check))?);
        Ok(counts)
    }

    /// Reads all pages and stores them; what goes wrong is in the counts.
    fn read(
        &self,
        harvester: &HarvesterInstance,
        instruments: &[InstrumentRef],
        request: &mut HarvestRequest,
        counts: &mut HarvestCounts,
    ) -> Result<Read, WriteError> {
        let known: BTreeMap<InstrumentPid, Tz> = instruments
            .iter()
            .map(|one| (one.pid.as_str().into(), one.timezone.parse().unwrap_or(Tz::UTC)))
            .collect();
        let mut read = Read::default();
        let ended = question::pages(harvester, request, (self.stop, self.clock), &mut |page| {
            read.seen.extend(page.events.iter().map(|event| event.external_id.clone()));
            // What cannot be stored is at its source all the same, and has not gone.
            let rejected = page.rejected.iter().filter_map(|row| row.place.strip_prefix("usage event "));
            read.seen.extend(rejected.map(str::to_owned));
            for step in &page.instruments {
                read.progress.insert(step.instrument_pid.as_str().into(), step.clone());
            }
            let stored = store::Page {
                harvester: harvester.name.clone(),
                answer: page,
                known: known.clone(),
                now: self.clock.now(),
                journal: Arc::clone(&self.journal),
                user_system: self.user_system,
                moves_cursors: self.window.is_none(),
                follows: self.follows,
            };
            let seen = std::mem::take(&mut read.seen);
            let (page_counts, seen) = self.writer.run(move |tx| {
                let counts = store::store(tx, stored, &seen)?;
                Ok((counts, seen))
            })?;
            read.seen = seen;
            add(counts, page_counts);
            Ok::<(), WriteError>(())
        })?;
        match ended {
            Ended::Whole => {}
            Ended::Stopped => (counts.stopped, read.is_stopped) = (true, true),
            Ended::Failed(why) => counts.failed = Some(why),
        }
        Ok(read)
    }

    fn request(
        &self,
        harvester: &HarvesterInstance,
        instruments: &[InstrumentRef],
    ) -> Result<HarvestRequest, WriteError> {
        if let Some(window) = self.window {
            return Ok(question::of_window(window, instruments));
        }
        let (name, instruments) = (harvester.name.clone(), instruments.to_vec());
        self.writer.run(move |tx| Ok(question::next(tx, &name, &instruments)?))
    }

    /// What a harvest proves of the events that are not in it; `None`: nothing.
    fn complete(&self, harvester: &HarvesterInstance, read: Read) -> Option<store::Vanished> {
        let complete = read.progress.iter().filter(|(_, step)| step.complete);
        let covered: BTreeMap<_, _> = complete
            .map(|(instrument, step)| (instrument.clone(), (step.covered_from, step.covered_to)))
            .filter(|(_, covered)| !covers_nothing(*covered))
            .collect();
        (!covered.is_empty()).then(|| store::Vanished {
            harvester: harvester.name.clone(),
            seen: read.seen,
            covered,
            instruments: self.instruments.clone(),
            now: self.clock.now(),
            journal: Arc::clone(&self.journal),
        })
    }
}

/// What one pass over the pages of a harvester brought.
#[derive(Default)]
struct Read {
    /// The ids of all events.
    seen: BTreeSet<String>,
    progress: BTreeMap<InstrumentPid, InstrumentProgress>,
    /// Somebody asked to stop.
    is_stopped: bool,
}

/// Adds what a second pass changed. What it saw was counted by the first, but for the events that were missing then.
fn add_again(to: &mut HarvestCounts, again: HarvestCounts) {
    let HarvestCounts { new, revised, revised_late, gone_late, late, opened, gone, failed, stopped, .. } =
        again;
    let (follow, following) = (again.follow, again.following);
    (to.failed, to.stopped) = (failed, stopped);
    let events = new + revised + revised_late;
    let none = HarvestCounts::default();
    let late = HarvestCounts { revised_late, follow, following, gone_late, late, ..none };
    add(to, HarvestCounts { events, new, revised, opened, gone, ..late });
}

fn add(to: &mut HarvestCounts, page: HarvestCounts) {
    to.taken_over.extend(page.taken_over);
    to.stopped |= page.stopped;
    to.events += page.events;
    to.new += page.new;
    to.revised += page.revised;
    to.revised_late += page.revised_late;
    to.gone_late += page.gone_late;
    to.late.extend(page.late);
    to.late.truncate(MOST_LINES);
    to.follow += page.follow;
    to.following.extend(page.following);
    to.following.truncate(MOST_LINES);
    to.opened += page.opened;
    to.open += page.open;
    to.cancelled += page.cancelled;
    to.gone += page.gone;
    to.unchanged += page.unchanged;
    to.rejected.extend(page.rejected);
    to.rejected_left_out += to.rejected.len().saturating_sub(MOST_LINES) as u64;
    to.rejected.truncate(MOST_LINES);
    add_outside(&mut to.outside, page.outside);
}

/// Adds events of tools that are no instrument, by tool. No source has more tools than a report has lines; what comes
/// beyond is counted together, since names without end would be looked through without end.
pub(crate) fn add_outside(to: &mut Vec<OutsideEvents>, page: Vec<OutsideEvents>) {
    let places: Vec<String> = to.iter().map(|known| known.tool.clone()).collect();
    let mut places: HashMap<String, usize> = places.into_iter().zip(0..).collect();
    for mut outside in page {
        if to.len() >= MOST_LINES && !places.contains_key(&outside.tool) {
            MORE_TOOLS.clone_into(&mut outside.tool);
        }
        if let Some(known) = places.get(&outside.tool).and_then(|place| to.get_mut(*place)) {
            known.count = known.count.saturating_add(outside.count);
        } else {
            places.insert(outside.tool.clone(), to.len());
            to.push(outside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_without_end_are_counted_together() {
        let event = |tool: String, count| OutsideEvents { tool, count };
        let mut all = Vec::new();
        add_outside(&mut all, vec![event("a".into(), 1), event("b".into(), 2), event("a".into(), u64::MAX)]);
        add_outside(&mut all, vec![event("b".into(), 3)]);
        assert_eq!(all, [event("a".into(), u64::MAX), event("b".into(), 5)]);
        // A search through all those before would take hours.
        for page in 0..3 {
            let tools = (0..200_000).map(|number| event(format!("{page} {number}"), 1));
            add_outside(&mut all, tools.collect());
        }
        assert_eq!(all.len(), MOST_LINES + 1);
        assert_eq!(all.last(), Some(&event(MORE_TOOLS.to_owned(), 600_002 - MOST_LINES as u64)));
    }
}
