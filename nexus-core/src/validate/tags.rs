//! A quick look at the raw text, before a parser sees it.
//!
//! The parser compares each attribute of an element with all the others: 200,000 of them in one element cost
//! it minutes. No element of a record has more than three of its own.

/// The most attributes and namespace declarations that an element may have.
pub(super) const MOST: usize = 64;

/// The position of the first element with more than [`MOST`] attributes, in bytes.
///
/// What is not well-formed may be misread here; the parser refuses it anyway, at the latest where it breaks.
pub(super) fn overfull(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let open = from + rest.find('<')?;
        let tag = text.get(open..)?;
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(begin, _)| tag.starts_with(begin))
            .map(|(begin, end)| tag.get(begin.len()..)?.find(end).map(|at| at + begin.len() + end.len()));
        from = open
            + match skipped {
                Some(length) => length?,
                None => match attributes(tag) {
                    (_, count) if count > MOST => return Some(open),
                    (length, _) => length?,
                },
            };
    }
    None
}

/// Length of a tag, if it ends, and how many attributes it has (no more than one too many are counted).
fn attributes(tag: &str) -> (Option<usize>, usize) {
    let mut quote = None;
    let mut count = 0;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return (Some(at + 1), count),
            (None, b'=') => count += 1,
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
        if count > MOST {
            break;
        }
    }
    (None, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_with_too_many_attributes_are_found_wherever_they_stand() {
        let many = format!("<e {}/>", "a='=><' ".repeat(MOST + 1));
        let enough = format!("<e {}/>", "a='=><' ".repeat(MOST));
        assert_eq!(overfull(&many), Some(0));
        assert_eq!(overfull(&enough), None);
        assert_eq!(overfull(&format!("<a>text</a>{enough}{enough}{many}")), Some(11 + 2 * enough.len()));
        assert_eq!(overfull(&format!("<!--{many}--><![CDATA[{many}]]><?p {many}?>")), None);
        assert_eq!(overfull(&many.replace('>', "")), Some(0), "the tag never ends");
        assert_eq!(overfull("<!-- never ends"), None);
        assert_eq!(overfull("<a b='never ends"), None);
    }
}
