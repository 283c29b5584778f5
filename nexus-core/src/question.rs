//! What a harvester is asked, and how its answer is read to the end: the same for a harvest and for an audit.

mod patience;

use chrono::{DateTime, Utc};
use nexus_plugin_api::{HarvestPage, HarvestRequest, InstrumentQuery, InstrumentRef};
use rusqlite::Connection;

use self::patience::Patience;
use crate::clock::Clock;
use crate::cursor::Cursor;
use crate::ids::{HarvesterName, InstrumentPid};
use crate::own_table::OwnTableError;
use crate::plugins::HarvesterInstance;
use crate::session_state::{SessionState, SessionStateError};
use crate::stop::StopFlag;

/// Pages after which a harvester that never ends is stopped.
const MOST_PAGES: usize = 100_000;

/// A span of ends of usage events, whatever the cursors say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Only events that ended at this instant or later.
    pub from: DateTime<Utc>,
    /// Only events that ended before this instant; `None`: all, and those in use as well.
    pub until: Option<DateTime<Utc>>,
}

/// What was remembered for the next harvest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// How far the instruments were read.
    #[error(transparent)]
    Cursor(#[from] OwnTableError),
    /// Which events were in use.
    #[error(transparent)]
    Open(#[from] SessionStateError),
}

/// What the next harvest asks: what ended since the last one, and the events that were in use then.
pub(crate) fn next(
    connection: &Connection,
    harvester: &HarvesterName,
    instruments: &[InstrumentRef],
) -> Result<HarvestRequest, QuestionError> {
    let mut known = Cursor::of_harvester(connection, harvester)?;
    let instruments = instruments
        .iter()
        .map(|instrument| {
            let cursor = known.remove(&InstrumentPid::from(instrument.pid.as_str()));
            InstrumentQuery { instrument: instrument.clone(), cursor: cursor.and_then(|known| known.cursor) }
        })
        .collect();
    let open = SessionState::open(connection, harvester)?;
    let open = open.into_iter().filter_map(|state| state.external_id).collect();
    Ok(HarvestRequest { instruments, open, ..HarvestRequest::default() })
}

/// What is asked of a window: no cursor counts, and no event is asked for by name.
pub(crate) fn of_window(window: Window, instruments: &[InstrumentRef]) -> HarvestRequest {
    let query = |instrument: &InstrumentRef| InstrumentQuery { instrument: instrument.clone(), cursor: None };
    HarvestRequest {
        instruments: instruments.iter().map(query).collect(),
        from: Some(window.from),
        until: window.until,
        ..HarvestRequest::default()
    }
}

/// How the reading of an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All pages were read.
    Whole,
    /// Somebody asked to stop.
    Stopped,
    /// The harvester failed, and this is why.
    Failed(String),
}

/// Reads all pages of an answer and hands each to `take`, with the token it was asked by.
pub(crate) fn pages<E>(
    harvester: &HarvesterInstance,
    request: &mut HarvestRequest,
    (stop, clock): (&StopFlag, &dyn Clock),
    take: &mut dyn FnMut(HarvestPage) -> Result<(), E>,
) -> Result<Ended, E> {
    request.page = None;
    let mut patience = Patience::begin(harvester.time_for_a_page(), clock.now());
    for _ in 0..MOST_PAGES {
        if stop.is_set() {
            return Ok(Ended::Stopped);
        }
        let page = match harvester.harvest(request) {
            Ok(page) => page,
            Err(error) => return Ok(Ended::Failed(error.told())),
        };
        patience.see(&page, clock.now());
        let more = page.more.clone();
        take(page)?;
        if more.is_none() || more == request.page {
            return Ok(Ended::Whole);
        }
        if let Some(why) = patience.is_over(clock.now()) {
            return Ok(Ended::Failed(why));
        }
        request.page = more;
    }
    Ok(Ended::Failed(format!("it gave more than {MOST_PAGES} pages and was stopped")))
}

/// Whether the span that an answer speaks of is empty: then nothing can be missing from it.
pub(crate) fn covers_nothing((from, to): (Option<DateTime<Utc>>, Option<DateTime<Utc>>)) -> bool {
    from.zip(to).is_some_and(|(from, to)| from >= to)
}
