//! Record files in their places: what is delivered everywhere moves to `uploaded/`.
//!
//! The move comes after the commit. Stopped in between, the next run finds the file where it was and moves it
//! then; nothing depends on which of the two folders a record is in.

use super::{Facility, PipelineError};
use crate::delivery::{State, table};
use crate::durable;
use crate::report::RunReport;
use crate::session_state::SessionState;
use crate::writer::Writer;

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
    let names = fresh_records(facility);
    if names.is_empty() {
        return Ok(());
    }
    let routes = facility.routes.clone();
    let done = writer.run(move |tx| {
        let mut done = Vec::new();
        for name in names {
            let Some(id) = SessionState::of_record(tx, &name)?.map(|state| state.session) else { continue };
            if table::of_session(tx, &id)?
                .iter()
                .all(|delivery| !routes.has(&delivery.destination) || !wants_record(delivery.state))
                && crate::session::status_of(tx, &id)? == Some(crate::session::RecordStatus::Completed)
            {
                done.push(name);
            }
        }
        Ok(done)
    })?;
    for name in done {
        let moved = durable::create_dir_all_durable(&folders.uploaded()).and_then(|()| {
            durable::move_durable(&folders.fresh_record(&name), &folders.uploaded_record(&name))
        });
        if let Err(error) = moved {
            report.needs_person.push(error.to_string());
        }
    }
    Ok(())
}

/// Whether a delivery may still need the record file.
fn wants_record(state: State) -> bool {
    !matches!(state, State::Delivered | State::NotWanted)
}

/// Names of the records that lie in the records folder itself.
fn fresh_records(facility: &Facility) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(&facility.folders.records) else { return Vec::new() };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "xml") && !durable::is_temporary(path))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect()
}
