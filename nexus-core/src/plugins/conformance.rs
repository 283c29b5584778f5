//! The conformance kit: what protocol 1.0 promises, tried on a plugin one check at a time.
//!
//! ```text
//! plugin (any carrier)  →  wire  →  bench: requests, replies, log lines  →  checks  →  report
//! ```
//!
//! Checks speak in messages, so they are the same on every carrier. Each has a name that never changes, one
//! sentence that says what is promised, and one that says what to do when it is not kept. A check whose ground
//! is missing (another one failed, a setting was not given, the plugin does not claim it) is skipped, so that
//! one fault fails one check.
//!
//! The kit delivers records and harvests for real: a destination needs a test account, or a folder of its own.
//! Actions that change something are never run.

mod actions;
mod bench;
mod check;
mod circumstances;
mod destination;
mod end;
mod exchange;
mod extractor;
mod harvester;
mod manifest;
mod messages;
mod options;
mod place;
mod project;
mod report;
mod run;
mod sample;
mod settings;

pub use check::Check;
pub use exchange::Exchange;
pub use options::Options;
pub use place::Place;
pub use project::{FILE_NAME, Project, ProjectError};
pub use report::{Failure, Outcome, Report, Status};
pub use run::{checks, reference, refused, run, run_telling};

#[cfg(test)]
mod tests;
