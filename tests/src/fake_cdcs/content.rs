//! The content query of a fake CDCS server: whether a record holds what is asked for.
//!
//! A path is made of element names as they are written, prefix included, and ends in a name, `@attribute` or `#text`.
//! Text that looks like a number is one. Paths do not look inside repeated elements.

use serde_json::{Map, Value};

/// Whether a content fits all conditions; `None` for a query that this server does not know.
pub(super) fn fits(content: &str, query: &Map<String, Value>) -> Option<bool> {
    let known = |(path, wanted): (&String, &Value)| {
        let plain = wanted.as_str().is_none_or(|text| !text.starts_with('/'));
        !path.starts_with('$') && !wanted.is_object() && !wanted.is_array() && plain
    };
    if !query.iter().all(known) {
        return None;
    }
    let Ok(document) = roxmltree::Document::parse(content) else { return Some(false) };
    let fits = |(path, wanted): (&String, &Value)| {
        let found = value(document.root(), &path.split('.').collect::<Vec<_>>(), content);
        found.is_some_and(|found| stored(&found) == *wanted)
    };
    Some(query.iter().all(fits))
}

fn value(node: roxmltree::Node<'_, '_>, path: &[&str], content: &str) -> Option<String> {
    let Some((first, rest)) = path.split_first() else {
        let plain = node.attributes().len() == 0 && !node.children().any(|child| child.is_element());
        return plain.then(|| node.text().unwrap_or_default().trim().to_owned());
    };
    match (first.strip_prefix('@'), *first, rest) {
        (Some(attribute), _, []) => node.attribute(attribute).map(str::to_owned),
        (None, "#text", []) => node.text().map(|text| text.trim().to_owned()),
        _ => {
            let mut children = node.children().filter(|child| {
                let written = content.get(child.range()).unwrap_or_default();
                let name = written.trim_start_matches('<').split([' ', '>', '/', '\n', '\t', '\r']).next();
                child.is_element() && name == Some(*first)
            });
            let child = children.next()?;
            if children.next().is_some() { None } else { value(child, rest, content) }
        }
    }
}

fn stored(text: &str) -> Value {
    match (text.parse::<i64>(), text.parse::<f64>()) {
        (Ok(number), _) => number.into(),
        (_, Ok(number)) if number.is_finite() => number.into(),
        _ => text.into(),
    }
}
