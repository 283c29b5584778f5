//! JSON as the program behind NEMO writes and reads it, which is a little more than JSON.
//!
//! It writes `NaN` and `Infinity`, reads numbers of any size, and keeps halves of surrogate pairs. A strict
//! reader would take such a text for no JSON at all and pass over a refusal that stands in it.

use serde_json::Value;

/// The value of a text; `Ok(None)` if it is no JSON by anybody's reading, an error if it is too deep to tell.
pub fn parse(text: &str) -> Result<Option<Value>, String> {
    let first = match serde_json::from_str(text) {
        Ok(value) => return Ok(Some(value)),
        Err(error) => error,
    };
    let second = match serde_json::from_str(&strict(text)) {
        Ok(value) => return Ok(Some(value)),
        Err(error) => error,
    };
    for error in [first, second] {
        let said = error.to_string();
        if said.starts_with("recursion limit") {
            return Err("it is nested too deeply to be read".to_owned());
        }
    }
    Ok(None)
}

/// The same text with what only lenient readers take replaced: numbers that no double holds by null, halves of
/// surrogate pairs by U+FFFD.
fn strict(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_string = false;
    while let Some(c) = rest.chars().next() {
        let taken = if in_string {
            if c == '\\' {
                let (taken, written) = escape(rest);
                out.push_str(&written);
                taken
            } else {
                in_string = c != '"';
                out.push(c);
                c.len_utf8()
            }
        } else if c == '"' {
            in_string = true;
            out.push(c);
            1
        } else if c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.') {
            let word = word(rest);
            out.push_str(if is_beyond_json(word) { "null" } else { word });
            word.len()
        } else {
            out.push(c);
            c.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    out
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')));
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

fn is_beyond_json(word: &str) -> bool {
    if matches!(word, "NaN" | "Infinity" | "-Infinity") {
        return true;
    }
    let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    is_number && word.parse::<f64>().is_ok_and(f64::is_infinite)
}

/// An escape in a string: how long it is, and what is written for it.
fn escape(text: &str) -> (usize, String) {
    let unit = |text: &str| {
        let digits = text.strip_prefix("\\u")?.get(..4)?;
        u16::from_str_radix(digits, 16).ok()
    };
    match unit(text) {
        None => {
            let taken: String = text.chars().take(2).collect();
            (taken.len(), taken)
        }
        Some(0xD800..=0xDBFF) => {
            let low = text.get(6..).and_then(unit);
            if matches!(low, Some(0xDC00..=0xDFFF)) {
                (12, text.get(..12).unwrap_or_default().to_owned())
            } else {
                (6, "\\ufffd".to_owned())
            }
        }
        Some(0xDC00..=0xDFFF) => (6, "\\ufffd".to_owned()),
        Some(_) => (6, text.get(..6).unwrap_or_default().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_only_lenient_readers_take() {
        for (text, value) in [
            (
                r#"{"a": NaN, "b": -Infinity, "c": Infinity, "d": 1e999}"#,
                json!({"a": null, "b": null, "c": null, "d": null}),
            ),
            (
                r#"{"a": "NaN \ud83d", "b": "\ude00\ud83d\ude00 \" NaN"}"#,
                json!({"a": "NaN \u{fffd}", "b": "\u{fffd}😀 \" NaN"}),
            ),
            (r#"["x", 1.5, -3]"#, json!(["x", 1.5, -3])),
        ] {
            assert_eq!(parse(text), Ok(Some(value)), "{text}");
        }
    }

    #[test]
    fn what_nobody_takes() {
        for text in
            ["", "not json", "{", "{'a': 1}", "{\"a\": 1,}", "NaNny", "{\"a\": \"b\nc\"}", "\\", "\"\\u12"]
        {
            assert_eq!(parse(text), Ok(None), "{text}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn a_strict_text_stays(value in crate::answers::tests::any_json()) {
            let text = value.to_string();
            prop_assert_eq!(strict(&text), text.clone());
            prop_assert_eq!(parse(&text), Ok(Some(value)));
        }

        #[test]
        fn never_panics(text in "\\PC{0,60}", odd in "[\\[{\"\\\\uDd8cCN0-9eE+.:, -]{0,60}") {
            let _ = (parse(&text), parse(&odd));
        }
    }
}
