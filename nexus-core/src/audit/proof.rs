//! What an answer proves: the span of ends that it covers completely, and what is left unproved.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::InstrumentProgress;

use super::answers::Answer;
use super::report::NotProved;
use crate::ids::{HarvesterName, InstrumentPid};
use crate::question::{Ended, covers_nothing};

/// Where nobody asked for an end, a source may be so far behind: a calendar waits until an event is over for good.
const BEHIND: TimeDelta = TimeDelta::days(2);

/// From when to when an answer is complete.
pub(super) type Range = (DateTime<Utc>, DateTime<Utc>);

/// The window, and which of its bounds somebody asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub from_is_asked: bool,
    pub until_is_asked: bool,
}

/// The part of the window of which an answer is complete for this instrument.
pub(super) fn range(answer: &Answer, instrument: &InstrumentPid, bounds: Bounds) -> Result<Range, String> {
    match &answer.ended {
        Ended::Whole => {}
        Ended::Stopped => return Err("the audit was stopped before its answer was read".to_owned()),
        Ended::Failed(why) => return Err(format!("it failed: {why}")),
    }
    let Some(progress) = answer.progress.get(instrument) else {
        return Err("its answer does not say how far it was read".to_owned());
    };
    covered(progress, bounds)
}

fn covered(progress: &InstrumentProgress, bounds: Bounds) -> Result<Range, String> {
    let (from, to) = (progress.covered_from, progress.covered_to);
    if !progress.complete {
        return Err(
            "its answer is not complete: what it cannot read stands above, or is told by its plugin's log \
                    (`-v`)"
                .to_owned(),
        );
    }
    if covers_nothing((from, to)) {
        return Err(
            "its answer speaks of no time at all: it knows no usage, or none that has ended".to_owned()
        );
    }
    let range = (
        from.map_or(bounds.from, |from| from.max(bounds.from)),
        to.map_or(bounds.until, |to| to.min(bounds.until)),
    );
    if range.0 >= range.1 {
        return Err(format!("its answer speaks of another time: {}", said(from, to)));
    }
    Ok(range)
}

fn said(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => format!("from {} to {}", minute(from), minute(to)),
        (Some(from), None) => format!("from {} on", minute(from)),
        (None, Some(to)) => format!("up to {}", minute(to)),
        (None, None) => "all of it".to_owned(),
    }
}

/// An instant for people.
pub(super) fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// Sentences by harvester, each with the instruments it is about.
#[derive(Default)]
pub(super) struct Sentences(BTreeMap<(HarvesterName, String), Vec<InstrumentPid>>);

impl Sentences {
    pub fn say(&mut self, harvester: &HarvesterName, instrument: &InstrumentPid, why: String) {
        self.0.entry((harvester.clone(), why)).or_default().push(instrument.clone());
    }

    /// One for each sentence.
    pub fn into_not_proved(self) -> impl Iterator<Item = NotProved> {
        self.0.into_iter().map(|((harvester, why), instruments)| NotProved {
            harvester: Some(harvester),
            instruments,
            why,
        })
    }
}

/// Holds the proved part of the window against the whole of it: what is asked for and not proved is a failure, what
/// nobody asked for and nobody knows anything of is only told.
pub(super) fn gaps(
    (harvester, instrument): (&HarvesterName, &InstrumentPid),
    (from, until): Range,
    bounds: Bounds,
    sessions_before: u64,
    (not_proved, notes): (&mut Sentences, &mut Sentences),
) {
    if from > bounds.from {
        let why = format!("it tells nothing of what ended before {}", minute(from));
        if bounds.from_is_asked || sessions_before > 0 {
            not_proved.say(harvester, instrument, why);
        } else {
            notes.say(
                harvester,
                instrument,
                format!("{why}; the database knows no session from then either"),
            );
        }
    }
    if until < bounds.until {
        let why = format!("it tells nothing yet of what ended at {} or later", minute(until));
        if bounds.until_is_asked || bounds.until.signed_duration_since(until) > BEHIND {
            not_proved.say(harvester, instrument, why);
        } else {
            notes.say(harvester, instrument, why);
        }
    }
}
