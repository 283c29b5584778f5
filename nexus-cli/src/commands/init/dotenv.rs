//! `.env` files: lines of NAME=VALUE, as NexusLIMS reads them.

use std::collections::BTreeMap;

/// Reads the assignments; the last one of a name holds. Lines that are none are reported by number.
pub(super) fn parse(text: &str) -> (BTreeMap<String, String>, Vec<usize>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut values = BTreeMap::new();
    let mut odd = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (first, _) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = first.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            (rest, line) = (after_line(rest), line + 1);
            continue;
        }
        let name = first.split_once('=').map(|(name, _)| {
            let name = name.trim();
            name.strip_prefix("export ").unwrap_or(name).trim()
        });
        let Some(name) = name.filter(|name| is_name(name)) else {
            odd.push(line);
            (rest, line) = (after_line(rest), line + 1);
            continue;
        };
        let value_at = first.find('=').map_or(first.len(), |at| at + 1);
        let (value, left) = value(rest.get(value_at..).unwrap_or_default());
        let read = rest.get(..rest.len() - left.len()).unwrap_or_default();
        line += read.matches('\n').count();
        values.insert(name.to_owned(), value);
        rest = left;
    }
    (values, odd)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, rest)| rest)
}

/// The value that a text begins with, and what follows its line. Quoted values may span lines.
fn value(text: &str) -> (String, &str) {
    let start = text.trim_start_matches([' ', '\t']);
    let quoted = match start.chars().next() {
        Some(quote @ ('"' | '\'')) => start.get(1..).and_then(|inside| quoted(inside, quote)),
        _ => None,
    };
    if let Some((value, rest)) = quoted {
        return (value, after_line(rest));
    }
    let line = text.split('\n').next().unwrap_or_default();
    // A comment begins with # after a blank; a # within a word is part of the value.
    let end = line
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| *at == 0 || line.get(..*at).is_some_and(|before| before.ends_with([' ', '\t'])));
    (line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim().to_owned(), after_line(text))
}

/// Up to the closing quote; `None` if there is none. Within double quotes a backslash escapes.
fn quoted(text: &str, quote: char) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            letter if letter == quote => return Some((value, text.get(at + 1..)?)),
            '\\' => match letters.next()?.1 {
                'n' if quote == '"' => value.push('\n'),
                'r' if quote == '"' => value.push('\r'),
                't' if quote == '"' => value.push('\t'),
                escaped @ ('"' | '\'' | '\\') if escaped == quote || escaped == '\\' => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn one(text: &str) -> String {
        let (values, odd) = parse(text);
        assert!(odd.is_empty(), "{odd:?}");
        values.get("A").cloned().unwrap()
    }

    #[test]
    fn every_way_of_writing_a_value() {
        assert_eq!(one("A=b"), "b");
        assert_eq!(one("  export A = b c  # note\n"), "b c");
        assert_eq!(one("A=b#c"), "b#c");
        assert_eq!(one("A=#c"), "");
        assert_eq!(one("A=\"b # c\" # note"), "b # c");
        assert_eq!(one("A='b \\n \"c\"'"), "b \\n \"c\"");
        assert_eq!(one("A=\"b\\n\\\"c\\\"\""), "b\n\"c\"");
        assert_eq!(one("A=\"one\ntwo\"\nB=3"), "one\ntwo");
        assert_eq!(one("A='[\"*.mib\", \"*.db\"]'"), "[\"*.mib\", \"*.db\"]");
        assert_eq!(one("A=\"open\n"), "\"open");
        assert_eq!(one("A=1\r\nA=2\r\n"), "2");
        assert_eq!(one("\u{feff}A=é"), "é");
    }

    #[test]
    fn other_lines_are_reported() {
        let (values, odd) = parse("# comment\n\nA=\"1\n2\"\nthis is none\n=x\nB=2");
        assert_eq!(odd, [5, 6]);
        assert_eq!(values.len(), 2);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([A-Z]{1,2}|=|\"|'|\\\\|#| |\t|\r|\n|é|export |\u{feff}){0,30}") {
            let (values, odd) = parse(&text);
            let lines = text.split('\n').count();
            prop_assert!(odd.iter().all(|line| (1..=lines).contains(line)), "{:?} of {} lines", odd, lines);
            prop_assert!(odd.is_sorted() && values.keys().all(|name| is_name(name)));
        }
    }
}
