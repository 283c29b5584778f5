//! Jobs that share a commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use rusqlite::Transaction;

use super::ticket::{Answer, Ticket};
use super::{GROUP_JOBS, GROUP_TIME, WriteError};
use crate::db::Database;

/// A job of any result.
pub(super) type BoxedJob = Box<dyn Job>;

/// A job that was run and waits for the commit.
type Pending = Box<dyn FnOnce(Result<(), WriteError>)>;

pub(super) trait Job: Send {
    /// Runs it inside its savepoint. What comes back is to be told how the commit ended.
    fn run(self: Box<Self>, tx: &Transaction<'_>) -> Pending;
    /// Answers it without running it.
    fn refuse(self: Box<Self>, error: WriteError);
}

struct Typed<T, F> {
    work: F,
    answer: Answer<T>,
}

pub(super) fn boxed<T: Send + 'static>(
    work: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError> + Send + 'static,
) -> (BoxedJob, Ticket<T>) {
    let (answer, ticket) = Ticket::pair();
    (Box::new(Typed { work, answer }), ticket)
}

impl<T, F> Job for Typed<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Transaction<'_>) -> Result<T, WriteError> + Send + 'static,
{
    fn run(self: Box<Self>, tx: &Transaction<'_>) -> Pending {
        let Self { work, answer } = *self;
        let result = in_savepoint(tx, work);
        // A job's own failure says more than that of the commit.
        Box::new(move |commit| answer.give(result.and_then(|value| commit.map(|()| value))))
    }

    fn refuse(self: Box<Self>, error: WriteError) {
        self.answer.give(Err(error));
    }
}

fn in_savepoint<T>(
    tx: &Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    statement(tx, "SAVEPOINT nexus_job")?;
    let result = catch_unwind(AssertUnwindSafe(|| work(tx)))
        .unwrap_or_else(|panic| Err(WriteError::Panicked(panic_text(panic.as_ref()))));
    if tx.is_autocommit() {
        // A full disk, say, has ended the whole transaction; the commit will tell the others.
        return result;
    }
    let undo = if result.is_err() { statement(tx, "ROLLBACK TO nexus_job") } else { Ok(()) };
    match undo.and_then(|()| statement(tx, "RELEASE nexus_job")) {
        Ok(()) => result,
        Err(error) => {
            // Half a job must not be committed: the whole group goes. If even this fails, dropping the
            // transaction tries again, and the commit is never reached.
            let _reported_by_the_commit = tx.execute_batch("ROLLBACK");
            result.and(Err(error.into()))
        }
    }
}

fn statement(tx: &Transaction<'_>, sql: &str) -> rusqlite::Result<()> {
    tx.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(|_| ())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_owned())
}

/// Runs the first job and whatever is ready behind it, commits them, and answers them.
pub(super) fn commit(database: &mut Database, first: BoxedJob, mut next: impl FnMut() -> Option<BoxedJob>) {
    let begun = Instant::now();
    let tx = match database.transaction() {
        Ok(tx) => tx,
        Err(error) => return first.refuse(WriteError::Begin(error)),
    };
    let mut pending = vec![first.run(&tx)];
    while pending.len() < GROUP_JOBS && begun.elapsed() < GROUP_TIME && !tx.is_autocommit() {
        match next() {
            Some(job) => pending.push(job.run(&tx)),
            None => break,
        }
    }
    // A transaction that SQLite has ended by itself was rolled back; its commit is an error too.
    let outcome = tx.commit().map_err(Arc::new);
    for answer in pending {
        answer(outcome.clone().map_err(WriteError::Commit));
    }
}
