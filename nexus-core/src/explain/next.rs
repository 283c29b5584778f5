//! What comes next: what the next run does, or that nothing more happens and what would change that.

use super::deliveries::{backfill, remedy};
use super::say::{Times, command, listed, names};
use super::status::again;
use super::waiting::waits;
use super::{Adoption, DeliveryFacts, Facts, Paragraph};
use crate::delivery::{Hold, State};
use crate::overview::QUIET_AT_MOST;
use crate::session::RecordStatus;
use crate::session_state::{CRASHES_UNTIL_ERROR, EVENT_CANCELLED, EVENT_GONE};

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    if facts.adoption != Adoption::Done {
        return vec![Paragraph::of(vec![
            "No run of nexus touches it before `nexus adopt`.".to_owned(),
            "`nexus adopt --dry-run` shows what would be taken on.".to_owned(),
        ])];
    }
    let (by_itself, mut said) = next(facts, times);
    if by_itself {
        said.extend(runs(facts, times));
    }
    vec![Paragraph::of(said)]
}

/// Whether something goes on by itself, and what is said.
fn next(facts: &Facts, times: Times) -> (bool, Vec<String>) {
    if facts.in_use {
        return (
            true,
            vec![
                "The first run after the usage event has ended harvests it, and builds its record."
                    .to_owned(),
            ],
        );
    }
    let wants_rebuild =
        facts.follows_by_itself || facts.remembered.as_ref().is_some_and(|state| state.rebuild_requested);
    match facts.known_status() {
        None if facts.status.is_none() => {
            (false, vec!["Nothing more happens, unless its usage event comes back.".to_owned()])
        }
        None => (false, vec!["Nothing more happens before its rows in the session log are corrected.".to_owned()]),
        Some(RecordStatus::WaitingForEnd) => (false, vec![
            "It is built once its end is known: when a harvester brings its usage event, or somebody adds an END row and \
             makes it TO_BE_BUILT."
                .to_owned(),
        ]),
        Some(RecordStatus::ToBeBuilt) => to_be_built(facts, times),
        Some(RecordStatus::Completed | RecordStatus::BuiltNotExported) if wants_rebuild => (true, rebuild(facts, times)),
        Some(RecordStatus::Completed | RecordStatus::BuiltNotExported) => built(facts, times),
        Some(_) if facts.follows_by_itself => {
            (true, vec!["The next run builds it from what its usage event is now.".to_owned()])
        }
        Some(RecordStatus::NoReservation) if is_back(facts) => (false, vec![
            "If its usage event comes back, it is built after all; else nothing more happens.".to_owned(),
            again(facts),
        ]),
        Some(_) => (false, vec![format!("Nothing more happens by itself. {}", again(facts))]),
    }
}

fn is_back(facts: &Facts) -> bool {
    facts.outcome_code().is_some_and(|code| [EVENT_GONE, EVENT_CANCELLED].contains(&code))
}

fn crashes(facts: &Facts) -> u32 {
    let attempts = facts.remembered.as_ref().map_or(0, |state| state.attempts);
    attempts.saturating_sub(u32::from(facts.at_work.is_some()))
}

fn to_be_built(facts: &Facts, times: Times) -> (bool, Vec<String>) {
    if facts.broken.is_some() {
        return (false, vec!["Nothing more happens before that is put right.".to_owned()]);
    }
    if crashes(facts) >= CRASHES_UNTIL_ERROR {
        return (
            true,
            vec![
                "The next run makes it ERROR.".to_owned(),
                format!("{} before that lets the run try once more.", command(facts, "sessions retry")),
            ],
        );
    }
    if let Some(wait) = waits(facts, times) {
        return (true, vec![wait.next]);
    }
    let how = if crashes(facts) > 0 { " alone, before all others" } else { "" };
    let deliver =
        match facts.without_delivery.iter().map(ToString::to_string).chain(open(facts)).collect::<Vec<_>>() {
            places if places.is_empty() => {
                ". The configuration names no destination that it would go to".to_owned()
            }
            places => format!(", and delivers it to {}", names(places)),
        };
    let mut said = vec![format!(
        "The next run asks for its reservation, looks for its files, and builds its record{how}{deliver}."
    )];
    if crashes(facts) > 0 {
        said.push("If the program ends during that once more, it becomes ERROR.".to_owned());
    }
    (true, said)
}

