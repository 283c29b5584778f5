//! Harvesters in, session-log rows out.
//!
//! A page of events and the cursors that go with it are stored in one transaction, so that a cursor never
//! runs ahead of its events. An event that is still in use is remembered, and asked for by its id until it
//! has ended; only then do START and END enter the session log, together.

mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::{HarvestRequest, InstrumentProgress, InstrumentQuery, InstrumentRef};

use crate::clock::Clock;
use crate::cursor::Cursor;
use crate::ids::InstrumentPid;
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::plugins::HarvesterInstance;
use crate::report::{HarvestCounts, MOST_LINES};
use crate::session_state::SessionState;
use crate::stop::StopFlag;
use crate::writer::{WriteError, Writer};

/// Pages after which a harvester that never ends is stopped.
const MOST_PAGES: usize = 100_000;

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
        let known: BTreeMap<InstrumentPid, Tz> = instruments
            .iter()
            .map(|one| (one.pid.as_str().into(), one.timezone.parse().unwrap_or(Tz::UTC)))
            .collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut progress: BTreeMap<InstrumentPid, InstrumentProgress> = BTreeMap::new();
        for _ in 0..MOST_PAGES {
            if self.stop.is_set() {
                return Ok(counts);
            }
            let page = match harvester.harvest(&request) {
                Ok(page) => page,
                Err(error) => {
                    counts.failed = Some(error.told());
                    return Ok(counts);
                }
            };
            seen.extend(page.events.iter().map(|event| event.external_id.clone()));
            for step in &page.instruments {
                progress.insert(step.instrument_pid.as_str().into(), step.clone());
            }
            let more = page.more.clone();
            let stored = store::Page {
                harvester: harvester.name.clone(),
                answer: page,
                known: known.clone(),
                now: self.clock.now(),
                journal: Arc::clone(&self.journal),
                user_system: self.user_system,
            };
            let page_counts = self.writer.run(move |tx| store::store(tx, stored))?;
            add(&mut counts, page_counts);
            if more.is_none() || more == request.page {
                counts.gone += self.vanished(harvester, &progress, seen)?;
                return Ok(counts);
            }
            request.page = more;
        }
        counts.failed = Some(format!("it gave more than {MOST_PAGES} pages and was stopped"));
        Ok(counts)
    }

    fn request(
        &self,
        harvester: &HarvesterInstance,
        instruments: &[InstrumentRef],
    ) -> Result<HarvestRequest, WriteError> {
        let name = harvester.name.clone();
        let instruments = instruments.to_vec();
        self.writer.run(move |tx| {
            let mut known = Cursor::of_harvester(tx, &name)?;
            let instruments = instruments
                .into_iter()
                .map(|instrument| {
                    let cursor = known.remove(&InstrumentPid::from(instrument.pid.as_str()));
                    InstrumentQuery { instrument, cursor: cursor.and_then(|known| known.cursor) }
                })
                .collect();
            let open =
                SessionState::open(tx, &name)?.into_iter().filter_map(|state| state.external_id).collect();
            Ok(HarvestRequest { instruments, open, ..HarvestRequest::default() })
        })
    }

    /// Sessions whose event is missing from a complete answer: remembered the first time, settled the second.
    fn vanished(
        &self,
        harvester: &HarvesterInstance,
        progress: &BTreeMap<InstrumentPid, InstrumentProgress>,
        seen: BTreeSet<String>,
    ) -> Result<u64, WriteError> {
        let complete = progress.iter().filter(|(_, step)| step.complete);
        let covered: BTreeMap<_, _> = complete
            .map(|(instrument, step)| (instrument.clone(), (step.covered_from, step.covered_to)))
            .filter(|(_, covered)| !covers_nothing(*covered))
            .collect();
        if covered.is_empty() {
            return Ok(0);
        }
        let check = store::Vanished {
            harvester: harvester.name.clone(),
            seen,
            covered,
            instruments: self.instruments.clone(),
            now: self.clock.now(),
            journal: Arc::clone(&self.journal),
        };
        self.writer.run(move |tx| store::vanished(tx, &check))
    }
}

/// Whether the covered span is empty: then nothing can be missing from it.
fn covers_nothing((from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>)) -> bool {
    from.zip(to).is_some_and(|(from, to)| from >= to)
}

fn add(to: &mut HarvestCounts, page: HarvestCounts) {
    to.events += page.events;
    to.new += page.new;
    to.revised += page.revised;
    to.revised_late += page.revised_late;
    to.late.extend(page.late);
    to.late.truncate(MOST_LINES);
    to.opened += page.opened;
    to.open += page.open;
    to.cancelled += page.cancelled;
    to.gone += page.gone;
    to.unchanged += page.unchanged;
    to.rejected.extend(page.rejected);
    to.rejected_left_out += to.rejected.len().saturating_sub(MOST_LINES) as u64;
    to.rejected.truncate(MOST_LINES);
    for outside in page.outside {
        match to.outside.iter_mut().find(|known| known.tool == outside.tool) {
            Some(known) => known.count += outside.count,
            None => to.outside.push(outside),
        }
    }
}
