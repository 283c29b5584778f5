//! Answers in XML, read in a time that their length is worth.
//!
//! The parser compares each attribute of an element with all the others, and copies the namespaces of an element into those
//! within that declare another: 50 kB can cost it seconds, and half a megabyte an hour. What reads the tree goes through
//! the elements within each element. No server sends a tenth of what is allowed here.

use roxmltree::{Document, Error};

/// The most attributes of an element, and the most namespaces that all elements declare.
const MOST: usize = 64;

/// The most elements in one another.
const DEEPEST: usize = 256;

/// Reads an answer.
///
/// # Errors
/// It is not well-formed, or is made so that it would take too long.
pub fn parse(text: &str) -> Result<Document<'_>, Error> {
    cheap(text)?;
    Document::parse(text)
}

/// What is not well-formed may be misread here; the parser refuses it anyway, at the latest where it breaks.
fn cheap(text: &str) -> Result<(), Error> {
    let (mut depth, mut namespaces) = (0_usize, 0);
    let mut rest = text;
    while let Some((_, from)) = rest.split_once('<') {
        let skipped = [("!--", "-->"), ("![CDATA[", "]]>"), ("?", "?>")]
            .into_iter()
            .find_map(|(begin, end)| Some(from.strip_prefix(begin)?.split_once(end)));
        if let Some(behind) = skipped {
            let Some((_, behind)) = behind else { return Ok(()) };
            rest = behind;
            continue;
        }
        let (mut attributes, mut quote, mut end) = (0, None, None);
        for (at, byte) in from.bytes().enumerate() {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'>') => {
                    end = Some(at);
                    break;
                }
                (None, b'=') => attributes += 1,
                (None, b'x') if from.get(at..).is_some_and(|name| name.starts_with("xmlns")) => {
                    namespaces += 1;
                }
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
            if attributes > MOST {
                return Err(Error::AttributesLimitReached);
            }
            if namespaces > MOST {
                return Err(Error::NamespacesLimitReached);
            }
        }
        let Some((tag, behind)) = end.and_then(|end| from.split_at_checked(end)) else { return Ok(()) };
        if tag.starts_with('/') {
            depth = depth.saturating_sub(1);
        } else if !tag.ends_with('/') {
            depth += 1;
        }
        if depth > DEEPEST {
            return Err(Error::NodesLimitReached);
        }
        rest = behind;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_take_too_long_is_refused_at_once() {
        let nested = |tag: &dyn Fn(usize) -> String, count: usize| {
            (0..count).map(tag).collect::<String>() + &"</a>".repeat(count)
        };
        let spaces = nested(&|number| format!("<a xmlns:b{number}=''>"), 20_000);
        assert!(matches!(parse(&spaces), Err(Error::NamespacesLimitReached)));
        let attributes =
            (0..200_000).fold("<a".to_owned(), |text, number| text + &format!(" b{number}=''")) + "/>";
        assert!(matches!(parse(&attributes), Err(Error::AttributesLimitReached)));
        let plain = |_| "<a>".to_owned();
        assert!(matches!(parse(&nested(&plain, DEEPEST + 1)), Err(Error::NodesLimitReached)));
        assert!(parse(&nested(&plain, DEEPEST)).is_ok());
    }

    #[test]
    fn what_only_looks_like_much_is_read() {
        let text = "xmlns=x &lt; ".repeat(100) + &"<!-- <a xmlns='' --><?p <a xmlns='?>".repeat(100);
        let cdata = format!("<![CDATA[{}]]>", "<a xmlns=''>".repeat(100));
        let value = format!("<b c=\"{}\"/><b d='>'/>", "xmlns='a'>=".repeat(100));
        let whole = format!("<?xml version='1.0'?><a>{text}{cdata}{}</a>", value.repeat(300));
        assert!(parse(&whole).is_ok(), "{:?}", parse(&whole));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(<|>|/|=|\"|'|!--|-->|!\\[CDATA\\[|\\]\\]>|\\?|xmlns|a| |é){0,40}") {
            prop_assert_eq!(parse(&text).is_ok(), Document::parse(&text).is_ok());
        }
    }
}
