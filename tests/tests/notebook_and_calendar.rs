//! Whole runs of a facility without a scheduler: a usage log, a SharePoint calendar that tells what was booked, a
//! folder, and a notebook in LabArchives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "notebook_and_calendar/facility.rs"]
mod facility;
#[path = "notebook_and_calendar/faults.rs"]
mod faults;
#[path = "notebook_and_calendar/program.rs"]
mod program;
#[path = "notebook_and_calendar/runs.rs"]
mod runs;
