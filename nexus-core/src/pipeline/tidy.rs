//! Record files in their places: what is delivered everywhere moves to `uploaded/`.
//!
//! The move comes after the commit. Stopped in between, the next run finds the file where it was and moves it
//! then; nothing depends on which of the two folders a record is in. So they are moved a page at a time, and their
//! folders synced once for each.

use std::path::PathBuf;

use super::{Facility, PAGE, PipelineError};
use crate::causes::with_causes;
use crate::delivery::table;
use crate::durable::{self, DurableError};
use crate::report::RunReport;
use crate::session_state::SessionState;
use crate::writer::{WriteError, Writer};

/// Removes what an earlier run left half-written.
pub(super) fn sweep(facility: &Facility, report: &mut RunReport) {
    let folders = &facility.folders;
    for folder in [&folders.records, &folders.uploaded(), &folders.rejected(), &folders.data] {
        if folder.is_dir()
            && let Err(error) = durable::sweep(folder)
        {
            report.needs_person.push(error.to_string());
        }
    }
}

/// Moves the records that have nowhere left to go.
pub(super) fn put_away(
    facility: &Facility,
    writer: &Writer,
    report: &mut RunReport,
) -> Result<(), PipelineError> {
    let folders = &facility.folders;
    let mut fresh = fresh_records(facility);
    let mut failed: Option<DurableError> = None;
    let mut others = 0;
    loop {
        let page: Vec<String> = fresh.by_ref().take(PAGE).collect();
        if page.is_empty() {
            break;
        }
        let done: Vec<(PathBuf, PathBuf)> = delivered(facility, writer, page)?
            .into_iter()
            .map(|name| (folders.fresh_record(&name), folders.uploaded_record(&name)))
            .collect();
        if done.is_empty() {
            continue;
        }
        let mut errors = match durable::create_dir_all_durable(&folders.uploaded()) {
            Ok(()) => durable::move_all_durable(done),
            Err(error) => vec![error],
        }
        .into_iter();
        if failed.is_none() {
            failed = errors.next();
        }
        others += errors.len();
    }
    report.needs_person.extend(failed.map(|error| match others {
        0 => with_causes(&error),
        _ => format!("{} (and {others} more like it)", with_causes(&error)),
    }));
    Ok(())
}

/// Those of the records that nobody needs any more.
fn delivered(facility: &Facility, writer: &Writer, names: Vec<String>) -> Result<Vec<String>, WriteError> {
    let routes = facility.routes.clone();
    writer.run(move |tx| {
        let mut done = Vec::new();
        for name in names {
            let Some(id) = SessionState::of_record(tx, &name)? else { continue };
            if !table::needs_record(tx, &id, &|destination| routes.has(destination))?
                && crate::session::known_status_of(tx, &id)? == Some(crate::session::RecordStatus::Completed)
            {
                done.push(name);
            }
        }
        Ok(done)
    })
}

/// Names of the records that lie in the records folder itself, as it is read: one that is moved away meanwhile
/// does not hide another.
fn fresh_records(facility: &Facility) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(&facility.folders.records).into_iter().flatten();
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "xml") && !durable::is_temporary(path))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
}
