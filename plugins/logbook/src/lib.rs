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
use crate::file::Snapshot;
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
    last: Mutex<Option<Arc<Book>>>,
}

impl LogbookHarvester {
    /// Most events of one page.
    const PAGE_SIZE: usize = 5_000;

    fn new(settings: Settings) -> Self {
        Self { settings, page_size: Self::PAGE_SIZE, last: Mutex::new(None) }
    }

    /// The rows of this snapshot; read only if it is not the one read last.
    fn book(&self, snapshot: &Snapshot) -> Result<Arc<Book>, PluginError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = last.as_ref().filter(|book| book.digest == snapshot.digest) {
            return Ok(Arc::clone(book));
        }
        let book = Arc::new(Book::read(snapshot, &self.settings)?);
        *last = Some(Arc::clone(&book));
        Ok(book)
    }

    /// The rows read last, if they are those of this digest.
    fn book_of(&self, digest: &str) -> Option<Arc<Book>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|book| book.digest == digest).cloned()
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
        let snapshot = Snapshot::take(&self.settings.path)?;
        let book = self.book(&snapshot)?;
        Ok(reservation::answers(call, &book, &self.settings, sessions))
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(&self.settings))
    }
}
