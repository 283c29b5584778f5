//! A log of JSON lines: one object a line, its keys the columns.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::column::Column;
use crate::csv::{Table, Wanted};
use crate::row::{BadRow, Cell, Cells, Place, RawRow};

/// Reads the objects; a line that is none is bad by itself. Of the rows those that `wanted` names are given
/// to `take`.
pub fn read(bytes: &[u8], wanted: &Wanted<'_>, take: &mut dyn FnMut(RawRow)) -> Table {
    let mut table = Table::default();
    let mut met = HashSet::new();
    let mut next = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let text = bytes.get(next..).unwrap_or_default();
    for (line, text) in (1_u64..).zip(text.split(|byte| *byte == b'\n')) {
        let place = Place::new(&(next..next + text.len()));
        next += text.len() + 1;
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        match object(text, &mut table, &mut met) {
            Ok(cells) if !cells.is_empty() && wanted.names(&cells) => take(RawRow { line, place, cells }),
            Ok(_) => {}
            Err(reason) => table.bad.push(BadRow::opaque(line, reason)),
        }
    }
    table
}

/// The cells of a row that was read before.
pub fn cells(row: &[u8]) -> Result<Cells, String> {
    object(row.trim_ascii(), &mut Table::default(), &mut HashSet::new())
}

/// `met`: the unknown keys of the table, of which a log that is none may have as many as it likes.
fn object(text: &[u8], table: &mut Table, met: &mut HashSet<String>) -> Result<Cells, String> {
    let text = std::str::from_utf8(text).map_err(|_| "is not UTF-8 text")?;
    let Pairs(pairs) = serde_json::from_str(text)
        .map_err(|error| format!("is not one JSON object such as {{\"id\": \"17\", …}}: {error}"))?;
    let mut cells = Vec::new();
    let mut seen = Vec::new();
    for (key, value) in pairs {
        let Some(column) = Column::of_heading(&key) else {
            if met.insert(key.clone()) {
                table.unknown.push(key);
            }
            continue;
        };
        // Of two answers neither can be trusted.
        if seen.contains(&column) {
            return Err(format!("has `{}` twice", column.name()));
        }
        seen.push(column);
        if !table.columns.contains(&column) {
            table.columns.push(column);
        }
        if let Some(cell) = cell(value).map_err(|what| format!("`{}` is {what}", column.name()))? {
            cells.push((column, cell));
        }
    }
    Ok(cells.into_iter().collect())
}

fn cell(value: Value) -> Result<Option<Cell>, &'static str> {
    match value {
        Value::Array(items) => {
            let items = items.into_iter().map(|item| Ok(scalar(item)?.unwrap_or_default()));
            let items: Vec<String> = items.collect::<Result<_, &'static str>>()?;
            Ok((!items.is_empty()).then_some(Cell::List(items)))
        }
        value => Ok(scalar(value)?.map(Cell::Text)),
    }
}

fn scalar(value: Value) -> Result<Option<String>, &'static str> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => text,
        Value::Array(_) => return Err("a list of lists"),
        Value::Object(_) => return Err("an object; it takes text"),
    };
    let text = text.trim();
    Ok((!text.is_empty()).then(|| text.to_owned()))
}

/// An object's entries, doubles included.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> (Table, Vec<RawRow>) {
        let mut rows = Vec::new();
        let table = read(bytes, &Wanted::All, &mut |row| rows.push(row));
        for row in &rows {
            assert_eq!(cells(&bytes[row.place.range()]).as_ref(), Ok(&row.cells), "read again");
        }
        (table, rows)
    }

    #[test]
    fn objects_become_rows() {
        let (table, rows) = all(b"\xef\xbb\xbf{\"id\": 7, \"Consent\": true, \"title\": \"  \", \"sample\": [\"a\", 2], \"note\": {}}\r\n\n# x\n{}\n");
        assert_eq!(rows.len(), 1);
        let cells = &rows[0].cells;
        assert_eq!(cells.get(Column::Id), Some(&Cell::Text("7".into())));
        assert_eq!(cells.get(Column::Consent), Some(&Cell::Text("true".into())));
        assert_eq!(cells.get(Column::Sample), Some(&Cell::List(vec!["a".into(), "2".into()])));
        assert!(cells.get(Column::Title).is_none());
        assert_eq!(table.unknown, ["note"]);
    }

    #[test]
    fn lines_that_are_no_object_are_bad_by_line() {
        let (table, rows) = all(b"[1]\n{\"id\": \nnull\n{\"id\": \"\xff\"}\n{\"id\": {}}\n{\"id\": 1}\n");
        assert_eq!(table.bad.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(rows[0].line, 6);
    }

    #[test]
    fn an_answer_given_twice_is_none() {
        let (table, _) = all(b"{\"id\": 1, \"consent\": \"no\", \"Consent\": \"yes\"}\n");
        assert!(table.bad[0].reason.contains("`consent` twice"));
    }
}
