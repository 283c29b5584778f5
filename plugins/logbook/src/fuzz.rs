//! Whatever a log may hold, read as a harvest reads it: for a fuzzer, and for the tests that do the same on every build.
//!
//! Nothing may panic, and no row may vanish: each is understood, bad, or blank.

use std::path::Path;

use serde_json::json;

use crate::csv::{self, Table, Wanted};
use crate::json_lines;
use crate::row::{Cells, RawRow, Row, id_in};
use crate::settings::Settings;
use crate::time::instant;

/// Reads the bytes as CSV, by every delimiter, and as JSON lines; tells how many rows were understood.
///
/// # Errors
/// A row is another one when it is read again, lies outside the log, or its session does not lead back to it.
pub fn log(bytes: &[u8]) -> Result<usize, String> {
    let settings = Settings::read(&json!({"path": Path::new("/nowhere/usage.csv")}))
        .map_err(|error| error.to_string())?;
    let mut understood = 0;
    for delimiter in [None, Some(b';'), Some(b'\t')] {
        let mut rows = Vec::new();
        let Ok(table) = csv::read(bytes, delimiter, &Wanted::All, &mut |row| rows.push(row)) else {
            continue;
        };
        understood += judged(bytes, rows, &table, &settings, |bytes| table.layout.cells(bytes).ok())?;
    }
    let mut rows = Vec::new();
    let table = json_lines::read(bytes, &Wanted::All, &mut |row| rows.push(row));
    understood += judged(bytes, rows, &table, &settings, |bytes| json_lines::cells(bytes).ok())?;
    Ok(understood)
}

fn judged(
    bytes: &[u8],
    rows: Vec<RawRow>,
    table: &Table,
    settings: &Settings,
    again: impl Fn(&[u8]) -> Option<Cells>,
) -> Result<usize, String> {
    let lines = 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64;
    let far = |line: u64| line == 0 || line > lines;
    if let Some(bad) = table.bad.iter().find(|bad| far(bad.line)) {
        return Err(format!("of {lines} lines: {bad:?}"));
    }
    let mut understood = 0;
    let mut end = 0;
    for raw in rows {
        let range = raw.place.range();
        let Some(own) = bytes.get(range.clone()).filter(|_| range.start >= end && !far(raw.line)) else {
            return Err(format!("of {} bytes and {lines} lines: {raw:?}", bytes.len()));
        };
        if again(own).as_ref() != Some(&raw.cells) {
            return Err(format!("another row when it is read again: {raw:?}"));
        }
        end = range.end;
        if let Ok(row) = Row::read(raw, settings) {
            let zone = chrono_tz::America::Denver;
            let _ = row.end.map(|end| (instant(row.start, zone), instant(end, zone)));
            if !row.names_session()
                && id_in(&settings.name, &row.session_identifier).as_ref() != Some(&row.id)
            {
                return Err(format!("the session leads to another row: {row:?}"));
            }
            understood += 1;
        }
    }
    Ok(understood)
}
