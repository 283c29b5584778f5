//! A quick look at the raw text, before a parser sees it.
//!
//! A parser compares each attribute of an element with all the others: 200,000 of them in one element cost it
//! minutes. One that reads records back copies the namespaces of an element into those within that declare another:
//! 2,000 of these in one another, 50 kB, cost it seconds, and ten times as many an hour. No element of a record has more
//! than three of either.

/// The most attributes and namespace declarations that an element may have, and the most declarations of a record.
pub(crate) const MOST: usize = 64;

/// The position of the first element with more than [`MOST`] attributes, in bytes.
///
/// What is not well-formed may be misread here; the parser refuses it anyway, at the latest where it breaks.
pub(super) fn overfull(text: &str) -> Option<usize> {
    first(text, &mut |tag| tag.attributes > MOST)
}

/// Whether reading costs more than the text is worth: too many attributes in an element, or namespaces in all.
pub(crate) fn is_excessive(text: &str) -> bool {
    let mut namespaces = 0;
    let too_many = first(text, &mut |tag| {
        namespaces += tag.namespaces;
        tag.attributes > MOST || namespaces > MOST
    });
    too_many.is_some()
}

/// The position of the first tag that is `wanted`, in bytes.
fn first(text: &str, wanted: &mut dyn FnMut(&Tag) -> bool) -> Option<usize> {
    let mut from = 0;
    while let Some(rest) = text.get(from..) {
        let open = from + rest.find('<')?;
        let tag = text.get(open..)?;
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")]
            .into_iter()
            .find(|(begin, _)| tag.starts_with(begin))
            .map(|(begin, end)| tag.get(begin.len()..)?.find(end).map(|at| at + begin.len() + end.len()));
        from = open
            + if let Some(length) = skipped {
                length?
            } else {
                let tag = Tag::of(tag);
                if wanted(&tag) {
                    return Some(open);
                }
                tag.length?
            };
    }
    None
}

/// A tag, as far as it matters here.
#[derive(Default)]
struct Tag {
    /// If it ends.
    length: Option<usize>,
    /// No more than one too many are counted.
    attributes: usize,
    /// Those of them that declare a namespace.
    namespaces: usize,
}

impl Tag {
    /// The tag that a text begins with.
    fn of(text: &str) -> Self {
        let mut tag = Self::default();
        let mut quote = None;
        for (at, byte) in text.bytes().enumerate() {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (None, b'>') => {
                    tag.length = Some(at + 1);
                    break;
                }
                (None, b'=') => tag.attributes += 1,
                (None, b'x') if text.get(at..).is_some_and(|name| name.starts_with("xmlns")) => {
                    tag.namespaces += 1;
                }
                (Some(open), byte) if open == byte => quote = None,
                _ => {}
            }
            if tag.attributes > MOST {
                break;
            }
        }
        tag
    }
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

    #[test]
    fn namespaces_are_counted_in_tags_alone() {
        let of = |count: usize| {
            format!("<a>{}</a>", "<b xmlns:c='xmlns'/>xmlns<!-- <b xmlns='' -->".repeat(count))
        };
        assert!(is_excessive(&of(MOST + 1)) && !is_excessive(&of(MOST)));
        assert!(is_excessive(&format!("<e {}/>", "a='' ".repeat(MOST + 1))));
    }
}
