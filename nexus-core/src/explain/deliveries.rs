//! Where the record went: a paragraph for each destination, also for those that are no longer configured.

use super::say::{Times, command, count, export_command, names, quoted, times as tries};
use super::{DeliveryFacts, Facts, Paragraph};
use crate::delivery::{Class, Hold, Origin, State, Strategy};

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let mut paragraphs: Vec<Paragraph> = facts
        .deliveries
        .iter()
        .map(|one| Paragraph {
            about: Some(one.line.destination.clone()),
            sentences: delivery(facts, one, times),
        })
        .collect();
    if facts.has_record() {
        for name in &facts.without_delivery {
            paragraphs.push(Paragraph { about: Some(name.to_string()), sentences: vec![
                "The record was never to go there: the destination was added to the configuration after it was built."
                    .to_owned(),
                format!("{} delivers it there as well.", export_command(facts, "backfill", name)),
            ] });
        }
    }
    paragraphs
}

fn delivery(facts: &Facts, one: &DeliveryFacts, times: Times) -> Vec<String> {
    let mut said = match one.line.state {
        State::Delivered => delivered(one, times),
        State::Held => held(facts, one),
        State::Due => due(one, times),
        State::InFlight => in_flight(facts, one, times),
        State::Failed => failed(facts, one, times),
        State::Unknown => unknown(facts, one, times),
        State::NotWanted if facts.strategy == Strategy::FirstSuccess && facts.outcome().is_completed() => {
            vec![
                "It is not asked: another destination has the record, which is enough under `first_success`."
                    .to_owned(),
            ]
        }
        State::NotWanted => vec!["The record is not wanted there, or not any more.".to_owned()],
    };
    if one.line.state != State::Delivered && one.line.state != State::NotWanted {
        if one.holds_other_version && one.line.held_for != Some(Hold::Moved) {
            said.push(format!("What is there is another version of the record, or may be{}.", object(one)));
        }
        if one.line.state != State::Unknown && one.line.state != State::InFlight && one.line.in_doubt {
            let when = match one.absent_after.filter(|end| times.is_ahead(*end)) {
                Some(end) => format!(", not before {}", times.full(end)),
                None => String::new(),
            };
            said.push(format!(
                "An attempt may have arrived all the same: the destination is asked before anything is made{when}."
            ));
        }
        if one.configured {
            said.extend(paused(one, times));
        }
    }
    if !one.configured {
        said.push(match one.line.state {
            State::Delivered | State::NotWanted => {
                "The configuration no longer names this destination.".to_owned()
            }
            _ => format!(
                "The configuration does not name this destination, so nothing happens there; {} gives it up.",
                export_command(facts, "forget", &one.line.destination)
            ),
        });
    }
    said
}

/// ` (id 31, https://…)`.
fn object(one: &DeliveryFacts) -> String {
    let id = one.line.remote_id.as_ref().map(|id| format!("id {id}"));
    let known: Vec<String> = id.into_iter().chain(one.line.remote_url.clone()).collect();
    if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) }
}

fn delivered(one: &DeliveryFacts, times: Times) -> Vec<String> {
    let when = one.arrived.map(|at| format!(" since {}", times.full(at))).unwrap_or_default();
    let mut said = vec![match one.line.origin {
        Origin::Nexus => format!("The record is there{when}."),
        Origin::Peer => format!("NexusLIMS delivered the record{}.", when.replace(" since ", " at ")),
    }];
    match (&one.line.remote_id, &one.line.remote_url) {
        (Some(id), Some(url)) => said.push(format!("Its id there is {id}: {url}")),
        (Some(id), None) => said.push(format!("Its id there is {id}.")),
        (None, Some(url)) => said.push(format!("See {url}")),
        (None, None) => said.push("Where exactly, nobody noted.".to_owned()),
    }
    if one.line.attempt > 1 {
        said.push(format!("It took {}.", count(one.line.attempt, "attempt")));
    }
    said
}

fn held(facts: &Facts, one: &DeliveryFacts) -> Vec<String> {
    let name = &one.line.destination;
    match one.line.held_for {
        Some(Hold::After) if one.after.is_empty() => vec!["It has its turn in the next run.".to_owned()],
        Some(Hold::After) => vec![format!(
            "It waits for the first attempt at {}, after which it has its turn in the same run.",
            names(&one.after)
        )],
        Some(Hold::Moved) => vec![
            format!(
                "The record is at another place than the destination means today{}{}.",
                one.target.as_ref().map(|target| format!(": {}", quoted(target))).unwrap_or_default(),
                object(one)
            ),
            format!("{} delivers it to the new place as well.", export_command(facts, "backfill", name)),
        ],
        Some(Hold::Adoption) | None => {
            vec!["It waits until somebody asks for it: `nexus adopt --deliver-missing` does.".to_owned()]
        }
    }
}

