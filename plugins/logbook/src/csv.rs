//! CSV as spreadsheets and people write it.
//!
//! Split here and not by a general reader because a usage log must survive its own mistakes: a
//! quotation mark that is never closed, or text behind a closed one, costs the line it stands on. A
//! reader that goes on to the end of the file would make every later row vanish, and vanished rows
//! look like sessions that never took place.

use std::collections::HashSet;
use std::ops::Range;

use crate::column::{Column, REQUIRED, meant};
use crate::row::{BadRow, Cell, Cells, Place, RawRow};

/// A quoted cell this long is a mark that was never closed.
const LONGEST_QUOTED: usize = 64 * 1024;

/// The rows of interest.
#[derive(Debug)]
pub enum Wanted<'a> {
    /// All of them.
    All,
    /// Those with these ids: in a large log they are few.
    Ids(&'a HashSet<&'a str>),
}

impl Wanted<'_> {
    /// Whether the row with these cells is one of them.
    pub fn names(&self, cells: &Cells) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => cells.get(Column::Id).and_then(Cell::text).is_some_and(|id| ids.contains(id)),
        }
    }
}

/// What a log says beside its rows.
#[derive(Debug, Default)]
pub struct Table {
    /// What could not be split.
    pub bad: Vec<BadRow>,
    /// Known columns that the log has.
    pub columns: Vec<Column>,
    /// Headings that are no column.
    pub unknown: Vec<String>,
    /// How the rows of a CSV log are split.
    pub layout: Layout,
}

/// How the rows of a CSV log are split.
#[derive(Debug, Default)]
pub struct Layout {
    delimiter: u8,
    columns: Vec<Option<Column>>,
}

impl Layout {
    /// The cells of a row that was read before.
    pub fn cells(&self, row: &[u8]) -> Result<Cells, String> {
        let line = Lines { bytes: row, at: 0, line: 1, delimiter: self.delimiter };
        line.cells().and_then(|(cells, ..)| by_column(&self.columns, cells))
    }
}

/// The file as a whole cannot be read as a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTable {
    /// Nothing in it, or comments only; perhaps it is being written at this moment.
    #[error("holds no header row")]
    Empty,
    /// Not UTF-8 where it matters for every row.
    #[error("is not UTF-8 text: save it as `CSV UTF-8`")]
    Encoding,
    /// The header row cannot be split.
    #[error("has a header row that {0}")]
    Header(String),
    /// A heading that stands twice.
    #[error("has two columns `{0}`")]
    Twice(&'static str),
    /// Columns without which no row can be read.
    #[error("has no column {0}")]
    Missing(String),
}

/// Splits a CSV log into rows; without a `delimiter` the header tells. Of the rows those that `wanted`
/// names are given to `take`, one by one: the cells of all of them would be several times the log.
pub fn read(
    bytes: &[u8],
    delimiter: Option<u8>,
    wanted: &Wanted<'_>,
    take: &mut dyn FnMut(RawRow),
) -> Result<Table, NoTable> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(NoTable::Encoding);
    }
    let mut lines = Lines { bytes, at: 0, line: 1, delimiter: b',' };
    if bytes.starts_with(b"\xef\xbb\xbf") {
        lines.at = 3;
    }
    lines.skip_to_header(delimiter);
    let header = match lines.next() {
        None => return Err(NoTable::Empty),
        Some((_, _, Ok(cells))) => cells,
        Some((_, _, Err(reason))) => return Err(NoTable::Header(reason)),
    };
    let mut table = Table::default();
    let mut columns = Vec::new();
    for cell in header {
        let heading = String::from_utf8(cell).map_err(|_| NoTable::Encoding)?.trim().to_owned();
        let column = Column::of_heading(&heading);
        if let Some(column) = column {
            if table.columns.contains(&column) {
                return Err(NoTable::Twice(column.name()));
            }
            table.columns.push(column);
        } else if !heading.is_empty() {
            table.unknown.push(heading);
        }
        columns.push(column);
    }
    if REQUIRED.iter().any(|column| !table.columns.contains(column)) {
        return Err(NoTable::Missing(missing(&table.columns, &table.unknown)));
    }
    let delimiter = lines.delimiter;
    for (line, bytes, cells) in lines {
        match cells.and_then(|cells| by_column(&columns, cells)) {
            Ok(cells) if wanted.names(&cells) => take(RawRow { line, place: Place::new(&bytes), cells }),
            Ok(_) => {}
            Err(reason) => table.bad.push(BadRow::opaque(line, reason)),
        }
    }
    table.layout = Layout { delimiter, columns };
    Ok(table)
}

/// Names the missing columns, each with the heading that was perhaps meant.
pub fn missing(columns: &[Column], unknown: &[String]) -> String {
    let named = REQUIRED.iter().filter(|column| !columns.contains(column)).map(|column| {
        match unknown.iter().find(|heading| meant(heading) == Some(*column)) {
            Some(heading) => format!("`{}` (is it `{heading}`?)", column.name()),
            None => format!("`{}`", column.name()),
        }
    });
    named.collect::<Vec<_>>().join(", ")
}

