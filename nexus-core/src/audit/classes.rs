//! Every event falls into exactly one class.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::AuditError;
use super::answers::{Answer, Event};
use super::known::Tables;
use super::report::{Class, HarvesterAudit, InstrumentAudit, Listed, Missing, Sum, Unreadable, WhyMissing};
use crate::ids::{InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::timestamp::{Timestamp, UtcTime};

/// Why an event is not in the session log, though nothing is wrong.
const NEXT_RUN: &str = "not harvested yet: the next run brings it";

/// Which events an audit is about.
pub(super) struct Scope<'a> {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// Whether the window goes on: then events in use belong to it.
    pub is_open: bool,
    /// The instruments that were chosen; empty: all.
    pub chosen: &'a BTreeSet<InstrumentPid>,
    pub instruments: &'a Instruments,
}

impl Scope<'_> {
    pub fn holds(&self, end: DateTime<Utc>) -> bool {
        self.from <= end && end < self.until
    }

    pub fn is_chosen(&self, instrument: &InstrumentPid) -> bool {
        self.chosen.is_empty() || self.chosen.contains(instrument)
    }

    pub fn zone(&self, instrument: &InstrumentPid) -> Tz {
        self.instruments.get(instrument).and_then(|known| known.timezone().ok()).unwrap_or(Tz::UTC)
    }

    /// A time as it is shown: in the instrument's zone.
    pub fn shown(&self, time: &Timestamp, instrument: &InstrumentPid) -> String {
        time.in_zone(self.zone(instrument)).to_rfc3339()
    }
}

/// An event: which answer it is in, and where.
pub(super) type Place = (usize, usize);

/// What an event is, before the next run's question was asked.
enum Verdict {
    Class(Class),
    /// It cannot be a session, and this is why.
    Refused(String),
    /// Of another time, or of an instrument that nobody asked about.
    Beyond,
    NotChosen,
    /// The database does not have it.
    Unknown,
    /// Its session is that of this other event.
    Claimed(Place),
}

/// What the next run would bring of one harvester.
pub(super) enum Next {
    /// The ids of these events, of those that were looked for.
    Brings(HashSet<String>),
    /// Nobody knows.
    Unclear(String),
}

