//! Why the session has its status, by which rule.

use super::say::{Times, command, names, quoted, times as tries};
use super::{Adoption, DeliveryFacts, Facts, Happened, Paragraph};
use crate::delivery::{SessionOutcome, State, Strategy};
use crate::session::RecordStatus;
use crate::session_state::{CRASHES_UNTIL_ERROR, EVENT_CANCELLED, EVENT_GONE};

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let said = match (&facts.status, facts.known_status()) {
        (None, _) if facts.in_use => {
            vec!["It is OPEN: it enters the session log when its usage event has ended.".to_owned()]
        }
        (None, _) => vec![
            "It has no status: its usage event was called off, or vanished, before it could enter the session log.".to_owned(),
        ],
        (Some(status), None) => vec![format!(
            "It is `{status}`, which is no status that nexus or NexusLIMS knows: it is left alone until somebody corrects it."
        )],
        (Some(_), Some(status)) => known(facts, status),
    };
    vec![Paragraph::of(said), Paragraph::of(crashes(facts)), Paragraph::of(foreign(facts, times))]
}

fn known(facts: &Facts, status: RecordStatus) -> Vec<String> {
    match status {
        RecordStatus::Completed => completed(facts),
        RecordStatus::BuiltNotExported => not_exported(facts),
        RecordStatus::ToBeBuilt => to_be_built(facts),
        RecordStatus::WaitingForEnd => vec![
            "It is WAITING_FOR_END: a program noted its beginning and no end, so it cannot be built.".to_owned(),
        ],
        RecordStatus::NoFilesFound => vec![
            "It is NO_FILES_FOUND: the time for files was over, and its instrument's folder had none of its own.".to_owned(),
        ],
        RecordStatus::NoConsent => {
            vec!["It is NO_CONSENT: without consent no record may be made.".to_owned()]
        }
        RecordStatus::NoReservation => vec![no_reservation(facts)],
        RecordStatus::Error => vec![error(facts)],
    }
}

fn no_reservation(facts: &Facts) -> String {
    let text = facts.outcome_text().map(quoted).unwrap_or_default();
    match facts.outcome_code() {
        Some("skipped") => format!("It is NO_RESERVATION because somebody skipped it: {text}."),
        Some(EVENT_GONE) => {
            "It is NO_RESERVATION because its usage event is gone: two complete answers of its harvester did not know it."
                .to_owned()
        }
        Some(EVENT_CANCELLED) => "It is NO_RESERVATION because its usage event was called off.".to_owned(),
        _ => "It is NO_RESERVATION: a record needs a reservation, and none belongs to it.".to_owned(),
    }
}

fn error(facts: &Facts) -> String {
    match (facts.outcome_code(), facts.outcome_text()) {
        (Some("invalid_record"), Some(text)) => {
            format!(
                "It is ERROR because the record that was made does not agree with the schema: {}.",
                quoted(text)
            )
        }
        (Some("crashed"), Some(text)) => {
            format!("It is ERROR because making its record {}.", quoted(before_hint(text)))
        }
        (_, Some(text)) => format!("It is ERROR: {}.", quoted(text)),
        (_, None) => "It is ERROR: NexusLIMS could not build it; its log tells why.".to_owned(),
    }
}

/// What is to be done is told with what comes next.
fn before_hint(text: &str) -> &str {
    text.split("; `nexus").next().unwrap_or(text)
}

fn to_be_built(facts: &Facts) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(why) = &facts.broken {
        said.push(format!("It is TO_BE_BUILT, and the build leaves it alone: {}.", quoted(why)));
        return said;
    }
    said.push(if facts.waiting().is_some() {
        "It is TO_BE_BUILT, and waits for what is said above.".to_owned()
    } else {
        "It is TO_BE_BUILT: it has ended, and no run has built its record yet.".to_owned()
    });
    if let Some(code) = facts.outcome_code() {
        let text = facts.outcome_text().map_or_else(|| code.replace('_', " "), quoted);
        said.push(format!("It was settled without a record before ({text}), and set back since."));
    }
    if facts.record_may_exist {
        said.push(
            "A record of it may exist already: the objects that are known at the destinations are changed, and none is made a \
             second time."
                .to_owned(),
        );
    }
    said
}

/// The destinations whose deliveries count, in one of these states.
fn counted(facts: &Facts, states: &[State]) -> Vec<String> {
    facts
        .deliveries
        .iter()
        .filter(|one| one.configured && states.contains(&one.line.state))
        .map(|one| one.line.destination.clone())
        .collect()
}

const OPEN: [State; 5] = [State::Held, State::Due, State::InFlight, State::Failed, State::Unknown];

fn rule(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::BestEffort => "under the strategy `best_effort` one destination must have the record",
        Strategy::All => "under the strategy `all` every destination must have the record",
        Strategy::FirstSuccess => {
            "under the strategy `first_success` one destination must have the record, and then no other is asked"
        }
    }
}

