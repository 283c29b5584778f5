//! A log, read: where its rows are, and what could not be read.
//!
//! Of a row only its place and its times stay in memory, about a hundred bytes; the rest is read again from the
//! file when it is asked for. A row that is not what it was then is an error, never another row.

mod unique;

use std::collections::HashMap;
use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::{Mutex, PoisonError};

use chrono_tz::Tz;
use nexus_plugin_api::{EventTime, PluginError};

use crate::column::{Column, meant};
use crate::csv::{self, Layout, NoTable, Wanted};
use crate::file::{Snapshot, changed};
use crate::json_lines;
use crate::row::{BadRow, Place, RawRow, Row};
use crate::settings::{Format, Settings};
use crate::time::{self, instant};

/// What stays in memory of every row that was understood.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Where it begins, from 1.
    pub line: u64,
    /// Its instrument as the log calls it: a position in [`Book::instruments`].
    pub instrument: usize,
    /// When it began.
    pub start: EventTime,
    /// When it ended; `None` while in use.
    pub end: Option<EventTime>,
    /// Whether it did not take place after all.
    pub cancelled: bool,
    /// The booked times, where they are others.
    booked: Option<Box<(EventTime, Option<EventTime>)>>,
    place: Place,
    /// Of its bytes.
    check: u64,
}

impl Kept {
    /// The booked time in this zone, if it has an end: a row still open, perhaps forgotten, claims no session.
    pub fn booked(&self, zone: Tz) -> Option<(chrono::DateTime<chrono::Utc>, chrono::DateTime<chrono::Utc>)> {
        let (start, end) = self.booked.as_deref().map_or((self.start, self.end), |booked| *booked);
        Some((instant(start, zone), instant(end?, zone)))
    }
}

/// The rows of one snapshot.
#[derive(Debug)]
pub struct Book {
    /// Digest of the snapshot.
    pub digest: String,
    /// The log's file name, for messages.
    pub file_name: String,
    /// The rows that were understood, in file order; id and session identifier are unique.
    pub rows: Vec<Kept>,
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
    /// Positions of the rows, by a hash of their id.
    by_id: HashMap<u64, u32>,
    /// The same, by a hash of the session identifier.
    by_session: HashMap<u64, u32>,
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
        let Snapshot { bytes, digest, file, .. } = snapshot;
        let mut rows = Vec::new();
        let mut bad = Vec::new();
        let mut instruments = Instruments::default();
        let mut take = |raw: RawRow| {
            let place = raw.place;
            match Row::read(raw, settings) {
                Ok(row) => rows.push(unique::Named {
                    id: hash(row.id.as_bytes()),
                    session: hash(row.session_identifier.as_bytes()),
                    kept: kept(&row, place, bytes.get(place.range()).unwrap_or_default(), &mut instruments),
                }),
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
        let unique = unique::unique(rows, &mut bad, &bytes, &source)?;
        bad.sort_by_key(|row| row.line);
        let has_consent_column = table.columns.contains(&Column::Consent);
        let like_consent = (!has_consent_column)
            .then(|| table.unknown.iter().find(|heading| meant(heading) == Some(Column::Consent)).cloned())
            .flatten();
        Ok(Self {
            digest,
            file_name: settings.file_name(),
            rows: unique.rows,
            bad,
            instruments: instruments.names,
            columns: table.columns,
            unknown: table.unknown,
            has_consent_column,
            like_consent,
            by_id: unique.by_id,
            by_session: unique.by_session,
            source,
            file: Mutex::new(file),
        })
    }

    /// The whole row.
    pub fn row(&self, kept: &Kept) -> Result<Row, PluginError> {
        let mut bytes = vec![0; kept.place.range().len()];
        let read = {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(kept.place.at.into())).and_then(|_| file.read_exact(&mut bytes))
        };
        if read.is_err() || hash(&bytes) != kept.check {
            return Err(changed(&self.source.settings.path));
        }
        self.source.row(&bytes, kept.line, kept.place)
    }

    /// The row of this id, and its position.
    pub fn by_id(&self, id: &str) -> Result<Option<(usize, Row)>, PluginError> {
        self.find(&self.by_id, id, |row| &row.id)
    }

    /// The row of this session identifier.
    pub fn by_session(&self, identifier: &str) -> Result<Option<Row>, PluginError> {
        Ok(self.find(&self.by_session, identifier, |row| &row.session_identifier)?.map(|(_, row)| row))
    }

