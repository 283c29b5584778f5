//! A log, read: unique rows, and what could not be read.

use std::collections::HashMap;

use nexus_plugin_api::PluginError;

use crate::column::{Column, meant};
use crate::csv::{self, NoTable, Table, Wanted};
use crate::file::Snapshot;
use crate::json_lines;
use crate::row::{BadRow, Row};
use crate::settings::{Format, Settings};

/// The rows of one snapshot.
#[derive(Debug)]
pub struct Book {
    /// Digest of the snapshot.
    pub digest: String,
    /// The log's file name, for messages.
    pub file_name: String,
    /// The rows that were understood, in file order; id and session identifier are unique.
    pub rows: Vec<Row>,
    /// The others, by line.
    pub bad: Vec<BadRow>,
    /// Known columns that the log has.
    pub columns: Vec<Column>,
    /// Headings that are no column.
    pub unknown: Vec<String>,
    /// Whether any answer to consent could stand in it.
    pub has_consent_column: bool,
    /// A heading that was perhaps meant to be `consent`, when there is none.
    pub like_consent: Option<String>,
    by_id: HashMap<String, usize>,
    by_session: HashMap<String, usize>,
}

impl Book {
    /// Reads a snapshot.
    pub fn read(snapshot: &Snapshot, settings: &Settings) -> Result<Self, PluginError> {
        Self::read_wanted(snapshot, settings, &Wanted::All)
    }

    /// Reads some rows of a snapshot. Whether others contradict them is not looked at.
    pub fn read_wanted(
        snapshot: &Snapshot,
        settings: &Settings,
        wanted: &Wanted<'_>,
    ) -> Result<Self, PluginError> {
        let table = match settings.format {
            Format::Csv => csv::read(&snapshot.bytes, settings.delimiter, wanted)
                .map_err(|reason| no_table(settings, &reason))?,
            Format::Jsonl => json_lines::read(&snapshot.bytes, wanted),
        };
        Ok(Self::of_table(snapshot.digest.clone(), table, settings))
    }

    fn of_table(digest: String, table: Table, settings: &Settings) -> Self {
        let mut bad = table.bad;
        let mut rows: Vec<Row> = Vec::with_capacity(table.rows.len());
        for raw in table.rows {
            match Row::read(raw, settings) {
                Ok(row) => rows.push(row),
                Err(row) => bad.push(row),
            }
        }
        let rows = unique(rows, &mut bad);
        bad.sort_by_key(|row| row.line);
        let has_consent_column = table.columns.contains(&Column::Consent);
        let like_consent = (!has_consent_column)
            .then(|| table.unknown.iter().find(|heading| meant(heading) == Some(Column::Consent)).cloned())
            .flatten();
        let index = |key: fn(&Row) -> &String| {
            rows.iter().enumerate().map(|(at, row)| (key(row).clone(), at)).collect::<HashMap<_, _>>()
        };
        Self {
            digest,
            file_name: settings.file_name(),
            by_id: index(|row| &row.id),
            by_session: index(|row| &row.session_identifier),
            rows,
            bad,
            columns: table.columns,
            unknown: table.unknown,
            has_consent_column,
            like_consent,
        }
    }

    /// The row of this id.
    pub fn by_id(&self, id: &str) -> Option<&Row> {
        self.by_id.get(id).and_then(|at| self.rows.get(*at))
    }

    /// The row of this session identifier.
    pub fn by_session(&self, identifier: &str) -> Option<&Row> {
        self.by_session.get(identifier).and_then(|at| self.rows.get(*at))
    }

    /// Where a row stands: `usage.csv line 17`.
    pub fn place(&self, line: u64) -> String {
        format!("{} line {line}", self.file_name)
    }
}

/// Leaves out repeated rows; rows that share an id or a session identifier but not their content are
/// all bad, since nothing tells which of them is true.
fn unique(rows: Vec<Row>, bad: &mut Vec<BadRow>) -> Vec<Row> {
    let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
    let mut first_of_id: HashMap<String, usize> = HashMap::new();
    let mut first_of_session: HashMap<String, usize> = HashMap::new();
    // For each kept row the line it disagrees with, and over what.
    let mut clash: HashMap<usize, (u64, Column)> = HashMap::new();
    // A bad row with the same id is a version of the row too.
    let mut bad_ids: HashMap<String, u64> = HashMap::new();
    for row in bad.iter() {
        if let Some(id) = &row.id {
            bad_ids.entry(id.clone()).or_insert(row.line);
        }
    }
    for row in rows {
        let other = match (first_of_id.get(&row.id), first_of_session.get(&row.session_identifier)) {
            (Some(other), _) if kept.get(*other).is_some_and(|other| other.cells == row.cells) => continue,
            (Some(other), _) => Some((*other, Column::Id)),
            (None, Some(other)) => Some((*other, Column::Session)),
            (None, None) => None,
        };
        let at = kept.len();
        if let Some((other, column)) = other {
            clash.insert(at, (kept.get(other).map_or(0, |row| row.line), column));
            clash.entry(other).or_insert((row.line, column));
        } else if let Some(line) = bad_ids.get(&row.id) {
            clash.insert(at, (*line, Column::Id));
        }
        first_of_id.entry(row.id.clone()).or_insert(at);
        first_of_session.entry(row.session_identifier.clone()).or_insert(at);
        kept.push(row);
    }
    let mut good = Vec::with_capacity(kept.len());
    for (at, row) in kept.into_iter().enumerate() {
        match clash.get(&at) {
            None => good.push(row),
            Some((line, column)) => {
                let what = if *column == Column::Id { &row.id } else { &row.session_identifier };
                let reason =
                    format!("`{}` `{what}` also stands on line {line} with other content", column.name());
                let mut row_bad = BadRow::of_cells(row.line, &row.cells, reason);
                row_bad.session = Some(row.session_identifier);
                bad.push(row_bad);
            }
        }
    }
    good
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
        let settings = Settings::read(&json!({"path": "/logs/usage.csv"})).unwrap();
        let snapshot = Snapshot { bytes: text.as_bytes().to_vec(), digest: "d".into() };
        Book::read(&snapshot, &settings).unwrap()
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
