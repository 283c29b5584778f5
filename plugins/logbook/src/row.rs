//! One row: cells by column, then a usage event.

use std::ops::Range;

use nexus_plugin_api::EventTime;

use crate::column::Column;
use crate::settings::Settings;
use crate::time;

/// What stands in one cell, trimmed and never blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Text, a number or a truth value.
    Text(String),
    /// A JSON list of them.
    List(Vec<String>),
}

impl Cell {
    /// The text, unless it is a list.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) => None,
        }
    }
}

/// The cells that hold something. A list, not a map: a log has many rows, and each row few cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cells(Vec<(Column, Cell)>);

impl Cells {
    /// What stands in this column.
    pub fn get(&self, column: Column) -> Option<&Cell> {
        self.0.iter().find(|(of, _)| *of == column).map(|(_, cell)| cell)
    }

    /// All cells, in the order of the columns.
    pub fn iter(&self) -> impl Iterator<Item = &(Column, Cell)> {
        self.0.iter()
    }

    /// Whether nothing stands in the row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Column, Cell)> for Cells {
    /// Each column at most once.
    fn from_iter<I: IntoIterator<Item = (Column, Cell)>>(cells: I) -> Self {
        let mut cells: Vec<_> = cells.into_iter().collect();
        // Two rows are the same whatever the order of their keys.
        cells.sort_by_key(|(column, _)| *column);
        cells.shrink_to_fit();
        Self(cells)
    }
}

/// Which bytes of the log are a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its first byte. A log is far smaller than 4 GiB.
    pub at: u32,
    /// How many.
    pub length: u32,
}

impl Place {
    /// These bytes.
    pub fn new(bytes: &Range<usize>) -> Self {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Self { at: number(bytes.start), length: number(bytes.len()) }
    }

    /// Where they are in the bytes of the log.
    pub fn range(self) -> Range<usize> {
        let at = usize::try_from(self.at).unwrap_or(usize::MAX);
        at..at.saturating_add(usize::try_from(self.length).unwrap_or(usize::MAX))
    }
}

/// A row as it stands in the file.
#[derive(Debug)]
pub struct RawRow {
    /// Where it begins, from 1.
    pub line: u64,
    /// Its bytes.
    pub place: Place,
    /// Its cells.
    pub cells: Cells,
}

/// A row that cannot be read.
#[derive(Debug, Clone)]
pub struct BadRow {
    /// Where it begins, from 1.
    pub line: u64,
    /// Its id, if that much could be read.
    pub id: Option<String>,
    /// Its session identifier, if one is written there.
    pub session: Option<String>,
    /// Its instrument, if that much could be read.
    pub instrument: Option<String>,
    /// Why, and what it should look like.
    pub reason: String,
}

impl BadRow {
    /// A row of which nothing could be read.
    pub fn opaque(line: u64, reason: impl Into<String>) -> Self {
        Self { line, id: None, session: None, instrument: None, reason: reason.into() }
    }

    /// A row whose cells are known.
    pub fn of_cells(line: u64, cells: &Cells, reason: impl Into<String>) -> Self {
        let text = |column| cells.get(column).and_then(Cell::text).map(str::to_owned);
        Self {
            line,
            id: text(Column::Id),
            session: text(Column::Session),
            instrument: text(Column::Instrument),
            reason: reason.into(),
        }
    }
}

/// A row that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// Unique within the log.
    pub id: String,
    /// What goes into `session_log.session_identifier`.
    pub session_identifier: String,
    /// The instrument as the log calls it.
    pub instrument: String,
    /// When it began.
    pub start: EventTime,
    /// When it ended; `None` while in use.
    pub end: Option<EventTime>,
    /// Whether it did not take place after all.
    pub cancelled: bool,
    /// All cells.
    pub cells: Cells,
}

impl Row {
    /// Understands a row.
    pub fn read(raw: RawRow, settings: &Settings) -> Result<Self, BadRow> {
        match Self::understand(raw.line, &raw.cells, settings) {
            Ok(row) => Ok(Self { cells: raw.cells, ..row }),
            Err(reason) => Err(BadRow::of_cells(raw.line, &raw.cells, reason)),
        }
    }