fn due(one: &DeliveryFacts, times: Times) -> Vec<String> {
    let mut said = attempts(one, times);
    let rests = one.rests_until.filter(|until| times.is_ahead(*until));
    if one.configured {
        said.push(match rests {
            Some(until) => format!("It is tried again by the first run after {}.", times.full(until)),
            None if one.line.attempt == 0 && !one.line.in_doubt => "The next run delivers it.".to_owned(),
            None => "The next run tries it again.".to_owned(),
        });
    }
    said
}

/// How often it was tried, and how that ended.
fn attempts(one: &DeliveryFacts, times: Times) -> Vec<String> {
    let mut said = Vec::new();
    let last = one.tried.map(|at| format!(", last at {}", times.full(at))).unwrap_or_default();
    if one.line.attempt > 0 {
        let last = if one.line.attempt == 1 { last.replace(", last", "") } else { last };
        said.push(format!("It was tried {}{last}.", tries(one.line.attempt)));
    }
    if let Some(text) = &one.line.failure_text {
        said.push(format!("{}: {}.", class(one.line.failure_class), quoted(text)));
    }
    said
}

fn class(class: Option<Class>) -> &'static str {
    match class {
        Some(Class::Permanent) => "It failed for good",
        Some(Class::Transient) => "It failed for the moment",
        Some(Class::RateLimited) => "The destination asked for a pause",
        Some(Class::Auth) => "Credentials or rights are missing",
        Some(Class::Unknown) => "How it ended is not known",
        None => "It failed",
    }
}

fn in_flight(facts: &Facts, one: &DeliveryFacts, times: Times) -> Vec<String> {
    let since = one.tried.map(|at| format!(", since {}", times.full(at))).unwrap_or_default();
    if facts.at_work.is_some() {
        return vec![format!("It is being delivered{since}.")];
    }
    let mut said =
        vec![format!("The program stopped during an attempt{}.", since.replace(", since ", " begun at "))];
    if one.configured {
        said.push(if one.can_find {
            "The next run asks the destination whether the record is there, before it makes anything.".to_owned()
        } else {
            "The destination cannot be asked whether the record is there: the next run makes the delivery `unknown`, and \
             somebody must look."
                .to_owned()
        });
    }
    said
}

fn failed(facts: &Facts, one: &DeliveryFacts, times: Times) -> Vec<String> {
    let mut said = attempts(one, times);
    if said.is_empty() {
        said.push("It failed.".to_owned());
    }
    if one.configured {
        said.push(format!(
            "It is tried again when the settings of the destination or the record change, or after {}.",
            export_command(facts, "retry", &one.line.destination)
        ));
    }
    said
}

fn unknown(facts: &Facts, one: &DeliveryFacts, times: Times) -> Vec<String> {
    let mut said = attempts(one, times);
    if one.can_find && one.line.in_doubt {
        said.push("Nobody knows whether the record arrived.".to_owned());
        if one.configured {
            said.push("The next run asks the destination before it makes anything.".to_owned());
        }
        return said;
    }
    said.push(if one.can_find {
        "Somebody must look there, and leave no more than one of them.".to_owned()
    } else {
        "Nobody can tell whether the destination holds the record: look there.".to_owned()
    });
    if one.configured {
        let name = &one.line.destination;
        said.push(format!(
            "Then {} goes on with the delivery, and {} gives it up.",
            export_command(facts, "retry", name),
            export_command(facts, "forget", name)
        ));
    }
    said
}

fn paused(one: &DeliveryFacts, times: Times) -> Option<String> {
    one.pause_class?;
    // Where this one rests as long, that has been said.
    let until = one.paused_until.filter(|until| times.is_ahead(*until) && one.rests_until < Some(*until))?;
    Some(format!("The destination asked to be left alone until {}.", times.full(until)))
}

/// The commands that bring a delivery on that does not go on by itself.
pub(super) fn remedy(facts: &Facts, one: &DeliveryFacts) -> Option<String> {
    let name = &one.line.destination;
    match (one.line.state, one.line.held_for) {
        (State::Failed, _) => Some(format!(
            "{} once the cause is mended, or a change of the settings of `{name}`",
            export_command(facts, "retry", name)
        )),
        (State::Unknown, _) => Some(format!(
            "a look at `{name}`, then {} or {}",
            export_command(facts, "retry", name),
            export_command(facts, "forget", name)
        )),
        (State::InFlight, _) => {
            Some(format!("a look at `{name}` once the next run has made the delivery `unknown`"))
        }
        (State::Held, Some(Hold::Moved)) => Some(export_command(facts, "backfill", name)),
        (State::Held, Some(Hold::Adoption)) => Some("`nexus adopt --deliver-missing`".to_owned()),
        _ => None,
    }
}

/// The command that delivers the record to any destination of today.
pub(super) fn backfill(facts: &Facts) -> String {
    format!("{} --destination NAME`", command(facts, "export backfill").trim_end_matches('`'))
}