/// Configured destinations that may still get the record.
fn open(facts: &Facts) -> impl Iterator<Item = String> {
    facts.deliveries.iter().filter(|one| one.configured).map(|one| one.line.destination.clone())
}

fn rebuild(facts: &Facts, times: Times) -> Vec<String> {
    if crashes(facts) >= CRASHES_UNTIL_ERROR {
        return vec![
            "The next run gives the rebuild up; the record that exists stays.".to_owned(),
            format!("{} after that asks for it once more.", command(facts, "sessions rebuild")),
        ];
    }
    match waits(facts, times) {
        Some(wait) => vec![wait.next],
        None => vec![
            "The next run builds its record again, and delivers it where the content differs.".to_owned(),
        ],
    }
}

/// Whether a run goes on with a delivery, sooner or later.
fn goes_on(one: &DeliveryFacts, at_work: bool) -> bool {
    one.configured
        && match (one.line.state, one.line.held_for) {
            (State::InFlight, _) => one.can_find || at_work,
            (State::Due, _) | (State::Held, Some(Hold::After)) => true,
            (State::Unknown, _) => one.can_find && one.line.in_doubt,
            _ => false,
        }
}

/// Why a run leaves a delivery alone until later, if it does.
fn later(one: &DeliveryFacts, times: Times) -> Option<crate::timestamp::UtcTime> {
    let paused = one.paused_until.filter(|_| one.pause_class.is_some());
    one.rests_until.max(paused).filter(|until| times.is_ahead(*until))
}

fn built(facts: &Facts, times: Times) -> (bool, Vec<String>) {
    let at_work = facts.at_work.is_some();
    let going: Vec<&DeliveryFacts> = facts.deliveries.iter().filter(|one| goes_on(one, at_work)).collect();
    let mut said = Vec::new();
    let now: Vec<&String> =
        going.iter().filter(|one| later(one, times).is_none()).map(|one| &one.line.destination).collect();
    if !now.is_empty() {
        said.push(format!("The next run goes on with {}.", names(now)));
    }
    for one in &going {
        if let Some(until) = later(one, times) {
            said.push(format!("A run after {} goes on with `{}`.", times.full(until), one.line.destination));
        }
    }
    let remedies: Vec<String> = facts
        .deliveries
        .iter()
        .filter(|one| one.configured && !goes_on(one, at_work))
        .filter_map(|one| remedy(facts, one))
        .collect();
    if !remedies.is_empty() {
        let what = if going.is_empty() {
            "Nothing more happens by itself"
        } else {
            "The rest does not go on by itself"
        };
        said.push(format!("{what}: it takes {}.", listed(remedies)));
    } else if going.is_empty() {
        said.push(done(facts));
    }
    (!going.is_empty(), said)
}

/// No delivery goes on, and none could.
fn done(facts: &Facts) -> String {
    let again = command(facts, "sessions rebuild");
    match facts.known_status() {
        Some(RecordStatus::Completed) if facts.remembered.is_some() => {
            format!("Nothing more happens. {again} would build its record again.")
        }
        Some(RecordStatus::BuiltNotExported) if facts.remembered.is_none() => {
            "Nothing more happens by itself: `nexus adopt --deliver-missing` takes it on, and delivers its record.".to_owned()
        }
        Some(RecordStatus::BuiltNotExported) if !facts.has_record() => format!(
            "Nothing more happens by itself: `nexus adopt --deliver-missing` delivers the records that NexusLIMS could not, \
             as long as their files are there; {again} makes this one anew."
        ),
        Some(RecordStatus::BuiltNotExported) => {
            format!("Nothing more happens by itself: {} delivers it to a destination.", backfill(facts))
        }
        _ => "Nothing more happens.".to_owned(),
    }
}

/// Whether there are runs at all.
fn runs(facts: &Facts, times: Times) -> Option<String> {
    if facts.at_work.is_some() {
        return Some("A run is under way now, and may be at it already.".to_owned());
    }
    match facts.last_look {
        None => Some("No run has come to its end yet.".to_owned()),
        Some(look) if times.since(look) > QUIET_AT_MOST => Some(format!(
            "But the last run came to its end {}: see whether a timer calls one.",
            times.relative(look)
        )),
        Some(_) => None,
    }
}
