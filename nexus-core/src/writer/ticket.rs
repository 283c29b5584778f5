//! The answer to come.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::WriteError;

/// The answer to a job; it comes after the commit. Dropping it does not take the job back.
#[derive(Debug)]
#[must_use = "without waiting nobody knows whether it was written"]
pub struct Ticket<T>(Receiver<Result<T, WriteError>>);

impl<T> Ticket<T> {
    /// Waits for the commit.
    pub fn wait(self) -> Result<T, WriteError> {
        self.0.recv().unwrap_or(Err(WriteError::Closed))
    }

    pub(super) fn pair() -> (Answer<T>, Self) {
        let (answer, ticket) = sync_channel(1);
        (Answer(answer), Self(ticket))
    }
}

/// The other end of a ticket.
pub(super) struct Answer<T>(SyncSender<Result<T, WriteError>>);

impl<T> Answer<T> {
    pub(super) fn give(self, result: Result<T, WriteError>) {
        // Nobody may be waiting; that is the caller's choice.
        let _nobody_waits = self.0.try_send(result);
    }
}
