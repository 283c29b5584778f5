//! Where a record goes below the root.

use nexus_plugin_api::Delivery;

/// A relative path with placeholders.
#[derive(Debug, Clone)]
pub struct Layout {
    text: String,
    /// The parts of the path, the file name last.
    segments: Vec<Vec<Piece>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Year,
    Month,
    Day,
    Instrument,
    User,
    Name,
    Key,
}

impl Placeholder {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Year, "year"),
        (Self::Month, "month"),
        (Self::Day, "day"),
        (Self::Instrument, "instrument"),
        (Self::User, "user"),
        (Self::Name, "name"),
        (Self::Key, "key"),
    ];

    fn value(self, delivery: &Delivery) -> String {
        let start = delivery.session.start;
        match self {
            Self::Year => start.format("%Y").to_string(),
            Self::Month => start.format("%m").to_string(),
            Self::Day => start.format("%d").to_string(),
            Self::Instrument => clean(&delivery.session.instrument.pid),
            Self::User => clean(delivery.session.user.as_deref().unwrap_or("unknown")),
            Self::Name => clean(&delivery.record.name),
            Self::Key => clean(&delivery.record.key),
        }
    }
}

impl Layout {
    /// By year and instrument.
    pub const DEFAULT: &str = "{year}/{instrument}/{name}.xml";

    /// Reads a layout; the reason says what it must be instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        for segment in text.split('/') {
            if segment.is_empty() || segment.starts_with('.') || segment != clean(segment) {
                return Err(format!(
                    "is `{text}`; it is a path below `path` in plain names: no leading or double `/`, no part \
                     that begins with a dot, none of \\ : * ? \" < > |"
                ));
            }
            segments.push(pieces(segment)?);
        }
        let unique = segments.last().is_some_and(|name| {
            name.iter().any(|p| matches!(p, Piece::Value(Placeholder::Name | Placeholder::Key)))
        });
        if !unique || text.strip_suffix(".xml").is_none() {
            return Err(format!("is `{text}`; its file name must hold {{name}} or {{key}} and end in .xml"));
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The parts of this delivery's path, the file name last. None of them leads out of the root.
    pub fn parts(&self, delivery: &Delivery) -> Vec<String> {
        let fill = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(placeholder) => placeholder.value(delivery),
        };
        self.segments.iter().map(|pieces| pieces.iter().map(fill).collect()).collect()
    }
}

fn pieces(segment: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = segment;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        let close = from.find('}').ok_or_else(|| format!("has a `{{` without `}}` in `{segment}`"))?;
        let (word, after) = from.split_at(close + 1);
        let name = word.trim_matches(['{', '}']);
        let (placeholder, _) =
            Placeholder::ALL.into_iter().find(|(_, known)| *known == name).ok_or_else(|| {
                let known: Vec<_> =
                    Placeholder::ALL.iter().map(|(_, known)| format!("{{{known}}}")).collect();
                format!("holds {word}; it knows {}", known.join(" "))
            })?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Value(placeholder));
        rest = after;
    }
    if rest.contains('}') {
        return Err(format!("has a `}}` without `{{` in `{segment}`"));
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// A value as part of a path: nothing that separates, hides or is refused by a Windows share.
fn clean(value: &str) -> String {
    let mut text: String =
        value.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '_' } else { c }).collect();
    while text.ends_with(['.', ' ']) {
        text.pop();
        text.push('_');
    }
    if text.starts_with(['.', ' ']) {
        text.replace_range(..1, "_");
    }
    if text.is_empty() {
        text.push('_');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn layouts_stay_below_the_root() {
        for wrong in [
            "",
            "/{name}.xml",
            "../{name}.xml",
            "a/../{name}.xml",
            "a//{name}.xml",
            "a\\{name}.xml",
            "./{name}.xml",
            "{year}.xml",
            "{name}",
            "{name}/record.xml",
            "{name}.json",
            "{nam}.xml",
            "{name.xml",
            "name}.xml",
            "{{name}}.xml",
            "C:/{name}.xml",
            "a /{name}.xml",
        ] {
            assert!(Layout::parse(wrong).is_err(), "{wrong}");
        }
        for right in [Layout::DEFAULT, "{key}.xml", "all records/{year}-{month}-{day} {user}_{name}.xml"] {
            assert!(Layout::parse(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn an_unknown_placeholder_is_told_the_known_ones() {
        let reason = Layout::parse("{years}/{name}.xml").unwrap_err();
        assert!(reason.contains("{years}") && reason.contains("{year}"));
    }

    proptest! {
        #[test]
        fn values_never_lead_elsewhere(value in "\\PC{0,20}|[./\\\\ ]{0,6}") {
            let text = clean(&value);
            prop_assert!(!text.is_empty() && !text.contains('/') && !text.starts_with('.'));
            prop_assert!(!text.ends_with(['.', ' ']));
            prop_assert_eq!(clean(&text), text.clone());
        }
    }
}