fn have(names_: &[String]) -> String {
    format!("{} {} it", names(names_), if names_.len() == 1 { "has" } else { "have" })
}

fn completed(facts: &Facts) -> Vec<String> {
    let done = counted(facts, &[State::Delivered]);
    let mut said = Vec::new();
    if facts.outcome().is_completed() {
        said.push(format!("It is COMPLETED: {}; {}.", rule(facts.strategy), have(&done)));
    } else if facts.has_record() {
        said.push("It is COMPLETED: its record was delivered once, and the status stays.".to_owned());
        let is_older = |one: &&DeliveryFacts| one.configured && one.holds_other_version;
        let older: Vec<&String> =
            facts.deliveries.iter().filter(is_older).map(|one| &one.line.destination).collect();
        said.push(if older.is_empty() {
            format!(
                "By the settings and deliveries of today it would not become so: {}.",
                rule(facts.strategy)
            )
        } else {
            format!("An earlier version of it is at {}.", names(older))
        });
    } else {
        said.push("It is COMPLETED: NexusLIMS built and delivered its record.".to_owned());
    }
    let open = counted(facts, &OPEN);
    if !open.is_empty() {
        said.push(format!("Not done yet: {}.", names(open)));
    }
    said
}

fn not_exported(facts: &Facts) -> Vec<String> {
    let missing = counted(facts, &OPEN);
    let done = counted(facts, &[State::Delivered]);
    let so_far = if done.is_empty() { String::new() } else { format!(", {}", have(&done)) };
    if !facts.has_record() && facts.deliveries.is_empty() {
        return vec![
            "It is BUILT_NOT_EXPORTED: NexusLIMS built its record, and no export of it worked.".to_owned(),
        ];
    }
    match facts.outcome() {
        SessionOutcome::Completed { .. } => vec![
            format!("It is BUILT_NOT_EXPORTED and could be COMPLETED: {}; {}.", rule(facts.strategy), have(&done)),
            "The next run completes it: the strategy or the destinations were changed.".to_owned(),
        ],
        SessionOutcome::Open | SessionOutcome::Stuck => {
            let lack = if missing.len() == 1 { "does not have it yet" } else { "do not have it yet" };
            vec![format!(
                "It is BUILT_NOT_EXPORTED: {}; {} {lack}{so_far}.",
                rule(facts.strategy),
                names(&missing)
            )]
        }
        SessionOutcome::NoDestination => vec![
            "It is BUILT_NOT_EXPORTED: the record was built, and there is no destination that it is to go to.".to_owned(),
        ],
    }
}

fn crashes(facts: &Facts) -> Vec<String> {
    let attempts = facts.remembered.as_ref().map_or(0, |state| state.attempts);
    if attempts == 0 {
        return Vec::new();
    }
    if facts.at_work.is_some() && attempts == 1 {
        return vec![
            "The run that is under way has it in hand, or an earlier one had it when the program ended."
                .to_owned(),
        ];
    }
    let ended = attempts - u32::from(facts.at_work.is_some());
    let mut said =
        vec![format!("The program ended before its time {} with this session in hand.", tries(ended))];
    if ended >= CRASHES_UNTIL_ERROR {
        said.push("So it may be what ends the program, and is not built again by itself.".to_owned());
    }
    said
}

/// Moves by somebody else.
fn foreign(facts: &Facts, times: Times) -> Vec<String> {
    let ours = facts.remembered.as_ref().and_then(|state| state.last_status);
    if let (Some(ours), Some(now), Adoption::Done) = (ours, &facts.status, facts.adoption)
        && ours.as_str() != now
    {
        let mut said =
            vec![format!("Nexus made it {ours}; another program, or a person, has made it {now} since.")];
        if facts.known_status().is_some() {
            said.push("The next run takes note of that.".to_owned());
        }
        return said;
    }
    let last = facts.happened.iter().rev().find_map(|one| match one {
        Happened::Noted { at, kind, detail, .. } if kind == "moved_by_another_program" => Some((*at, detail)),
        _ => None,
    });
    let Some((at, Some(detail))) = last else { return Vec::new() };
    if facts.status.as_ref().is_some_and(|status| detail.ends_with(&format!(" to {status}"))) {
        let from = detail.split(" to ").next().unwrap_or_default();
        return vec![format!(
            "It was not nexus that gave it this status: it was {from} before, as was noticed at {}.",
            times.full(at)
        )];
    }
    Vec::new()
}

/// The command that builds the session anew, where that is not refused.
pub(super) fn again(facts: &Facts) -> String {
    let retry = command(facts, "sessions retry");
    if facts.record_may_exist {
        format!("{retry} would be refused, since a record of it may exist.")
    } else {
        format!("{retry} makes it TO_BE_BUILT again.")
    }
}