fn by_column(columns: &[Option<Column>], cells: Vec<Vec<u8>>) -> Result<Cells, String> {
    let count = cells.len();
    let mut found = Vec::new();
    for (at, cell) in cells.into_iter().enumerate() {
        let text = String::from_utf8(cell).map_err(|_| "is not UTF-8 text: save the log as `CSV UTF-8`")?;
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        match columns.get(at) {
            Some(Some(column)) => {
                found.push((*column, Cell::Text(text.to_owned())));
            }
            Some(None) => {}
            // Cells behind the last heading move nothing only if they are blank.
            None => {
                return Err(format!(
                    "has {count} cells, the header has {}: put quotation marks around text that holds the \
                     delimiter",
                    columns.len()
                ));
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// The rows of the file: the line each begins on, its bytes, and its cells or why it has none. Blank rows and
/// comments are left out.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    delimiter: u8,
}

impl Lines<'_> {
    /// Finds the delimiter, and skips what stands before the header.
    fn skip_to_header(&mut self, delimiter: Option<u8>) {
        loop {
            let line = self.rest_of_line();
            if self.at >= self.bytes.len() {
                return;
            }
            if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', told] = line {
                // Some spreadsheets write `sep=;` as their first line.
                let told = *told;
                self.next_line();
                self.delimiter = delimiter.unwrap_or(told);
                return;
            }
            if line.first() != Some(&b'#') && !line.trim_ascii().is_empty() {
                let count = |delimiter: u8| line.split(|byte| *byte == delimiter).count();
                // The last of equals wins, so the comma stands last.
                let seen = [b'|', b'\t', b';', b','].into_iter().max_by_key(|d| count(*d));
                self.delimiter = delimiter.or(seen).unwrap_or(b',');
                return;
            }
            self.next_line();
        }
    }

    fn rest_of_line(&self) -> &[u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Goes to the beginning of the next line of the file.
    fn next_line(&mut self) {
        self.at += self.rest_of_line().len();
        self.at += line_break(self.bytes, self.at);
        self.line += 1;
    }

    /// The cells of the row that begins here, where it ends, and how many line breaks it holds.
    fn cells(&self) -> Result<(Vec<Vec<u8>>, usize, u64), String> {
        let (mut at, mut breaks) = (self.at, 0);
        let mut cells = Vec::new();
        loop {
            let (cell, end) = if self.bytes.get(at) == Some(&b'"') {
                self.quoted(at + 1, &mut breaks)?
            } else {
                let rest = self.bytes.get(at..).unwrap_or_default();
                let length = rest
                    .iter()
                    .position(|byte| *byte == self.delimiter || matches!(byte, b'\n' | b'\r'))
                    .unwrap_or(rest.len());
                (rest.get(..length).unwrap_or_default().to_vec(), at + length)
            };
            cells.push(cell);
            match self.bytes.get(end) {
                Some(byte) if *byte == self.delimiter => at = end + 1,
                None | Some(b'\n' | b'\r') => return Ok((cells, end, breaks)),
                Some(_) => return Err("has text behind a closing quotation mark".to_owned()),
            }
        }
    }

    /// A quoted cell whose mark stands before `from`: its text, and where it ends.
    fn quoted(&self, from: usize, breaks: &mut u64) -> Result<(Vec<u8>, usize), String> {
        let mut cell = Vec::new();
        let mut at = from;
        while let Some(byte) = self.bytes.get(at).filter(|_| at - from <= LONGEST_QUOTED) {
            if *byte == b'"' {
                if self.bytes.get(at + 1) != Some(&b'"') {
                    return Ok((cell, at + 1));
                }
                at += 1;
            }
            let length = line_break(self.bytes, at);
            if length > 0 {
                *breaks += 1;
                cell.push(b'\n');
                at += length;
            } else {
                cell.push(*byte);
                at += 1;
            }
        }
        Err("opens a quotation mark that is never closed".to_owned())
    }
}

/// Length of the line break that stands here: `\n`, `\r\n` or `\r`.
fn line_break(bytes: &[u8], at: usize) -> usize {
    match (bytes.get(at), bytes.get(at + 1)) {
        (Some(b'\r'), Some(b'\n')) => 2,
        (Some(b'\r' | b'\n'), _) => 1,
        _ => 0,
    }
}

impl Iterator for Lines<'_> {
    type Item = (u64, Range<usize>, Result<Vec<Vec<u8>>, String>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.bytes.len() {
            let line = self.line;
            if self.bytes.get(self.at) == Some(&b'#') {
                self.next_line();
                continue;
            }
            match self.cells() {
                Ok((cells, end, breaks)) => {
                    let bytes = self.at..end;
                    self.at = end + line_break(self.bytes, end);
                    self.line += breaks + 1;
                    if cells.iter().any(|cell| !cell.trim_ascii().is_empty()) {
                        return Some((line, bytes, Ok(cells)));
                    }
                }
                Err(reason) => {
                    let begin = self.at;
                    self.next_line();
                    return Some((line, begin..self.at, Err(reason)));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
        let lines = Lines { bytes: text.as_bytes(), at: 0, line: 1, delimiter: b',' };
        lines
            .map(|(line, _, cells)| {
                let cells = match cells {
                    Ok(cells) => cells.into_iter().map(|cell| String::from_utf8(cell).unwrap()).collect(),
                    Err(reason) => vec![format!("!{reason}")],
                };
                (line, cells)
            })
            .collect()
    }

    #[test]
    fn quotes_breaks_comments_and_blank_rows() {
        let text = "# head\r\na,\"b \"\"q\"\"\",c\r\n\r\n,,\r\n\"two\r\nlines\",x,\ry,z,\"\"";
        assert_eq!(
            rows(text),
            [
                (2, vec!["a".into(), "b \"q\"".into(), "c".into()]),
                (5, vec!["two\nlines".into(), "x".into(), String::new()]),
                (7, vec!["y".into(), "z".into(), String::new()]),
            ]
        );
    }

    #[test]
    fn a_stray_quote_costs_its_own_line_only() {
        let found = rows("a,\"open\nb,1\nc,\"x\" y\nd,2\n");
        assert_eq!(found[0].1[0], "!has text behind a closing quotation mark");
        assert_eq!(found[1], (2, vec!["b".into(), "1".into()]));
        assert!(found[2].1[0].starts_with('!'));
        assert_eq!(found[3], (4, vec!["d".into(), "2".into()]));
        assert_eq!(rows("a,\"open\nb,1\n")[1], (2, vec!["b".into(), "1".into()]));
    }

    fn all(bytes: &[u8], delimiter: Option<u8>) -> Result<(Table, Vec<RawRow>), NoTable> {
        let mut rows = Vec::new();
        let table = read(bytes, delimiter, &Wanted::All, &mut |row| rows.push(row))?;
        for row in &rows {
            assert_eq!(table.layout.cells(&bytes[row.place.range()]).as_ref(), Ok(&row.cells), "read again");
        }
        Ok((table, rows))
    }

    fn header_error(text: &[u8]) -> String {
        all(text, None).unwrap_err().to_string()
    }

    #[test]
    fn headers_that_cannot_serve_say_why() {
        assert_eq!(header_error(b""), "holds no header row");
        assert_eq!(header_error(b"# only a comment\n"), "holds no header row");
        assert_eq!(
            header_error(b"id,intsrument,begin,end\n"),
            "has no column `instrument` (is it `intsrument`?), `start`"
        );
        assert_eq!(header_error(b"id,instrument,start,end,ID\n"), "has two columns `id`");
        assert!(header_error(b"\"id\"x,instrument\n").contains("header row that has text behind"));
        assert!(header_error(b"\xff\xfei\0d\0").contains("UTF-8"));
        assert!(header_error(b"id,instrument,start,end,b\xe4r\n").contains("UTF-8"));
    }

    #[test]
    fn delimiters_are_seen_told_or_set() {
        for (text, set) in [
            ("id;instrument;start;end\n1;T;2024-03-05 09:10;\n", None),
            ("\u{feff}id\tinstrument\tstart\tend\n1\tT\t2024-03-05 09:10\t\n", None),
            ("sep=|\nid|instrument|start|end\n1|T|2024-03-05 09:10|\n", None),
            ("id;instrument;start;end,with,many,commas,in,it\n1;T;2024-03-05 09:10;\n", Some(b';')),
        ] {
            let read = all(text.as_bytes(), set);
            match set {
                None => assert_eq!(read.unwrap().1[0].cells.iter().count(), 3, "{text}"),
                Some(_) => assert!(read.unwrap_err().to_string().contains("`end`")),
            }
        }
    }

    #[test]
    fn a_row_is_the_same_when_it_is_read_again() {
        let text = "id;instrument;start;end;title\n1;\"T;\n2\";s;e;\"a \"\"b\"\"\"\r\n2;T;s;;last";
        assert_eq!(all(text.as_bytes(), None).unwrap().1.len(), 2);
    }

    #[test]
    fn rows_of_another_width_and_other_encodings() {
        let (table, rows) =
            all(b"id,instrument,start,end,\n1,T,s,,,,\n2,T,s,e,,more\n3,T\n4,G\xe4rtner,s,e\n", None)
                .unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4]);
        assert_eq!(table.bad.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5]);
        assert!(table.bad[0].reason.contains("6 cells"));
        assert!(table.bad[1].reason.contains("UTF-8"));
    }
}