/// The events of all answers, sorted into classes as far as the database tells.
pub(super) struct Classes {
    /// One for each answer.
    pub harvesters: Vec<HarvesterAudit>,
    pub missing: Listed<Missing>,
    pub unreadable: Listed<Unreadable>,
    /// The sessions that are some event's.
    pub claimed: HashMap<SessionId, Place>,
    /// By answer: where the events are that the database does not have.
    pub unknown: Vec<Vec<usize>>,
    /// The ends of missing events that a harvest can bring: the first and the last.
    pub to_bring: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Looks every event up.
pub(super) fn look_up(tables: Tables<'_>, answers: &mut [Answer]) -> Result<(), AuditError> {
    for answer in answers {
        for event in &mut answer.events {
            let known = tables.of_event(&answer.harvester, &event.external_id, &event.session_identifier)?;
            event.known = Some(known);
        }
    }
    Ok(())
}

/// Whose each session is: an event that is known by its id comes before one that only bears the same identifier.
fn claims(answers: &[Answer]) -> HashMap<SessionId, Place> {
    let mut claimed = HashMap::new();
    for by_event in [true, false] {
        for (at, answer) in answers.iter().enumerate() {
            for (place, event) in answer.events.iter().enumerate() {
                let known = event.known.as_ref();
                if known.is_some_and(|known| known.by_event) == by_event && !is_blank(event) {
                    claimed.entry(session_of(event)).or_insert((at, place));
                }
            }
        }
    }
    claimed
}

fn is_blank(event: &Event) -> bool {
    event.session_identifier.trim().is_empty()
}

fn session_of(event: &Event) -> SessionId {
    match &event.known {
        Some(known) => known.session.clone(),
        None => event.session_identifier.as_str().into(),
    }
}

/// Sorts the events of all answers into classes.
pub(super) fn sort(scope: &Scope<'_>, answers: &[Answer]) -> Classes {
    let claimed = claims(answers);
    let mut classes = Classes {
        harvesters: Vec::new(),
        missing: Listed::default(),
        unreadable: Listed::default(),
        claimed,
        unknown: Vec::new(),
        to_bring: None,
    };
    for (at, answer) in answers.iter().enumerate() {
        let mut sums: BTreeMap<InstrumentPid, Sum> = answer
            .instruments
            .iter()
            .map(|one| InstrumentPid::from(one.pid.as_str()))
            .filter(|pid| scope.is_chosen(pid))
            .map(|pid| (pid, Sum::default()))
            .collect();
        let asked: BTreeSet<&str> = answer.instruments.iter().map(|one| one.pid.as_str()).collect();
        let mut told = answer.told;
        let mut apart = Sum { unreadable: answer.rejected.count(), ..Sum::default() };
        if scope.chosen.is_empty() {
            apart.not_an_instrument = answer.told.not_an_instrument;
        } else {
            // Of tools that are no instrument, and so of none of those that were chosen.
            told.not_an_instrument = 0;
        }
        let mut unknown = Vec::new();
        for (place, event) in answer.events.iter().enumerate() {
            let class = match verdict(scope, &classes.claimed, &asked, event, (at, place)) {
                Verdict::Class(class) => class,
                Verdict::Refused(reason) => {
                    classes.unreadable.push(Unreadable {
                        harvester: answer.harvester.clone(),
                        place: format!("usage event {}", event.external_id),
                        reason,
                    });
                    apart.count(&Class::Unreadable);
                    continue;
                }
                Verdict::Beyond => {
                    told.beyond += 1;
                    continue;
                }
                Verdict::NotChosen => {
                    told.not_chosen += 1;
                    continue;
                }
                Verdict::Unknown => {
                    unknown.push(place);
                    continue;
                }
                Verdict::Claimed(owner) => {
                    let detail = claimed_by(answers, owner, event);
                    classes.missing.push(missing(scope, answer, event, WhyMissing::Claimed, detail));
                    Class::Missing
                }
            };
            sums.entry(event.instrument.clone()).or_default().count(&class);
        }
        for row in &answer.rejected.lines {
            classes.unreadable.push(row.clone());
        }
        classes.unreadable.left_out += answer.rejected.left_out;
        classes.unknown.push(unknown);
        classes.harvesters.push(HarvesterAudit {
            harvester: answer.harvester.clone(),
            failed: None,
            told,
            sum: apart,
            instruments: sums.into_iter().map(|(instrument, sum)| of_instrument(instrument, sum)).collect(),
            outside: if scope.chosen.is_empty() { answer.outside.clone() } else { Vec::new() },
        });
    }
    classes
}

fn of_instrument(instrument: InstrumentPid, sum: Sum) -> InstrumentAudit {
    InstrumentAudit { instrument, proved_from: None, proved_until: None, sum }
}

fn verdict(
    scope: &Scope<'_>,
    claimed: &HashMap<SessionId, Place>,
    asked: &BTreeSet<&str>,
    event: &Event,
    place: Place,
) -> Verdict {
    if !asked.contains(event.instrument.as_str()) {
        return Verdict::Refused(format!("instrument `{}` was not asked for", event.instrument));
    }
    if !scope.is_chosen(&event.instrument) {
        return Verdict::NotChosen;
    }
    if is_blank(event) {
        return Verdict::Refused("its session identifier is empty".to_owned());
    }
    match event.end.map(|end| end.instant(scope.zone(&event.instrument))) {
        Some(end) if !scope.holds(end) => return Verdict::Beyond,
        // One that goes on has no end, and none in a window that is over.
        None if !scope.is_open => return Verdict::Beyond,
        _ if event.cancelled => return Verdict::Class(Class::Cancelled),
        None => return Verdict::Class(Class::Unfinished),
        Some(_) => {}
    }
    match claimed.get(&session_of(event)) {
        Some(owner) if *owner != place => return Verdict::Claimed(*owner),
        _ => {}
    }
    match event.known.as_ref().and_then(|known| known.class.clone()) {
        Some(class) => Verdict::Class(class),
        None => Verdict::Unknown,
    }
}

fn claimed_by(answers: &[Answer], (at, place): Place, event: &Event) -> String {
    let owner = answers.get(at).and_then(|answer| Some((&answer.harvester, answer.events.get(place)?)));
    let whose = owner.map_or_else(String::new, |(harvester, other)| {
        format!(" `{}` of harvester `{harvester}`", other.external_id)
    });
    format!(
        "its session `{}` is that of usage event{whose}: two events cannot be one session; correct one of them at its source",
        session_of(event)
    )
}

fn missing(scope: &Scope<'_>, answer: &Answer, event: &Event, why: WhyMissing, detail: String) -> Missing {
    Missing {
        harvester: answer.harvester.clone(),
        external_id: event.external_id.clone(),
        session_identifier: event.session_identifier.clone(),
        instrument: event.instrument.clone(),
        user: event.user.clone(),
        start: scope.shown(&event.start, &event.instrument),
        end: event.end.map(|end| scope.shown(&end, &event.instrument)).unwrap_or_default(),
        why,
        detail,
    }
}

impl Classes {
    /// Sorts the events of one answer that the database does not have: the next run brings them, or they are missing.
    /// `last_read`: when the cursors of the instruments last moved.
    pub fn settle(
        &mut self,
        scope: &Scope<'_>,
        (at, answer): (usize, &Answer),
        next: &Next,
        last_read: &BTreeMap<InstrumentPid, UtcTime>,
    ) {
        let unknown = self.unknown.get_mut(at).map(std::mem::take).unwrap_or_default();
        for event in unknown.into_iter().filter_map(|place| answer.events.get(place)) {
            let has_lost_rows = event.known.as_ref().is_some_and(|known| known.has_lost_rows);
            let class = match next {
                Next::Brings(ids) if ids.contains(&event.external_id) && !has_lost_rows => {
                    Class::Waiting(NEXT_RUN.to_owned())
                }
                next => {
                    let (why, detail) = self.why_missing(scope, event, next, last_read);
                    self.missing.push(missing(scope, answer, event, why, detail));
                    Class::Missing
                }
            };
            let Some(audit) = self.harvesters.get_mut(at) else { continue };
            // All that were asked about are there, and events of others were refused.
            if let Some(known) = audit.instruments.iter_mut().find(|one| one.instrument == event.instrument) {
                known.sum.count(&class);
            }
        }
    }

