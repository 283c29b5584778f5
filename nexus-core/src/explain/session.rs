//! What the session is, and where it comes from.

use super::say::{Times, length, listed, quoted};
use super::{Adoption, Facts, Happened, LogRow, Paragraph};
use crate::session::{EventType, RecordStatus};

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    vec![
        Paragraph::of(vec![what(facts, times)]),
        Paragraph::of(source(facts, times)),
        Paragraph::of(oddities(facts)),
    ]
}

fn what(facts: &Facts, times: Times) -> String {
    let place = &facts.instrument;
    let instrument = match &place.name {
        Some(name) if name != place.pid.as_str() => format!("{name} ({})", place.pid),
        _ => place.pid.to_string(),
    };
    let user = facts.user.as_deref().unwrap_or("Somebody who is not named");
    match (facts.start, facts.end) {
        (Some(start), _) if facts.in_use => {
            format!("{user} uses {instrument} since {}: the usage event has not ended.", times.full(start))
        }
        (Some(start), Some(end)) => {
            let span = times.span(start, end);
            let lasted = length(end.0.signed_duration_since(start.0));
            let ended = if times.is_ahead(end) { "ends" } else { "ended" };
            format!("{user} used {instrument} {span}, for {lasted}; that {ended} {}.", times.relative(end))
        }
        (Some(start), None) => format!("{user} began to use {instrument} at {}.", times.full(start)),
        (None, Some(end)) => format!("{user} used {instrument} until {}.", times.full(end)),
        (None, None) if facts.log.is_empty() => {
            let user = facts.user.as_ref().map(|user| format!(" by {user}")).unwrap_or_default();
            format!("A use of {instrument}{user} that never entered the session log.")
        }
        (None, None) => format!("{user} used {instrument}; when, the session log does not tell."),
    }
}

fn source(facts: &Facts, times: Times) -> Vec<String> {
    let mut said = Vec::new();
    let state = facts.remembered.as_ref();
    let event = state.and_then(|state| state.external_id.as_deref());
    match (&facts.source, event) {
        (Some(source), event) => {
            let event = event.map_or_else(|| "a usage event".to_owned(), |id| format!("usage event `{id}`"));
            let gone = if source.configured { "" } else { ", which the configuration no longer names" };
            said.push(format!("It is {event} of harvester `{}`{gone}.", source.name));
        }
        (None, _) if facts.adoption == Adoption::NeverMet => said.push(
            "Nexus has not worked on this database yet: all of this is what NexusLIMS wrote.".to_owned(),
        ),
        (None, _) => said.push(
            "No harvester of the configuration brought it: it was in the session log, written by NexusLIMS or another \
             program."
                .to_owned(),
        ),
    }
    let harvested = facts.happened.iter().find_map(|one| match one {
        Happened::Noted { at, run, kind, .. } if kind == "harvested" => Some((*at, *run)),
        _ => None,
    });
    if let Some((at, run)) = harvested {
        let run = run.map(|run| format!(" by run {run}")).unwrap_or_default();
        said.push(format!("It was harvested{run}, at {}.", times.full(at)));
    }
    if facts.in_use
        && let Some(look) = facts.last_look
    {
        said.push(format!("That is how it was when a run last looked, {}.", times.relative(look)));
    }
    if let Some(since) = state.and_then(|state| state.gone_since) {
        said.push(format!("Its source does not know the event any more, since {}.", times.full(since)));
    }
    if facts.adoption == Adoption::NotYet {
        said.push(
            "The database has not been adopted: no run changes anything before `nexus adopt`.".to_owned(),
        );
    }
    said
}

/// What is strange about the rows of the session log.
fn oddities(facts: &Facts) -> Vec<String> {
    let mut said = Vec::new();
    let rows = |event: EventType| -> Vec<&LogRow> {
        facts.log.iter().filter(|row| row.event_type == event.as_str()).collect()
    };
    if facts.instrument.name.is_none() {
        said.push(format!("Instrument `{}` is not in the table of instruments.", facts.instrument.pid));
    } else if facts.instrument.timezone.is_none() {
        said.push("The instrument has no time zone that is known: times are told in UTC.".to_owned());
    }
    for event in [EventType::Start, EventType::End] {
        let rows = rows(event);
        if rows.is_empty() && !facts.log.is_empty() {
            said.push(format!("The session log has no {event} row of it."));
        }
        if rows.len() > 1 {
            let numbers = listed(rows.iter().map(|row| row.row.to_string()));
            said.push(format!(
                "The session log has {} {event} rows of it ({numbers}): the last one counts.",
                rows.len()
            ));
        }
    }
    for row in facts.log.iter().filter(|row| row.at.is_none()) {
        said.push(format!(
            "Row {} ({}) holds `{}`, which is no time.",
            row.row, row.event_type, row.timestamp
        ));
    }
    said.extend(facts.unreadable.iter().map(|row| format!("{}.", quoted(row).replacen("row", "Row", 1))));
    let (starts, ends) = (rows(EventType::Start), rows(EventType::End));
    if let (Some(start), Some(end)) = (starts.last(), ends.last())
        && start.record_status != end.record_status
    {
        said.push(format!(
            "Its rows disagree: START (row {}) is {}, END (row {}) is {}.",
            start.row, start.record_status, end.row, end.record_status
        ));
    }
    for row in rows(EventType::RecordGeneration) {
        if row.record_status == RecordStatus::WaitingForEnd.as_str() {
            said.push(format!(
                "NexusLIMS began to build it and did not come to an end (RECORD_GENERATION, row {}).",
                row.row
            ));
        }
    }
    said
}
