//! One session becomes a record: read, write, judge, put on disk. Runs on the pool.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::plan::Plan;
use super::{Builder, Told};
use crate::builder::{self, BuildError, BuiltRecord, Material, SampleIds};
use crate::causes::with_causes;
use crate::durable::{self, DurableError};
use crate::session::Session;

/// A session that is ready to be built.
#[derive(Debug)]
pub(super) struct Job {
    pub session: Session,
    /// Its record may be somewhere: its status stays until the new one is committed.
    pub rebuild: bool,
    pub plan: Box<Plan>,
}

/// How a session ended, before it is saved.
#[derive(Debug)]
pub(super) struct Outcome {
    pub job: Box<Job>,
    pub end: End,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// How the making of a record ended.
#[derive(Debug)]
pub(super) enum End {
    /// The record is on disk.
    Built(BuiltRecord),
    /// The storage or the disk is at fault: the session stays as it is.
    Waiting {
        /// A few words for the listing, the same for all sessions with the same trouble.
        reason: &'static str,
        /// Everything that is known.
        detail: String,
        /// Whether somebody should look at it.
        told: Told,
    },
    /// The record is not what the schema says.
    Invalid(String),
    /// Making the record panicked, and would do so again.
    Crashed(String),
}

impl Builder<'_> {
    pub(super) fn make(&self, job: Box<Job>) -> Outcome {
        let begun = Instant::now();
        // A panic that left the pool would end the run with every session in hand.
        let end = catch_unwind(AssertUnwindSafe(|| self.record(&job)))
            .unwrap_or_else(|panic| End::Crashed(message_of(panic.as_ref())));
        Outcome { job, end, seconds: begun.elapsed().as_secs_f64() }
    }

    fn record(&self, job: &Job) -> End {
        let session = &job.session;
        let material = Material {
            record_key: job.plan.record_key,
            instrument_pid: session.instrument.pid.to_string(),
            instrument_name: session.instrument.display_name.clone(),
            zone: session.zone,
            start: session.start.in_zone(session.zone),
            reservation: job.plan.reservation.clone(),
            files: job.plan.files.files(),
            instrument_data: self.folders.instrument_data.clone(),
            data: self.folders.data.clone(),
            readers: self.readers,
            clock: self.clock,
            version: self.version,
            sample_ids: SampleIds::Derived,
            sensitivity: self.sensitivity,
            previews: self.previews,
        };
        let record = match builder::build(&material) {
            Ok(record) => record,
            Err(error) => {
                let (reason, told) = reason(&error);
                return End::Waiting { reason, detail: with_causes(&error), told };
            }
        };
        let name = &job.plan.record_name;
        if let Err(invalid) = self.validator.validate(&record.xml) {
            return End::Invalid(self.reject(name, &record.xml, &invalid.to_string()));
        }
        match self.keep(name, &record.xml) {
            Ok(()) => End::Built(record),
            Err(error) => End::Waiting {
                reason: "record cannot be written",
                detail: with_causes(&error),
                told: Told::Together,
            },
        }
    }

    fn keep(&self, name: &str, xml: &[u8]) -> Result<(), DurableError> {
        durable::write_atomic(&self.folders.fresh_record(name), xml)?;
        let rejected = self.folders.rejected_record(name);
        if rejected.exists() { durable::remove(&rejected) } else { Ok(()) }
    }

    /// Keeps an invalid record aside for inspection, and says what is wrong with it and where it is.
    fn reject(&self, name: &str, xml: &[u8], why: &str) -> String {
        let path = self.folders.rejected_record(name);
        let kept = durable::create_dir_all_durable(&self.folders.rejected())
            .and_then(|()| durable::write_atomic(&path, xml));
        match kept {
            Ok(()) => format!("its record is not valid: {why}; the rejected XML is `{}`", path.display()),
            Err(error) => {
                format!("its record is not valid: {why}; and it could not be kept: {}", with_causes(&error))
            }
        }
    }
}

fn reason(error: &BuildError) -> (&'static str, Told) {
    match error {
        BuildError::Changed { .. } => ("a file changed while it was read", Told::No),
        // Somebody tidies up; but if nothing is left, the storage may be.
        BuildError::Vanished { gone, of, .. } if gone < of => {
            ("files vanished while they were read", Told::No)
        }
        BuildError::Vanished { .. } => ("all files vanished while they were read", Told::Together),
        BuildError::Unreadable { .. } => ("storage cannot be read", Told::Together),
        BuildError::DiskFull(_) => ("no space in the data folder", Told::Together),
    }
}

/// What a panic said.
fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
