//! Which parts of a TOML text are values, and of which key: so that an error message can show a line
//! without showing a secret in it. It reads broken files too, which is when it is needed.

use std::ops::Range;

use super::keys;

/// A part of the text that may have to be hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub span: Range<usize>,
    /// The key whose value this is; `None` for a comment.
    owner: Option<String>,
}

impl Piece {
    pub fn is_comment(&self) -> bool {
        self.owner.is_none()
    }

    /// Only values of keys that are known to hold no secret are shown. Comments are not: people keep
    /// old tokens in them.
    pub fn is_hidden(&self, also: &dyn Fn(&str) -> bool) -> bool {
        match &self.owner {
            None => true,
            Some(owner) => !(is_host_key(owner) || matches!(owner.as_str(), "env" | "file") || also(owner)),
        }
    }
}

fn is_host_key(name: &str) -> bool {
    keys::TABLES.iter().any(|table| table.key(name).is_some())
}

/// Finds them all, in order.
pub(super) fn scan(text: &str) -> Vec<Piece> {
    let mut scanner =
        Scanner { text, at: 0, open: Vec::new(), owner: String::new(), key_next: true, key: None };
    let mut pieces = Vec::new();
    while scanner.at < text.len() {
        let before = scanner.at;
        pieces.extend(scanner.step());
        // Whatever the text holds, the scan ends.
        scanner.at = scanner.at.max(before + 1);
    }
    pieces
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Brackets and braces that are open.
    open: Vec<u8>,
    /// The key whose value is being read.
    owner: String,
    /// Whether the next word is a key.
    key_next: bool,
    /// The key read last, until its equals sign.
    key: Option<String>,
}

impl Scanner<'_> {
    fn step(&mut self) -> Option<Piece> {
        let byte = *self.text.as_bytes().get(self.at)?;
        match byte {
            b'\n' => {
                if self.open.is_empty() {
                    self.key_next = true;
                    self.owner.clear();
                }
                self.at += 1;
            }
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'#' => {
                let start = self.at;
                self.at = self.line_end();
                return Some(Piece { span: start..self.at, owner: None });
            }
            b'=' => {
                self.owner = self.key.take().unwrap_or_default();
                self.key_next = false;
                self.at += 1;
            }
            b'[' if self.open.is_empty() && self.key_next => {
                // A heading: nothing in it is a value.
                let line = self.text.get(self.at..self.line_end()).unwrap_or_default();
                self.at += line.find('#').unwrap_or(line.len());
            }
            b'[' | b'{' => {
                self.open.push(byte);
                self.key_next = byte == b'{';
                self.at += 1;
            }
            b']' | b'}' => {
                self.open.pop();
                self.key_next = false;
                self.at += 1;
            }
            b',' => {
                self.key_next = self.open.last() == Some(&b'{');
                self.at += 1;
            }
            _ => return self.word(byte),
        }
        None
    }

    /// A text, or a run of other characters: a key where one is due, else a value.
    fn word(&mut self, first: u8) -> Option<Piece> {
        let start = self.at;
        self.at = if matches!(first, b'"' | b'\'') { self.text_end(first) } else { self.bare_end() };
        let word = self.text.get(start..self.at).unwrap_or_default();
        if self.key_next {
            let name = word.trim_matches(['"', '\'']);
            // Of a dotted key the last part counts.
            let name = name.rsplit('.').next().unwrap_or(name);
            let continues = self.text.as_bytes().get(self.at) == Some(&b'.') || word.ends_with('.');
            self.key_next = continues;
            self.key = Some(name.to_owned());
            return None;
        }
        Some(Piece { span: start..self.at, owner: Some(self.owner.clone()) })
    }

    fn line_end(&self) -> usize {
        self.text.get(self.at..).and_then(|rest| rest.find('\n')).map_or(self.text.len(), |n| self.at + n)
    }

    fn bare_end(&self) -> usize {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let stop = |c: char| c.is_whitespace() || "=,[]{}#\"'".contains(c);
        self.at + rest.find(stop).unwrap_or(rest.len())
    }

    /// The end of a text: after its closing quote, or where the line (or file) ends without one.
    fn text_end(&self, quote: u8) -> usize {
        let bytes = self.text.as_bytes();
        let escapes = quote == b'"';
        let triple = [quote; 3];
        let long = bytes.get(self.at..).is_some_and(|rest| rest.starts_with(&triple));
        let mut at = self.at + if long { 3 } else { 1 };
        while let Some(&byte) = bytes.get(at) {
            if byte == b'\\' && escapes {
                at += 2;
            } else if long && bytes.get(at..).is_some_and(|rest| rest.starts_with(&triple)) {
                // Up to two more quotes may stand before the closing three.
                let more =
                    bytes.get(at + 3..).unwrap_or_default().iter().take(2).take_while(|b| **b == quote);
                return at + 3 + more.count();
            } else if !long && byte == quote {
                return at + 1;
            } else if !long && byte == b'\n' {
                return at;
            } else {
                at += 1;
            }
        }
        // An escape at the very end steps over it.
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(text: &str) -> Vec<&str> {
        scan(text).into_iter().filter(|p| p.is_hidden(&|_| false)).map(|p| &text[p.span]).collect()
    }

    #[test]
    fn values_of_the_hosts_keys_are_shown() {
        assert!(hidden("[build]\nignore = [\"*.mib\",\n  \"*.db\"]\nthreads = 3\n").is_empty());
        assert!(hidden("[destinations.cdcs]\ntoken = { env = \"CDCS_TOKEN\" }").is_empty());
    }

    #[test]
    fn other_values_are_hidden() {
        assert_eq!(hidden("token = \"s3cret\"\nplugin = \"cdcs\""), ["\"s3cret\""]);
        assert_eq!(hidden("token = { value = 's3cret' }"), ["'s3cret'"]);
        assert_eq!(hidden("a = { file = \"f\", value = \"v\" }"), ["\"v\""]);
        assert_eq!(hidden("x.token = 12"), ["12"]);
        assert_eq!(hidden("\"token\" = [\"a\", [\"b\"]]"), ["\"a\"", "\"b\""]);
        assert_eq!(hidden("path = \"p\" # old token"), ["# old token"]);
    }

    #[test]
    fn broken_texts_hide_what_might_be_secret() {
        assert_eq!(hidden("token = \"s3cret\nplugin = \"x\""), ["\"s3cret"]);
        assert_eq!(hidden("token s3cret"), ["s3cret"]);
        assert_eq!(hidden("token = s3cret more"), ["s3cret", "more"]);
        assert_eq!(hidden("token = \"\"\"one\ntwo"), ["\"\"\"one\ntwo"]);
        assert_eq!(
            hidden("token = \"\"\"one\n\"two\\\"\"\"\"\nplugin = \"x\""),
            ["\"\"\"one\n\"two\\\"\"\"\""]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_and_pieces_stand_in_order(text in "[a\"'=\\[\\]{}#,.\\\\é\u{a0}\n ]{0,60}") {
            let mut from = 0;
            for piece in scan(&text) {
                prop_assert!(piece.span.start >= from && piece.span.end <= text.len());
                from = piece.span.end;
            }
        }
    }
}
