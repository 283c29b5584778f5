//! A log, read: where its rows are, and what could not be read.
//!
//! Of a row only its place, its times and two short hashes stay in memory: 44 bytes, and 8 or 20 more where a session
//! identifier or booked times are written. The rest is read again from the file when it is asked for. A row that is
//! not what it was then is an error, never another row.

mod chunks;
mod moment;
mod names;
mod rows;
mod unique;

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use nexus_plugin_api::PluginError;

use crate::column::{Column, meant};
use crate::csv::{self, Layout, NoTable, Wanted};
use crate::file::{Snapshot, changed};
use crate::json_lines;
use crate::row::{BadRow, Place, RawRow, Row};
use crate::settings::{Format, Settings};
use names::{Hashes, Met, Names};
use rows::Rows;
pub use rows::{Kept, Position};

/// The rows of one snapshot.
#[derive(Debug)]
pub struct Book {
    /// Digest of the snapshot.
    pub digest: String,
    /// The log's file name, for messages.
    pub file_name: String,
    /// The rows that were understood, in file order; id and session identifier are unique.
    pub rows: Rows,
    /// The others, by line.
    pub bad: Vec<BadRow>,
    /// The instruments as the log calls them.
    pub instruments: Vec<String>,
    /// Known columns that the log has.
    pub columns: Vec<Column>,
    /// Headings that are no column.
    pub unknown: Vec<String>,
    /// Whether any answer to consent could stand in it.
    pub has_consent_column: bool,
    /// A heading that was perhaps meant to be `consent`, when there is none.
    pub like_consent: Option<String>,
    names: Names,
    source: Source,
    file: Mutex<File>,
}

/// How a row is understood when it is read again.
#[derive(Debug)]
struct Source {
    settings: Settings,
    layout: Layout,
}

impl Source {
    fn row(&self, bytes: &[u8], line: u64, place: Place) -> Result<Row, PluginError> {
        let cells = match self.settings.format {
            Format::Csv => self.layout.cells(bytes),
            Format::Jsonl => json_lines::cells(bytes),
        };
        let cells = cells.map_err(|_| changed(&self.settings.path))?;
        Row::read(RawRow { line, place, cells }, &self.settings).map_err(|_| changed(&self.settings.path))
    }
}

impl Book {
    /// Reads a snapshot.
    pub fn read(snapshot: Snapshot, settings: &Settings) -> Result<Self, PluginError> {
        Self::read_wanted(snapshot, settings, &Wanted::All)
    }

    /// Reads some rows of a snapshot. Whether others contradict them is not looked at.
    pub fn read_wanted(
        snapshot: Snapshot,
        settings: &Settings,
        wanted: &Wanted<'_>,
    ) -> Result<Self, PluginError> {
        Self::read_hashed(snapshot, settings, wanted, Hashes::default())
    }

    fn read_hashed(
        snapshot: Snapshot,
        settings: &Settings,
        wanted: &Wanted<'_>,
        hashes: Hashes,
    ) -> Result<Self, PluginError> {
        let Snapshot { bytes, digest, file, .. } = snapshot;
        let mut rows = Rows::default();
        let mut met = Met::default();
        let mut bad = Vec::new();
        let mut instruments = Instruments::default();
        let mut position = 0;
        let mut take = |raw: RawRow| {
            let place = raw.place;
            match Row::read(raw, settings) {
                Ok(row) => {
                    let check = hashes.of(bytes.get(place.range()).unwrap_or_default());
                    met.push(&row, position, &settings.name, &hashes);
                    rows.push(&row, place, instruments.position(&row.instrument), check);
                    position += 1;
                }
                Err(row) => bad.push(row),
            }
        };
        let table = match settings.format {
            Format::Csv => csv::read(&bytes, settings.delimiter, wanted, &mut take)
                .map_err(|reason| no_table(settings, &reason))?,
            Format::Jsonl => json_lines::read(&bytes, wanted, &mut take),
        };
        bad.extend(table.bad);
        let source = Source { settings: settings.clone(), layout: table.layout };
        rows.shrink();
        let (names, shared) = Names::new(met, hashes, &settings.name);
        unique::unique(&mut rows, &names, shared, &mut bad, &bytes, &source)?;
        bad.sort_by_key(|row| row.line);
        let has_consent_column = table.columns.contains(&Column::Consent);
        let like_consent = (!has_consent_column)
            .then(|| table.unknown.iter().find(|heading| meant(heading) == Some(Column::Consent)).cloned())
            .flatten();
        Ok(Self {
            digest,
            file_name: settings.file_name(),
            rows,
            bad,
            instruments: instruments.names,
            columns: table.columns,
            unknown: table.unknown,
            has_consent_column,
            like_consent,
            names,
            source,
            file: Mutex::new(file),
        })
    }

    /// The whole row.
    pub fn row(&self, kept: &Kept<'_>) -> Result<Row, PluginError> {
        let place = kept.place();
        let mut bytes = vec![0; place.range().len()];
        let read = {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(place.at.into())).and_then(|_| file.read_exact(&mut bytes))
        };
        if read.is_err() || self.names.hash(&bytes) != kept.check() {
            return Err(changed(&self.source.settings.path));
        }
        let row = self.source.row(&bytes, kept.line(), place)?;
        // The check is short; what is known for certain has to be the same for certain.
        let known = (kept.start(), kept.end(), kept.cancelled(), self.instruments.get(kept.instrument()));
        if known != (row.start, row.end, row.cancelled, Some(&row.instrument)) {
            return Err(changed(&self.source.settings.path));
        }
        Ok(row)
    }

    /// The row of this id, and its position.
    pub fn by_id(&self, id: &str) -> Result<Option<(Position, Row)>, PluginError> {
        self.first(self.names.of_id(id), |row| row.id == id)
    }

    /// The row of this session identifier.
    pub fn by_session(&self, identifier: &str) -> Result<Option<Row>, PluginError> {
        let found =
            self.first(self.names.of_session(identifier), |row| row.session_identifier == identifier)?;
        Ok(found.map(|(_, row)| row))
    }

    fn first(
        &self,
        candidates: impl IntoIterator<Item = Position>,
        is_it: impl Fn(&Row) -> bool,
    ) -> Result<Option<(Position, Row)>, PluginError> {
        for kept in candidates.into_iter().filter_map(|at| self.rows.get(at)) {
            let row = self.row(&kept)?;
            if is_it(&row) {
                return Ok(Some((kept.position, row)));
            }
        }
        Ok(None)
    }

    /// Where a row stands: `usage.csv line 17`.
    pub fn place(&self, line: u64) -> String {
        format!("{} line {line}", self.file_name)
    }
}

/// The names of instruments, each once.
#[derive(Default)]
struct Instruments {
    names: Vec<String>,
    known: HashMap<String, u32>,
}

impl Instruments {
    fn position(&mut self, name: &str) -> u32 {
        if let Some(at) = self.known.get(name) {
            return *at;
        }
        let at = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), at);
        at
    }
}

fn no_table(settings: &Settings, reason: &NoTable) -> PluginError {
    let message = format!("usage log `{}` {reason}", settings.path.display());
    match reason {
        // An editor or an export may be at work on it.
        NoTable::Empty => PluginError::transient(message)
            .with_hint("its first row must name the columns: id, instrument, user, start, end, …"),
        NoTable::Encoding => PluginError::permanent(message),
        NoTable::Header(_) | NoTable::Twice(_) | NoTable::Missing(_) => PluginError::permanent(message)
            .with_hint("the first row names the columns; id, instrument, start and end must be among them"),
    }
}

#[cfg(test)]
mod tests;
