//! The session's record.

use super::say::{Times, command, quoted};
use super::waiting::{Topic, waits};
use super::{ChangedEvent, Facts, Paragraph};
use crate::revision::is_given_up;
use crate::session::RecordStatus;
use crate::session_state::{EVENT_CANCELLED, EVENT_GONE, SessionState};

/// So much of a hash tells it from all others.
const SHORT: usize = 12;

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let mut paragraphs = vec![Paragraph::of(record(facts, times)), Paragraph::of(rebuild(facts))];
    if let Some(wait) = waits(facts, times).filter(|wait| wait.topic == Topic::Record) {
        paragraphs.push(Paragraph::of(wait.sentences));
    }
    paragraphs.push(Paragraph::of(revision(facts, times)));
    paragraphs
}

fn record(facts: &Facts, times: Times) -> Vec<String> {
    let mut said = Vec::new();
    let state = facts.remembered.as_ref();
    let Some(name) = &facts.record_name else { return said };
    let is_built = facts.has_record() || facts.known_status().is_some_and(RecordStatus::implies_record);
    if !is_built {
        said.push(format!("It has no record; `{name}` is kept as the name of one."));
        return said;
    }
    match state.and_then(|state| Some((state, state.built_at?, state.built_by.as_deref()?))) {
        Some((state, at, "NexusLIMS")) => {
            said.push(format!(
                "Its record is `{name}`, built by NexusLIMS and taken over at {}.",
                times.full(at)
            ));
            said.extend(state.content_sha256.as_deref().map(hash));
        }
        Some((state, at, by)) => {
            let version = match state.record_version {
                0 | 1 => String::new(),
                version => format!(", the {} version of it", nth(version)),
            };
            said.push(format!("Its record is `{name}`, built at {} by {by}{version}.", times.full(at)));
            said.extend(state.content_sha256.as_deref().map(hash));
        }
        None => said.push(format!("Its record is `{name}`; NexusLIMS built it.")),
    }
    said.push(match &facts.record_file {
        Some(path) => format!("It lies in `{}`.", path.display()),
        None if facts.has_record() => format!(
            "Its file is neither among the records nor in `uploaded`. A delivery that needs it has it built again; so does {}.",
            command(facts, "sessions rebuild")
        ),
        None => "Its file is neither among the records nor in `uploaded`.".to_owned(),
    });
    said
}

fn hash(hash: &str) -> String {
    format!("The hash of its content begins with {}.", hash.get(..SHORT).unwrap_or(hash))
}

fn nth(number: u32) -> String {
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

fn rebuild(facts: &Facts) -> Vec<String> {
    let Some(state) = &facts.remembered else { return Vec::new() };
    if state.rebuild_requested {
        return vec![
            "A rebuild was asked for: the next run builds it again; until then record and status stay as they are."
                .to_owned(),
        ];
    }
    if is_given_up(state) && facts.has_record() {
        let why = state.outcome_text.as_deref().map(quoted).unwrap_or_default();
        return vec![format!("A rebuild was given up: {why}. The record that exists stays.")];
    }
    Vec::new()
}

/// What the source said after the session was settled.
fn revision(facts: &Facts, times: Times) -> Vec<String> {
    let Some(revision) = facts.remembered.as_ref().and_then(|state| state.pending_revision.as_deref()) else {
        return Vec::new();
    };
    let stays = if facts.has_record() || facts.record_may_exist {
        "The record stays as it is"
    } else {
        "The session stays as it is"
    };
    if let (Some(event), Some(state)) = (&facts.changed_event, &facts.remembered) {
        return follows(facts, times, event, state);
    }
    match revision {
        EVENT_GONE => vec![
            "Its usage event is no longer at its source, though the session was settled before.".to_owned(),
            format!("{stays}; if nobody used the instrument, remove the record where it was delivered."),
        ],
        EVENT_CANCELLED => vec![
            "Its usage event was called off at its source after the session was settled.".to_owned(),
            format!("{stays}; if nobody used the instrument, remove the record where it was delivered."),
        ],
        seen => vec![
            format!(
                "Its usage event was changed at its source after the session was settled; it is now `{}`.",
                quoted(seen)
            ),
            format!("{stays}, and so do its times and its user here."),
        ],
    }
}

/// The usage event says something else than the session, and what becomes of that.
fn follows(facts: &Facts, times: Times, event: &ChangedEvent, state: &SessionState) -> Vec<String> {
    let user = event.user.as_deref().or(facts.user.as_deref()).unwrap_or("somebody who is not named");
    let mut said = vec![format!(
        "Its usage event was changed at its source after the session was settled; there it is now that {user} used `{}` {}.",
        event.instrument,
        times.span(event.start, event.end)
    )];
    let is_built = facts.known_status().is_some_and(RecordStatus::implies_record);
    said.push(match facts.known_status() {
        _ if is_built && state.follows_event => {
            "The record is built again from that, and the times and the user here change together with it.".to_owned()
        }
        _ if facts.follows_by_itself && is_built => {
            "The next run builds the record again from that, since `build.on_revision` is `rebuild`.".to_owned()
        }
        _ if facts.follows_by_itself => {
            "The next run makes it TO_BE_BUILT with that, since `build.on_revision` is `rebuild`.".to_owned()
        }
        _ if is_built => format!(
            "The record stays as it is, and so do its times and its user here; {} has both follow the change.",
            command(facts, "sessions rebuild")
        ),
        Some(RecordStatus::ToBeBuilt) => {
            format!("Its times and its user here stay; {} has them follow the change.", command(facts, "sessions retry"))
        }
        _ if facts.record_may_exist => {
            "The session stays as it is, since a record of it may exist and its status does not tell.".to_owned()
        }
        _ => format!(
            "The session stays as it is, and so do its times and its user here; {} has it built from the change.",
            command(facts, "sessions retry")
        ),
    });
    said
}
