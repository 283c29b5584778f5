//! What a session waits for, and what ends the waiting.

use super::Facts;
use super::say::{Times, command, length, names, quoted};
use crate::session::RecordStatus;

/// Which chapter tells of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Reservation,
    Files,
    Record,
}

/// Why a session waits.
pub(super) struct Wait {
    pub topic: Topic,
    /// For what, since when, until when.
    pub sentences: Vec<String>,
    /// What the next run does about it.
    pub next: String,
}

/// What the session waits for, if its record is still to be built, or to be built again.
pub(super) fn waits(facts: &Facts, times: Times) -> Option<Wait> {
    let state = facts.remembered.as_ref()?;
    let is_to_be_built = facts.known_status() == Some(RecordStatus::ToBeBuilt) || state.rebuild_requested;
    if !is_to_be_built || facts.in_use {
        return None;
    }
    let reason = state.waiting_reason.as_deref()?;
    let (topic, what, next) = meant(facts, times, reason);
    let mut sentences = vec![what];
    if let Some(since) = state.waiting_since {
        sentences.push(format!("It has been so since {}.", times.full(since)));
    }
    if reason == "no files yet" {
        sentences.extend(until(facts, times));
    }
    Some(Wait { topic, sentences, next })
}

/// How long files are waited for, as the build counts it.
fn until(facts: &Facts, times: Times) -> Option<String> {
    let end = facts.files_until?;
    let delay = length(chrono::TimeDelta::seconds(facts.file_delay_seconds));
    Some(if times.is_ahead(end) {
        format!(
            "They may come until {}: that is `build.file_delay`, {delay}, after its end.",
            times.full(end)
        )
    } else {
        format!(
            "They could come until {}: that is `build.file_delay`, {delay}, after its end.",
            times.full(end)
        )
    })
}

/// Topic, what it waits for, what the next run does.
fn meant(facts: &Facts, times: Times, reason: &str) -> (Topic, String, String) {
    let folder =
        facts.instrument.folder.as_ref().map(|folder| format!(" `{}`", folder.display())).unwrap_or_default();
    let again = "The next run looks again";
    let (topic, what, next) = match reason {
        "no files yet" => {
            let is_over = facts.files_until.is_some_and(|end| !times.is_ahead(end));
            let is_built = facts.known_status().is_some_and(RecordStatus::implies_record);
            let next = if is_built {
                "Every run looks again, and builds the record as soon as there is a file; when the time for files is over, the \
                 rebuild is given up, and the record that exists stays."
            } else if is_over {
                "The time for files is over: the next run that still finds none makes it NO_FILES_FOUND."
            } else {
                "Every run looks again, and builds the record as soon as there is a file; when the time for files is over, it \
                 becomes NO_FILES_FOUND."
            };
            (Topic::Files, "The build found no file yet, and waits for some.".to_owned(), next.to_owned())
        }
        "files are still being written" => (
            Topic::Files,
            "One of its files was changed a moment before the build looked, so it may not be complete."
                .to_owned(),
            format!(
                "{again}, and builds the record once all its files have been left alone for `build.quiet_period`."
            ),
        ),
        "storage cannot be read" => (
            Topic::Files,
            format!(
                "The instrument's folder{folder} could not be read, not all of it, or lies on another storage than \
                     before."
            ),
            format!(
                "{again}. `nexus run` tells what is the matter with the folder; if the storage was moved on purpose, say so \
                     with `nexus run --accept-storage`."
            ),
        ),
        "storage looks empty" => (
            Topic::Files,
            format!(
                "The instrument's folder{folder} holds no file at all, so that no file of this session proves nothing."
            ),
            format!("{again}. See whether the storage is mounted."),
        ),
        "usage event gone" if facts.known_status().is_some_and(RecordStatus::implies_record) => (
            Topic::Reservation,
            "Its source does not know the usage event any more, so nobody can be asked for the reservation."
                .to_owned(),
            format!("The record that exists stays. {again} as long as the rebuild is wanted."),
        ),
        "usage event gone" => (
            Topic::Reservation,
            "Its source does not know the usage event any more, and one answer alone is not believed."
                .to_owned(),
            format!(
                "When a second complete answer does not know it either, it becomes NO_RESERVATION; {} does so at once.",
                skip(facts)
            ),
        ),
        "no harvester for its instrument" => (
            Topic::Reservation,
            format!(
                "No harvester of the configuration serves instrument `{}`, so nobody can be asked for the reservation.",
                facts.instrument.pid
            ),
            "It waits until one does: `nexus config check` says what to change.".to_owned(),
        ),
        "no answer" => (
            Topic::Reservation,
            "The harvester gave no answer about its reservation.".to_owned(),
            format!("{again}."),
        ),
        "a file changed while it was read" => {
            (Topic::Files, "One of its files was changed while it was read.".to_owned(), format!("{again}."))
        }
        "files vanished while they were read" | "all files vanished while they were read" => (
            Topic::Files,
            "Files of it vanished while they were read.".to_owned(),
            format!("{again}, and takes the files that are there then."),
        ),
        "no folder for records" | "record cannot be written" | "no space in the data folder" => (
            Topic::Record,
            format!("The record could not be stored: {reason}."),
            format!("{again}. See to the data folder: `nexus run` tells what is the matter."),
        ),
        "moved by another program" => {
            (Topic::Record, "Another program moved it while it was built.".to_owned(), format!("{again}."))
        }
        "rebuild refused" => (
            Topic::Reservation,
            "The rebuild was refused: consent or reservation are gone by now.".to_owned(),
            format!("The record that exists stays. {again} as long as the rebuild is wanted."),
        ),
        "rebuild without files" => (
            Topic::Files,
            "It was to be built again, and no file of it is left in its folder.".to_owned(),
            format!("The record that exists stays. {again} as long as the rebuild is wanted."),
        ),
        "rebuild is not valid" => (
            Topic::Record,
            "The new record did not agree with the schema; it lies in `rejected`.".to_owned(),
            format!("The record that exists stays. {again} as long as the rebuild is wanted."),
        ),
        "rebuild crashed" => (
            Topic::Record,
            "The making of the new record crashed.".to_owned(),
            format!("The record that exists stays. {again} as long as the rebuild is wanted."),
        ),
        other if other.starts_with("no usable answer from harvester") => (
            Topic::Reservation,
            format!("The reservation could not be found out: {other}{}.", failing(facts)),
            format!("{again}. `nexus config check` shows whether the harvester works by now."),
        ),
        other if other.starts_with("no harvester `") => (
            Topic::Reservation,
            format!("The reservation could not be found out: {other} is configured."),
            "It waits until the harvester named by `reservations_from` is in the configuration.".to_owned(),
        ),
        other => (Topic::Files, format!("It waits: {}.", quoted(other)), format!("{again}.")),
    };
    (topic, what, next)
}

fn failing(facts: &Facts) -> String {
    let failing = facts.source.as_ref().and_then(|source| Some((&source.name, source.failing.as_ref()?)));
    failing.map_or_else(String::new, |(name, failing)| {
        format!("; {} failed when it was asked last: {}", names([name]), quoted(&failing.error))
    })
}

/// The command that settles it at once.
pub(super) fn skip(facts: &Facts) -> String {
    let skip = command(facts, "sessions skip");
    format!("{} --reason …`", skip.trim_end_matches('`'))
}
