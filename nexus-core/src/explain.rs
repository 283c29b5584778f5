//! The story of one session in sentences: why it is where it is, by which rule, what comes next, what can be done.
//!
//! [`find`] finds the session, by whatever a person has in hand. [`Facts::read`] reads all that is known of it;
//! [`explain`] makes chapters of that, and is pure. Reads only.

mod deliveries;
mod facts;
mod files;
mod find;
mod happened;
mod kinds;
mod next;
mod record;
mod reservation;
mod say;
mod session;
mod status;
mod waiting;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use facts::{
    Adoption, Booking, ChangedEvent, DeliveryFacts, Facts, Happened, LogRow, Place, Settings, Source,
    Surroundings,
};
pub use find::{AtTime, Candidate, Span, at_time, find};
use say::Times;

use crate::adopt;
use crate::delivery::table::DeliveryError;
use crate::ids::SessionId;
use crate::instrument::InstrumentError;
use crate::own_table::OwnTableError;
use crate::session::SessionError;
use crate::session_state::SessionStateError;
use crate::upload_log::UploadLogError;
use crate::writer::WriteError;

/// How many happenings are told where nobody asks for all of them.
pub const HAPPENINGS: usize = 20;

/// A session cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// Of the shared tables.
    #[error("failed to read the database")]
    Database(#[from] rusqlite::Error),
    /// Of runs, events, destinations and the heartbeat.
    #[error(transparent)]
    Own(#[from] OwnTableError),
    /// Of instruments.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// Of the session's rows.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Of what is remembered of it.
    #[error(transparent)]
    State(#[from] SessionStateError),
    /// Of deliveries.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Of uploads.
    #[error(transparent)]
    Upload(#[from] UploadLogError),
    /// Of the adoption.
    #[error(transparent)]
    Adoption(#[from] WriteError),
}

/// One session, explained.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The session.
    pub session_identifier: SessionId,
    /// What is to be said, in the order in which it is told.
    pub chapters: Vec<Chapter>,
    /// What it was made from.
    pub facts: Facts,
}

/// What a chapter is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// What the session is, and where it comes from.
    Session,
    /// Reservation and consent.
    Reservation,
    /// Its files.
    Files,
    /// Its record.
    Record,
    /// Where the record went.
    Deliveries,
    /// Why it has its status.
    Status,
    /// What happened to it.
    Happened,
    /// What comes next.
    Next,
}

impl Subject {
    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Session => "Session",
            Self::Reservation => "Reservation",
            Self::Files => "Files",
            Self::Record => "Record",
            Self::Deliveries => "Deliveries",
            Self::Status => "Status",
            Self::Happened => "What happened",
            Self::Next => "What comes next",
        }
    }
}

/// A chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chapter {
    /// What it is about.
    pub subject: Subject,
    /// Its heading.
    pub title: &'static str,
    /// What it says.
    pub paragraphs: Vec<Paragraph>,
}

/// Sentences that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Paragraph {
    /// The destination that it is about; `None`: the subject of the chapter.
    pub about: Option<String>,
    /// Full sentences.
    pub sentences: Vec<String>,
}

impl Paragraph {
    fn of(sentences: Vec<String>) -> Self {
        Self { about: None, sentences }
    }
}

/// The story of a session. What there is nothing to say about has no chapter.
#[must_use]
pub fn explain(facts: Facts) -> Explanation {
    let times = Times::of(&facts);
    let all = [
        (Subject::Session, session::told(&facts, times)),
        (Subject::Reservation, reservation::told(&facts, times)),
        (Subject::Files, files::told(&facts, times)),
        (Subject::Record, record::told(&facts, times)),
        (Subject::Deliveries, deliveries::told(&facts, times)),
        (Subject::Status, status::told(&facts, times)),
        (Subject::Happened, happened::told(&facts, times)),
        (Subject::Next, next::told(&facts, times)),
    ];
    let chapters = all
        .into_iter()
        .map(|(subject, mut paragraphs)| {
            paragraphs.retain(|paragraph| !paragraph.sentences.is_empty());
            Chapter { subject, title: subject.title(), paragraphs }
        })
        .filter(|chapter| !chapter.paragraphs.is_empty())
        .collect();
    Explanation { session_identifier: facts.session_identifier.clone(), chapters, facts }
}

/// Whether nexus ever worked on the database.
fn has_own_tables(connection: &rusqlite::Connection) -> Result<bool, rusqlite::Error> {
    adopt::has_own_tables(connection)
}
