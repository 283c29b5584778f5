//! One writer: jobs in, answers after the commit.
//!
//! Workers never write. They hand a job to the [`Writer`], whose thread owns the one connection that
//! may; whatever jobs are ready are committed together, since a durable commit costs some
//! milliseconds however much is in it. Each job runs inside a savepoint of its own: one that fails or
//! panics takes only itself back. A [`Ticket`] is answered when the commit has returned, so an answer
//! that was given survives a power cut.
//!
//! Nobody waits for company: a job that finds the queue empty is committed at once, and the jobs that
//! come during its commit are the next group.
//!
//! ```
//! use nexus_core::db::Database;
//! use nexus_core::writer::Writer;
//!
//! let writer = Writer::start(Database::in_memory()?);
//! let ticket = writer.submit(|tx| {
//!     tx.execute("INSERT INTO nexus_meta (key, value) VALUES ('greeting', 'hello')", [])?;
//!     Ok(tx.last_insert_rowid())
//! });
//! assert_eq!(ticket.wait()?, 1);
//! let database = writer.close();
//! # let text: String = database.read().query_row("SELECT value FROM nexus_meta", [], |row| row.get(0))?;
//! # assert_eq!(text, "hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A job does database work and nothing else: no network, no files, no waiting for another job, since
//! everybody waits for it. The writer never uses the thread pool.

mod error;
mod group;
mod ticket;

#[cfg(test)]
mod tests;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;

use rusqlite::Transaction;

use crate::db::Database;

pub use error::WriteError;
pub use ticket::Ticket;

use group::{BoxedJob, boxed};

/// Most jobs in one commit.
pub const GROUP_JOBS: usize = 64;

/// Longest time a group goes on taking jobs before it is committed.
pub const GROUP_TIME: Duration = Duration::from_millis(5);

/// Jobs that may wait; [`Writer::submit`] blocks when there are more, so memory does not grow.
pub const QUEUE_JOBS: usize = 1024;

/// Statements kept prepared: more than one group needs.
const STATEMENTS: usize = 128;

enum Message {
    Job(BoxedJob),
    Stop,
}

/// The thread that writes. Share it by reference or in an [`std::sync::Arc`]; every thread may submit.
///
/// Dropped without [`Writer::close`], it still carries out what was submitted, and waits for it.
pub struct Writer {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<Database>>,
    thread_id: Option<ThreadId>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Panics
    /// Where [`std::thread::spawn`] does: the system has no thread to give.
    #[must_use]
    pub fn start(database: Database) -> Self {
        Self::with_queue(database, QUEUE_JOBS)
    }

    fn with_queue(database: Database, capacity: usize) -> Self {
        database.read().set_prepared_statement_cache_capacity(STATEMENTS);
        let (queue, jobs) = sync_channel(capacity);
        let thread = std::thread::spawn(move || serve(database, &jobs));
        let thread_id = Some(thread.thread().id());
        Self { queue, thread: Some(thread), thread_id }
    }

    /// Hands over a job; blocks while the queue is full.
    ///
    /// From inside a job it is refused with [`WriteError::Within`]: the job would wait for itself.
    pub fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError> + Send + 'static,
    ) -> Ticket<T> {
        let (job, ticket) = boxed(job);
        if self.thread_id == Some(std::thread::current().id()) {
            job.refuse(WriteError::Within);
        } else {
            // A closed queue drops the job, and with it the other end of the ticket.
            let _closed = self.queue.send(Message::Job(job));
        }
        ticket
    }

    /// Hands over a job and waits for its answer.
    pub fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, WriteError> {
        self.submit(job).wait()
    }

    /// Carries out what was submitted, ends the thread and gives the database back.
    ///
    /// Passes on a panic of the thread itself; a job's panic is its ticket's answer and none of these.
    #[must_use = "the database can be used again"]
    pub fn close(mut self) -> Database {
        match self.stop() {
            Some(Ok(database)) => database,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => unreachable!("the thread is taken by `close`, which takes the writer, or by `drop`"),
        }
    }

    fn stop(&mut self) -> Option<std::thread::Result<Database>> {
        let thread = self.thread.take()?;
        let _gone = self.queue.send(Message::Stop);
        Some(thread.join())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // A job that held the last reference would wait for itself here.
        if self.thread_id != Some(std::thread::current().id()) {
            self.stop();
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("thread", &self.thread_id).finish_non_exhaustive()
    }
}

fn serve(mut database: Database, jobs: &Receiver<Message>) -> Database {
    while let Ok(Message::Job(first)) = jobs.recv() {
        let mut stopped = false;
        group::commit(&mut database, first, || match jobs.try_recv() {
            Ok(Message::Job(job)) => Some(job),
            Ok(Message::Stop) => {
                stopped = true;
                None
            }
            Err(_) => None,
        });
        if stopped {
            break;
        }
    }
    database
}
