//! The text of a configuration file, and how a place in it is shown to a person.

use std::ops::Range;
use std::path::PathBuf;

use super::pieces::{self, Piece};
use super::problem::{Place, Problem};
use crate::secret::MASK;

/// A longer line is shown in part.
const WIDEST_LINE: usize = 160;

/// A configuration file: its name, its text, and the folder that relative paths start at.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
    pub base: PathBuf,
    pieces: Vec<Piece>,
}

impl Source {
    pub fn new(name: String, text: String, base: PathBuf) -> Self {
        let pieces = pieces::scan(&text);
        Self { name, text, base, pieces }
    }

    /// Line and column (in characters) of a byte, both counted from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..self.boundary(offset)).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column =
            before.get(line_start..).unwrap_or_default().chars().filter(|c| *c != '\u{feff}').count();
        (before.matches('\n').count() + 1, column + 1)
    }

    /// What is wrong at this place.
    pub fn problem(&self, span: &Range<usize>, message: impl Into<String>) -> Problem {
        self.problem_showing(span, message, &|_| false)
    }

    /// The same; the values of the keys that `also` names are known to be no secrets and may be shown.
    pub fn problem_showing(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        also: &dyn Fn(&str) -> bool,
    ) -> Problem {
        let (line, column) = self.position(span.start);
        let place = Place { line, column, excerpt: self.excerpt(span, also) };
        Problem::new(&self.name, Some(place), message)
    }

    /// What is wrong with the file as a whole.
    pub fn problem_anywhere(&self, message: impl Into<String>) -> Problem {
        Problem::new(&self.name, None, message)
    }

    /// The line a span begins in, and a row of carets under the span. Values that might be secrets and
    /// comments are hidden.
    fn excerpt(&self, span: &Range<usize>, also: &dyn Fn(&str) -> bool) -> String {
        let start = self.boundary(span.start);
        let line_start = self.text.get(..start).and_then(|t| t.rfind('\n')).map_or(0, |at| at + 1);
        let line_end = self
            .text
            .get(line_start..)
            .and_then(|t| t.find('\n'))
            .map_or(self.text.len(), |n| line_start + n);
        let end = self.boundary(span.end).clamp(start, line_end.max(start));

        let mut shown = String::new();
        let (mut caret_from, mut caret_to) = (None, None);
        let mut at = line_start;
        let mark = |shown: &str| shown.chars().count();
        while at < line_end {
            if caret_from.is_none() && at >= start {
                caret_from = Some(mark(&shown));
            }
            if caret_to.is_none() && at >= end {
                caret_to = Some(mark(&shown));
            }
            let piece = self.pieces.iter().find(|piece| piece.span.contains(&at) && piece.is_hidden(also));
            if let Some(piece) = piece {
                if piece.is_comment() {
                    break;
                }
                // A span that begins inside a hidden value points at the whole of it.
                if piece.span.contains(&start) {
                    caret_from = caret_from.or(Some(mark(&shown)));
                }
                shown.push_str(MASK);
                at = piece.span.end.max(at + 1);
            } else {
                let Some(letter) = self.text.get(at..).and_then(|rest| rest.chars().next()) else { break };
                match letter {
                    '\r' | '\u{feff}' => {}
                    letter if letter.is_control() => shown.push(' '),
                    letter => shown.push(letter),
                }
                at += letter.len_utf8();
            }
        }
        let shown = shown.trim_end();
        let caret_from = caret_from.unwrap_or_else(|| mark(shown));
        let caret_to = caret_to.unwrap_or_else(|| mark(shown)).max(caret_from + 1);
        draw(self.position(start).0, shown, caret_from..caret_to)
    }

    /// The character boundary at or before a byte.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn draw(line: usize, shown: &str, caret: Range<usize>) -> String {
    let skip = caret.start.saturating_sub(WIDEST_LINE / 2);
    let mut text: String = shown.chars().skip(skip).take(WIDEST_LINE).collect();
    if skip + WIDEST_LINE < shown.chars().count() {
        text.push('…');
    }
    let number = line.to_string();
    let gutter = " ".repeat(number.len());
    let space = " ".repeat(caret.start - skip);
    let carets = "^".repeat(caret.len().min(WIDEST_LINE.saturating_sub(caret.start - skip)).max(1));
    format!("{gutter} |\n{number} | {text}\n{gutter} | {space}{carets}")
}