    /// All but the cells themselves.
    fn understand(line: u64, cells: &Cells, settings: &Settings) -> Result<Self, String> {
        if let Some((column, _)) = cells.iter().find(|(column, cell)| {
            matches!(cell, Cell::List(_))
                && !matches!(
                    column,
                    Column::Sample | Column::SamplePid | Column::SampleDetails | Column::SampleElements
                )
        }) {
            return Err(format!("`{}` is a list; it takes one value", column.name()));
        }
        let id = name(cells, Column::Id)?.ok_or("`id` is blank")?;
        let instrument = name(cells, Column::Instrument)?.ok_or("`instrument` is blank")?;
        let session = name(cells, Column::Session)?;
        let start = time(cells, Column::Start)?.ok_or("`start` is blank")?;
        let end = time(cells, Column::End)?;
        if let Some(end) = end {
            in_order(start, end)?;
        }
        let cancelled = match text(cells, Column::Cancelled).map(str::to_lowercase).as_deref() {
            None | Some("no" | "n" | "false" | "0") => false,
            Some("yes" | "y" | "true" | "1" | "x" | "cancelled" | "canceled") => true,
            Some(other) => return Err(format!("`cancelled` is `{other}`; it takes yes or no")),
        };
        Ok(Self {
            line,
            session_identifier: session.map_or_else(|| identifier(&settings.name, id), str::to_owned),
            id: id.to_owned(),
            instrument: instrument.to_owned(),
            start,
            end,
            cancelled,
            cells: Cells::default(),
        })
    }

    /// What stands in this column.
    pub fn text(&self, column: Column) -> Option<&str> {
        text(&self.cells, column)
    }

    /// Whether its session identifier is written in the log, not made of its id.
    pub fn names_session(&self) -> bool {
        self.text(Column::Session).is_some()
    }
}

/// The session identifier of a row: never depends on where the file lies.
pub fn identifier(log: &str, id: &str) -> String {
    use std::fmt::Write as _;
    let mut text = format!("logbook:{log}/");
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/') {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The id of which [`identifier`] makes this session identifier, if there is one.
pub fn id_in(log: &str, session_identifier: &str) -> Option<String> {
    let encoded = session_identifier.strip_prefix("logbook:")?.strip_prefix(log)?.strip_prefix('/')?;
    let mut id = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || char::from(rest.next()?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        id.push(if byte == b'%' { digit()? << 4 | digit()? } else { byte });
    }
    String::from_utf8(id).ok().filter(|id| identifier(log, id) == session_identifier)
}

fn text(cells: &Cells, column: Column) -> Option<&str> {
    cells.get(column).and_then(Cell::text)
}

/// A text that names something: short, on one line.
fn name(cells: &Cells, column: Column) -> Result<Option<&str>, String> {
    const LONGEST: usize = 400;
    let Some(text) = text(cells, column) else { return Ok(None) };
    if text.len() > LONGEST {
        return Err(format!("`{}` is longer than {LONGEST} bytes", column.name()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("`{}` holds a line break or another control character", column.name()));
    }
    Ok(Some(text))
}

fn time(cells: &Cells, column: Column) -> Result<Option<EventTime>, String> {
    text(cells, column)
        .map(|text| {
            time::parse(text).ok_or_else(|| {
                format!("`{}` is `{text}`; it takes a time such as {}", column.name(), time::EXPECTED)
            })
        })
        .transpose()
}

/// Two times that can be compared without a zone are in order.
fn in_order(start: EventTime, end: EventTime) -> Result<(), String> {
    let late = match (start, end) {
        (EventTime::Offset(start), EventTime::Offset(end)) => end < start,
        (EventTime::Local(start), EventTime::Local(end)) => end < start,
        _ => false,
    };
    if late { Err(ends_before_start(start, end)) } else { Ok(()) }
}

/// The reason for a row that ends before it starts.
pub fn ends_before_start(start: EventTime, end: EventTime) -> String {
    let hint = if matches!(end, EventTime::Local(_)) {
        "; if the clocks were set back in between, write both times with their offset"
    } else {
        ""
    };
    format!("`end` ({end}) is before `start` ({start}){hint}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn identifiers_are_ascii_and_never_meet() {
        assert_eq!(identifier("em", "2024-17"), "logbook:em/2024-17");
        assert_eq!(identifier("em", "a b"), "logbook:em/a%20b");
        assert_eq!(identifier("em", "a%20b"), "logbook:em/a%2520b");
        assert_eq!(identifier("em", "Gerät"), "logbook:em/Ger%C3%A4t");
    }

    #[test]
    fn other_identifiers_are_made_of_no_id() {
        for identifier in ["logbook:em/", "logbook:em/a"] {
            assert!(id_in("em", identifier).is_some(), "{identifier}");
        }
        for other in [
            "",
            "logbook:em",
            "logbook:other/a",
            "logbook:em/a b",
            "logbook:em/%2",
            "logbook:em/%zz",
            "logbook:em/%41",
            "logbook:em/%ff",
        ] {
            assert_eq!(id_in("em", other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn an_identifier_tells_its_id(id in "\\PC{0,20}", any in "logbook:em/[a%0-9A-F]{0,8}") {
            prop_assert_eq!(id_in("em", &identifier("em", &id)), Some(id));
            if let Some(id) = id_in("em", &any) {
                prop_assert_eq!(identifier("em", &id), any);
            }
        }
    }
}