    fn why_missing(
        &mut self,
        scope: &Scope<'_>,
        event: &Event,
        next: &Next,
        last_read: &BTreeMap<InstrumentPid, UtcTime>,
    ) -> (WhyMissing, String) {
        if event.known.as_ref().is_some_and(|known| known.has_lost_rows) {
            let detail = "its rows are gone from session_log, and since a record of it may exist at a destination no \
                          harvest puts them there again: take them from a backup of the database";
            return (WhyMissing::RecordExists, detail.to_owned());
        }
        if let Next::Unclear(why) = next {
            let detail = format!(
                "the database does not have it, and whether the next run brings it could not be asked: {why}"
            );
            return (WhyMissing::NotAsked, detail);
        }
        if let Some(end) = event.end.map(|end| end.instant(scope.zone(&event.instrument))) {
            let (first, last) = self.to_bring.unwrap_or((end, end));
            self.to_bring = Some((first.min(end), last.max(end)));
        }
        if event.known.as_ref().is_some_and(|known| known.by_event) {
            let detail =
                "it was harvested, but its rows are gone from session_log, and no run to come brings it";
            return (WhyMissing::RowsGone, detail.to_owned());
        }
        let last = last_read.get(&event.instrument).map_or_else(String::new, |at| {
            format!(" (its instrument's cursor last moved {})", at.0.format("%Y-%m-%d %H:%M UTC"))
        });
        (WhyMissing::Passed, format!("its harvester has read on past it{last}, and no run to come brings it"))
    }

    /// Adds the events of the instruments to those of their harvester, once all are sorted.
    pub fn add_up(&mut self) {
        for audit in &mut self.harvesters {
            for one in &audit.instruments {
                audit.sum.add(&one.sum);
            }
        }
    }
}
