//! Why a job was not carried out.

use std::error::Error;
use std::sync::Arc;

use crate::db::DbError;

/// Why a job was not carried out. Nothing of it is in the database, whatever the reason.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The job itself said so; nobody else is touched.
    #[error("{0}")]
    Job(#[source] Box<dyn Error + Send + Sync>),
    /// The job panicked; nobody else is touched.
    #[error("a database job panicked: {0}; please report this")]
    Panicked(String),
    /// No transaction could be begun.
    #[error("nothing was written: {0}")]
    Begin(#[source] DbError),
    /// The commit failed, and with it every job of the group.
    #[error("nothing was written: the commit failed: {0}; check the disk and run again")]
    Commit(#[source] Arc<rusqlite::Error>),
    /// The writer was closed before the job's turn came.
    #[error("nothing was written: the database was already closed for writing")]
    Closed,
    /// A job submitted a job.
    #[error("nothing was written: a database job may not wait for another one")]
    Within,
}

impl WriteError {
    /// A job's own failure.
    pub fn job(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Job(error.into())
    }

    /// The job's own failure, if it is of that kind: for callers who want to go on after it.
    #[must_use]
    pub fn cause<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Job(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

macro_rules! failures_of_a_job {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for WriteError {
            fn from(error: $error) -> Self {
                Self::job(error)
            }
        })+
    };
}

failures_of_a_job!(
    rusqlite::Error,
    DbError,
    crate::session::SessionError,
    crate::session_log::SessionLogError,
    crate::upload_log::UploadLogError,
    crate::external_user::ExternalUserError,
    crate::instrument::InstrumentError,
    crate::own_table::OwnTableError,
    crate::delivery::table::DeliveryError,
    crate::session_state::SessionStateError,
    crate::question::QuestionError,
);
