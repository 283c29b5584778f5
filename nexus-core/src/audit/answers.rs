//! What the harvesters answer: kept as it came, and counted while it comes.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

use nexus_plugin_api::{HarvestPage, HarvestRequest, InstrumentProgress, InstrumentRef, OutsideEvents};

use super::known::Known;
use super::report::{Listed, Told, Unreadable};
use crate::clock::Clock;
use crate::harvest::add_outside;
use crate::ids::{HarvesterName, InstrumentPid};
use crate::plugins::HarvesterInstance;
use crate::question::{self, Ended, Window};
use crate::stop::StopFlag;
use crate::timestamp::Timestamp;

/// A usage event, and what the database knows of it.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub external_id: String,
    pub session_identifier: String,
    pub instrument: InstrumentPid,
    pub user: Option<String>,
    pub start: Timestamp,
    pub end: Option<Timestamp>,
    pub cancelled: bool,
    pub known: Option<Known>,
}

/// What one harvester answered about the window.
pub(super) struct Answer {
    pub harvester: HarvesterName,
    pub instruments: Vec<InstrumentRef>,
    pub ended: Ended,
    pub events: Vec<Event>,
    /// Where in `events` an id stands.
    places: HashMap<String, usize>,
    pub progress: BTreeMap<InstrumentPid, InstrumentProgress>,
    pub outside: Vec<OutsideEvents>,
    pub rejected: Listed<Unreadable>,
    pub told: Told,
}

impl Answer {
    pub fn new(harvester: HarvesterName, instruments: Vec<InstrumentRef>) -> Self {
        Self {
            harvester,
            instruments,
            ended: Ended::Stopped,
            events: Vec::new(),
            places: HashMap::new(),
            progress: BTreeMap::new(),
            outside: Vec::new(),
            rejected: Listed::default(),
            told: Told::default(),
        }
    }

    /// Asks a harvester about the window and reads its whole answer.
    pub fn of(
        harvester: &HarvesterInstance,
        instruments: Vec<InstrumentRef>,
        window: Window,
        asking: (&StopFlag, &dyn Clock),
    ) -> Self {
        let mut request = question::of_window(window, &instruments);
        let mut answer = Self::new(harvester.name.clone(), instruments);
        answer.ended = read(harvester, &mut request, asking, &mut |page| answer.take(page));
        answer
    }

    /// Takes a page.
    pub fn take(&mut self, page: HarvestPage) {
        for event in page.events {
            self.told.rows += 1;
            let event = Event {
                instrument: event.instrument_pid.into(),
                session_identifier: event.session_identifier,
                user: event.user,
                start: event.start.into(),
                end: event.end.map(Timestamp::from),
                cancelled: event.cancelled,
                known: None,
                external_id: event.external_id,
            };
            // As in a harvest, what is told later is what counts.
            let told = self.places.get(&event.external_id).and_then(|at| self.events.get_mut(*at));
            if let Some(earlier) = told {
                self.told.again += 1;
                *earlier = event;
            } else {
                self.places.insert(event.external_id.clone(), self.events.len());
                self.events.push(event);
            }
        }
        for step in page.instruments {
            self.progress.insert(step.instrument_pid.as_str().into(), step);
        }
        for outside in &page.outside {
            self.told.not_an_instrument = self.told.not_an_instrument.saturating_add(outside.count);
        }
        add_outside(&mut self.outside, page.outside);
        for row in page.rejected {
            self.told.rejected += 1;
            self.rejected.push(Unreadable {
                harvester: self.harvester.clone(),
                place: row.place,
                reason: row.reason,
            });
        }
    }
}

/// Reads all pages of an answer.
pub(super) fn read(
    harvester: &HarvesterInstance,
    request: &mut HarvestRequest,
    asking: (&StopFlag, &dyn Clock),
    take: &mut dyn FnMut(HarvestPage),
) -> Ended {
    let read = question::pages(harvester, request, asking, &mut |page| {
        take(page);
        Ok::<(), Infallible>(())
    });
    match read {
        Ok(ended) => ended,
        Err(never) => match never {},
    }
}
