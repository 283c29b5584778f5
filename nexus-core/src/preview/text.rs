//! The first lines of a text as a page.

use std::io::{Read, Result};

use png::{BitDepth, ColorType};

use super::{EDGE, encode, font};

/// So much of a file is read: more than a page holds even if every character has four bytes.
const READ: usize = 16 * 1024;

/// Bytes of one row of pixels, eight to a byte.
const STRIDE: usize = (EDGE as usize).div_ceil(8);

/// Pixels above the first line; beside a line it is one character.
const MARGIN: usize = 10;

/// Lines of a page, and characters of a line.
const LINES: usize = (EDGE as usize - 2 * MARGIN) / 16;
const COLUMNS: usize = (EDGE as usize - 16) / 8;

/// A tab leads to the next multiple of so many columns.
const TAB: usize = 4;

/// Draws the beginning of a text: always a page of [`EDGE`] × [`EDGE`] pixels, black on white.
pub(crate) fn draw(file: impl Read) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(READ);
    file.take(READ as u64).read_to_end(&mut bytes)?;
    let text = decode(&bytes, bytes.len() == READ);
    let mut pixels = vec![0xff_u8; STRIDE * EDGE as usize];
    for (number, line) in page(&text).iter().enumerate() {
        let rows = pixels.chunks_exact_mut(STRIDE).skip(MARGIN + 16 * number).take(16);
        for (depth, row) in rows.enumerate() {
            // A byte of a row is one character: the margin is the first.
            for (cell, character) in row.iter_mut().skip(1).zip(line) {
                let ink = font::glyph(*character).get(depth).copied().unwrap_or_default();
                *cell = !ink;
            }
        }
    }
    encode::png(EDGE, EDGE, ColorType::Grayscale, BitDepth::One, &pixels)
}

/// The text of bytes in an unknown encoding: what the byte order mark says, else UTF-8, else Windows-1252,
/// in which every byte means something. `cut`: the last character may be incomplete.
fn decode(bytes: &[u8], cut: bool) -> String {
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).filter_map(|pair| Some(read(*pair.first_chunk()?)));
        char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(error) if cut && error.error_len().is_none() => {
            String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or(bytes)).into_owned()
        }
        Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
    }
}

/// Windows-1252 is Latin-1 with letters where that has control characters.
fn windows_1252(byte: u8) -> char {
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let upper = byte.checked_sub(0x80).and_then(|index| UPPER.get(usize::from(index)));
    upper.copied().unwrap_or_else(|| char::from(byte))
}

/// The lines of the page. A text that has more lines than the page is taken for a table: its lines are cut,
/// so that the columns stay in place. A shorter one is a note, and its lines are wrapped.
fn page(text: &str) -> Vec<Vec<char>> {
    let normal = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = normal.split('\n').take(LINES + 2).collect();
    if lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    let table = lines.len() > LINES;
    let mut page = Vec::with_capacity(LINES);
    for line in lines {
        if page.len() >= LINES {
            break;
        }
        // A wrapped line never needs more than a page.
        let columns = if table { COLUMNS } else { COLUMNS * (LINES - page.len()) };
        wrap(&expand(line, columns), &mut page);
    }
    page.truncate(LINES);
    page
}

/// The characters of a line that take a column each; tabs become blanks.
fn expand(line: &str, columns: usize) -> Vec<char> {
    let mut cells = Vec::with_capacity(COLUMNS);
    for character in line.chars() {
        if cells.len() >= columns {
            break;
        }
        match character {
            '\t' => cells.resize(cells.len() - cells.len() % TAB + TAB, ' '),
            // Marks that have no width of their own.
            '\u{feff}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{300}'..='\u{36f}' => {}
            other => cells.push(other),
        }
    }
    cells.truncate(columns);
    cells
}

/// Adds a line as the lines of the page it takes, broken at a blank if there is one.
fn wrap(mut line: &[char], page: &mut Vec<Vec<char>>) {
    while let Some((head, rest)) = line.split_at_checked(COLUMNS).filter(|(_, rest)| !rest.is_empty()) {
        let blank = if rest.first() == Some(&' ') { None } else { head.iter().rposition(|c| *c == ' ') };
        let broken = blank.filter(|at| *at > 0).and_then(|at| line.split_at_checked(at + 1));
        let (words, rest) = broken.unwrap_or((head, rest.strip_prefix(&[' ']).unwrap_or(rest)));
        page.push(words.to_vec());
        line = rest;
    }
    page.push(line.to_vec());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        page(text).into_iter().map(|line| line.into_iter().collect()).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        for (bytes, text) in [
            (b"5 \xc2\xb5m".as_slice(), "5 µm"),
            (b"\xef\xbb\xbfa", "a"),
            (b"5 \xb5m \x80", "5 µm €"),
            (b"\xff\xfe5\0\xb5\0", "5µ"),
            (b"\xfe\xff\x005\x00\xb5", "5µ"),
            (b"\xff\xfea\0b", "a"),
            (b"\xff\xfe\x00\xd8a\0", "\u{fffd}a"),
            (b"", ""),
        ] {
            assert_eq!(decode(bytes, false), text, "{bytes:?}");
        }
        assert_eq!(decode(b"ab\xc3", true), "ab");
        assert_eq!(decode(b"ab\xc3", false), "abÃ");
        assert_eq!(decode(b"a\xffb\xc3", true), "aÿbÃ");
    }

    #[test]
    fn line_ends_and_tabs_are_understood() {
        assert_eq!(shown("a\tb\r\nc\rd\n\n\te\n"), ["a   b", "c", "d", "", "    e"]);
        assert_eq!(shown("abcd\te"), ["abcd    e"]);
        assert!(shown("").is_empty());
        assert_eq!(shown("e\u{301}\u{feff}"), ["e"]);
    }

    #[test]
    fn a_note_is_wrapped_and_a_table_is_cut() {
        let words = "word ".repeat(20);
        let lines = shown(&words);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines.concat().trim_end(), words.trim_end());
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS));
        assert_eq!(shown(&"x".repeat(COLUMNS + 1)), ["x".repeat(COLUMNS), "x".to_owned()]);
        assert_eq!(shown(&"x".repeat(COLUMNS)), ["x".repeat(COLUMNS)]);
        let table = format!("{}\n", "1;".repeat(200)).repeat(LINES + 1);
        let lines = shown(&table);
        assert_eq!(lines.len(), LINES);
        assert!(lines.iter().all(|line| *line == "1;".repeat(COLUMNS / 2)));
        assert_eq!(shown(&"y".repeat(100_000)).len(), LINES);
    }
}
