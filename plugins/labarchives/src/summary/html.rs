//! Text inside HTML, and its length on the way.

/// Text as it can stand in an element or in a quoted attribute. What no document can hold becomes a blank.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => escaped.push(' '),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Bytes of a text as a form sends it.
pub fn sent_length(text: &str) -> usize {
    text.bytes()
        .map(|byte| {
            let bare = byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_' | b' ');
            if bare { 1 } else { 3 }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::client::form;
    use crate::marker::visible;

    proptest! {
        #[test]
        fn a_person_reads_what_was_written(text in "[^\\x00-\\x1f\\x7f-\\x9f\u{fffe}\u{ffff}]{0,60}") {
            let back = visible(&format!("<p>{}</p>", escaped(&text)));
            prop_assert_eq!(back, text.split_whitespace().collect::<Vec<_>>().join(" "));
        }

        #[test]
        fn nothing_gets_out_of_its_place(text in any::<String>()) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'', '\0', '\r']));
            let rest = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].iter().fold(escaped, |text, entity| text.replace(entity, ""));
            prop_assert!(!rest.contains('&'));
        }

        #[test]
        fn the_length_is_that_of_the_form(text in any::<String>()) {
            prop_assert_eq!(sent_length(&text) + 2, form(&[("k", &text)]).len());
        }
    }
}