    fn find(
        &self,
        by_hash: &HashMap<u64, u32>,
        name: &str,
        name_of: fn(&Row) -> &String,
    ) -> Result<Option<(usize, Row)>, PluginError> {
        unique::find(by_hash, hash(name.as_bytes()), |at| {
            let Some(kept) = self.rows.get(at) else { return Ok(None) };
            let row = self.row(kept)?;
            Ok((name_of(&row) == name).then_some((at, row)))
        })
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
    known: HashMap<String, usize>,
}

impl Instruments {
    fn position(&mut self, name: &str) -> usize {
        if let Some(at) = self.known.get(name) {
            return *at;
        }
        let at = self.names.len();
        self.names.push(name.to_owned());
        self.known.insert(name.to_owned(), at);
        at
    }
}

fn kept(row: &Row, place: Place, bytes: &[u8], instruments: &mut Instruments) -> Kept {
    let booked = |column: Column| row.text(column).and_then(time::parse);
    let (from, to) = (booked(Column::ReservationStart), booked(Column::ReservationEnd));
    Kept {
        line: row.line,
        instrument: instruments.position(&row.instrument),
        start: row.start,
        end: row.end,
        cancelled: row.cancelled,
        booked: (from.is_some() || to.is_some())
            .then(|| Box::new((from.unwrap_or(row.start), to.or(row.end)))),
        place,
        check: hash(bytes),
    }
}

/// Good for one process only.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
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
mod tests {
    use serde_json::json;

    use super::*;

    fn book(text: &str) -> Book {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.csv");
        std::fs::write(&path, text).unwrap();
        let settings = Settings::read(&json!({"path": path})).unwrap();
        Book::read(Snapshot::take(&path).unwrap(), &settings).unwrap()
    }

    const HEAD: &str = "id,instrument,start,end,session,title\n";

    #[test]
    fn a_repeated_row_counts_once() {
        let row = "7,T,2024-03-05 09:00,2024-03-05 10:00,,a\n";
        let book = book(&format!("{HEAD}{row}{row}"));
        assert_eq!((book.rows.len(), book.bad.len()), (1, 0));
    }

    #[test]
    fn rows_that_disagree_are_all_bad() {
        let book = book(&format!(
            "{HEAD}7,T,2024-03-05 09:00,2024-03-05 10:00,,a\n\
             7,T,2024-03-05 09:00,2024-03-05 10:00,,b\n\
             8,T,2024-03-05 09:00,2024-03-05 10:00,S,a\n\
             9,T,2024-03-05 09:00,2024-03-05 10:00,S,a\n\
             10,T,2024-03-05 09:00,never,,a\n\
             10,T,2024-03-05 09:00,2024-03-05 10:00,,a\n"
        ));
        assert!(book.rows.is_empty());
        let reasons: Vec<_> = book.bad.iter().map(|row| (row.line, row.reason.as_str())).collect();
        assert_eq!(reasons[0], (2, "`id` `7` also stands on line 3 with other content"));
        assert_eq!(reasons[1], (3, "`id` `7` also stands on line 2 with other content"));
        assert_eq!(reasons[2], (4, "`session` `S` also stands on line 5 with other content"));
        assert!(reasons[4].1.contains("`never`"));
        assert_eq!(reasons[5].0, 7);
    }

    #[test]
    fn bad_rows_say_what_is_wrong_with_them() {
        let book = book(&format!(
            "{HEAD},T,2024-03-05 09:00,,,\n1,,2024-03-05 09:00,,,\n2,T,,,,\n3,T,5.3.24 9:00,,,\n\
             4,T,2024-03-05 09:00,2024-03-05 08:00,,\n5,T,2024-03-05 09:00,,\"a\nb\",\n"
        ));
        let reasons: Vec<_> = book.bad.iter().map(|row| row.reason.as_str()).collect();
        assert_eq!(reasons[0], "`id` is blank");
        assert_eq!(reasons[1], "`instrument` is blank");
        assert_eq!(reasons[2], "`start` is blank");
        assert!(reasons[3].starts_with("`start` is `5.3.24 9:00`; it takes a time such as 2024-03-05 09:10"));
        assert!(reasons[4].contains("is before `start`") && reasons[4].contains("offset"));
        assert!(reasons[5].contains("control character"));
        assert_eq!(book.place(book.bad[3].line), "usage.csv line 5");
    }
}
