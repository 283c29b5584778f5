//! The session's files.

use super::say::{Times, command, count, quoted};
use super::waiting::{Topic, waits};
use super::{Facts, Paragraph};
use crate::session::RecordStatus;

pub(super) fn told(facts: &Facts, times: Times) -> Vec<Paragraph> {
    let status = facts.known_status();
    // Where consent or reservation are missing, nobody looks for files.
    if facts.in_use || !matches!(status, Some(status) if is_looked_for(status)) {
        return Vec::new();
    }
    let mut said = Vec::new();
    if let Some(folder) = &facts.instrument.folder {
        let window = match (facts.start, facts.end) {
            (Some(from), Some(to)) => format!(" that were last changed {} and", times.span(from, to)),
            _ => String::new(),
        };
        said.push(format!("Its files are those below `{}`{window} that `[build]` takes.", folder.display()));
    }
    let state = facts.remembered.as_ref();
    let ours = state.filter(|state| state.built_by.as_deref().is_some_and(|by| by != "NexusLIMS"));
    if let Some(files) = ours.and_then(|state| state.file_count) {
        said.push(format!("{} of them went into the record.", count(files, "file")));
    }
    if status == Some(RecordStatus::NoFilesFound) {
        said.push(match facts.outcome_text() {
            Some(text) => format!("None was found: {}.", quoted(text)),
            None => "NexusLIMS found none.".to_owned(),
        });
        said.push(format!("Files that came later are taken after {}.", command(facts, "sessions retry")));
    }
    let mut paragraphs = vec![Paragraph::of(said)];
    if let Some(wait) = waits(facts, times).filter(|wait| wait.topic == Topic::Files) {
        paragraphs.push(Paragraph::of(wait.sentences));
    }
    paragraphs
}

fn is_looked_for(status: RecordStatus) -> bool {
    matches!(
        status,
        RecordStatus::ToBeBuilt
            | RecordStatus::NoFilesFound
            | RecordStatus::Completed
            | RecordStatus::BuiltNotExported
            | RecordStatus::Error
    )
}
