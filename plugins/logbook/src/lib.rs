//! Sessions from a usage log: for facilities without a scheduler.
//!
//! The log is one file, CSV with a header or JSON lines, kept by hand or exported by another
//! program. A row is a usage event and its own reservation. The file is only ever read.
//!
//! ```text
//! file  →  csv | json_lines  →  row  →  book  →  harvest       events, pages, cursors
//! bytes    cells by column      typed   unique    reservation   consent and booking
//! ```
//!
//! Rows that cannot be read are named by file and line and left out; they never end a harvest. A file
//! that cannot be read at all is an error, so nothing is concluded from it.

mod book;
mod check;
mod column;
mod consent;
mod csv;
mod file;
#[doc(hidden)]
pub mod fuzz;
mod harvest;
mod json_lines;
mod reservation;
mod row;
mod settings;
mod time;

use std::sync::{Arc, Mutex, PoisonError};

use nexus_plugin_api::{
    Call, CheckReport, HarvestPage, HarvestRequest, Harvester, Instance, Manifest, Plugin, PluginError,
    PluginKind, ReservationAnswer, SessionRef,
};

use crate::book::Book;
use crate::file::{Snapshot, Stamp};
use crate::settings::Settings;

/// The logbook plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Logbook;

impl Plugin for Logbook {
    fn manifest(&self) -> Manifest {
        Manifest::new("logbook", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Reads sessions, reservations and consent from a usage log (CSV or JSON lines).")
            .with_settings(settings::schema())
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(Instance::Harvester(Box::new(LogbookHarvester::new(Settings::read(settings)?))))
    }
}

/// One log.
struct LogbookHarvester {
    settings: Settings,
    /// Events of one page.
    page_size: usize,
    /// The log as last read: pages of one harvest and the reservations after it share one reading.
    last: Mutex<Option<Last>>,
}

/// A reading, and what was seen of the file before it.
struct Last {
    stamp: Stamp,
    book: Arc<Book>,
}

impl LogbookHarvester {
    /// Most events of one page.
    const PAGE_SIZE: usize = 1_000;

    fn new(settings: Settings) -> Self {
        Self { settings, page_size: Self::PAGE_SIZE, last: Mutex::new(None) }
    }

    /// The log as it is now; read only if it is not as it was when it was read last.
    fn book(&self) -> Result<Arc<Book>, PluginError> {
        let stamp = Stamp::of(&self.settings.path)?;
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = last.as_ref().filter(|last| last.stamp == stamp).map(|last| Arc::clone(&last.book));
        drop(last);
        known.map_or_else(|| self.read(), Ok)
    }

    /// Reads the log.
    fn read(&self) -> Result<Arc<Book>, PluginError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // What is no longer true need not stay in memory beside what is.
        *last = None;
        let snapshot = Snapshot::take(&self.settings.path)?;
        let stamp = snapshot.stamp;
        let book = Arc::new(Book::read(snapshot, &self.settings)?);
        *last = Some(Last { stamp, book: Arc::clone(&book) });
        Ok(book)
    }

    /// The rows read last, if they are those of this digest.
    fn book_of(&self, digest: &str) -> Option<Arc<Book>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|last| last.book.digest == digest).map(|last| Arc::clone(&last.book))
    }
}

impl Harvester for LogbookHarvester {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        harvest::harvest(self, call, request)
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let book = self.book()?;
        Ok(reservation::answers(call, &book, &self.settings, sessions))
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(&self.settings))
    }
}
