//! What folders and pages are called.

use std::fmt::Write as _;

use icu_normalizer::ComposingNormalizerBorrowed;
use nexus_plugin_api::Delivery;
use sha2::{Digest as _, Sha256};

/// Longest name of a folder or page, in characters: the server's limit is not known, and below 256 nobody refuses.
const LONGEST: usize = 250;

/// Longest fixed text of a template, in characters.
const LONGEST_FIXED: usize = 100;

/// A name as it is compared: composed, without white space around it.
pub fn composed(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text.trim()).trim().to_owned()
}

/// Whether two names are the same for a person.
pub fn same(one: &str, other: &str) -> bool {
    one == other || composed(one) == composed(other)
}

/// On one line, without what no name can hold.
fn clean(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect();
    composed(&text)
}

/// At most so many characters: both ends of a longer text, and a piece of its hash, so that two stay two.
fn shortened(text: &str, longest: usize) -> String {
    let length = text.chars().count();
    if length <= longest {
        return text.to_owned();
    }
    let mut hash = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(4) {
        let _ = write!(hash, "{byte:02x}");
    }
    let kept = longest.saturating_sub(hash.len() + 2);
    let (head, tail) = (kept.div_ceil(2), kept / 2);
    let head: String = text.chars().take(head).collect();
    let tail: String = text.chars().skip(length - tail).collect();
    format!("{head}…{tail} {hash}")
}

/// A text with words in braces.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Fixed(String),
    Word(Word),
}

/// What can stand in braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Date,
    Year,
    Session,
    Name,
    Key,
    Instrument,
    User,
}

impl Word {
    const ALL: [(&'static str, Self); 7] = [
        ("date", Self::Date),
        ("year", Self::Year),
        ("session", Self::Session),
        ("name", Self::Name),
        ("key", Self::Key),
        ("instrument", Self::Instrument),
        ("user", Self::User),
    ];

    /// Whether no two sessions share it.
    fn tells_sessions_apart(self) -> bool {
        matches!(self, Self::Session | Self::Name | Self::Key)
    }

    fn of(self, delivery: &Delivery) -> String {
        let session = &delivery.session;
        let text = match self {
            // In the instrument's zone, as people remember the day.
            Self::Date => session.start.format("%Y-%m-%d").to_string(),
            Self::Year => session.start.format("%Y").to_string(),
            Self::Session => session.identifier.clone(),
            Self::Name => delivery.record.name.clone(),
            Self::Key => delivery.record.key.clone(),
            Self::Instrument => session.instrument.pid.clone(),
            Self::User => session.user.clone().unwrap_or_default(),
        };
        let text = clean(&text);
        if text.is_empty() { "unknown".to_owned() } else { text }
    }
}

impl Template {
    fn parse(text: &str, words: &[Word]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((fixed, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                return Err("a `{` is not closed".to_owned());
            };
            let word = Word::ALL.iter().find(|(known, word)| *known == name && words.contains(word));
            let Some((_, word)) = word else {
                let known: Vec<String> = Word::ALL
                    .iter()
                    .filter(|(_, word)| words.contains(word))
                    .map(|(known, _)| format!("{{{known}}}"))
                    .collect();
                return Err(format!("`{{{name}}}` is not known; there are {}", known.join(", ")));
            };
            parts.push(Part::Fixed(fixed.to_owned()));
            parts.push(Part::Word(*word));
            rest = after;
        }
        parts.push(Part::Fixed(rest.to_owned()));
        let template = Self(parts);
        if text.chars().any(char::is_control) {
            return Err("it has more than one line, or a control character".to_owned());
        }
        if template.fixed() > LONGEST_FIXED {
            return Err(format!("it has more than {LONGEST_FIXED} characters beside the words in braces"));
        }
        Ok(template)
    }

    /// Characters outside of braces.
    fn fixed(&self) -> usize {
        self.0.iter().map(|part| if let Part::Fixed(text) = part { text.chars().count() } else { 0 }).sum()
    }

    fn words(&self) -> impl Iterator<Item = Word> {
        self.0.iter().filter_map(|part| if let Part::Word(word) = part { Some(*word) } else { None })
    }

    /// With the words of a delivery, each as long as there is room for it.
    fn filled(&self, delivery: &Delivery) -> String {
        let values: Vec<String> = self.words().map(|word| word.of(delivery)).collect();
        let room = LONGEST - self.fixed();
        // The longest give way first.
        let taken = |most: usize| values.iter().map(|value| value.chars().count().min(most)).sum::<usize>();
        let each = (1..=room).rev().find(|most| taken(*most) <= room).unwrap_or(1);
        let mut values = values.into_iter();
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Fixed(fixed) => text.push_str(fixed),
                Part::Word(_) => text.push_str(&shortened(&values.next().unwrap_or_default(), each)),
            }
        }
        composed(&text)
    }
}

/// The folders above the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderPath(Vec<Template>);

impl FolderPath {
    /// Reads `one/two/{word}`; without any, pages lie at the top of the notebook.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim().trim_matches('/');
        if trimmed.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let words = [Word::Instrument, Word::User, Word::Year];
        let folder = |text: &str| {
            let template = Template::parse(text.trim(), &words)?;
            if text.trim().is_empty() { Err("a folder has no name".to_owned()) } else { Ok(template) }
        };
        trimmed.split('/').map(folder).collect::<Result<_, _>>().map(Self)
    }

    /// The names from the top. A slash in what stands for a word makes no further folder.
    pub fn of(&self, delivery: &Delivery) -> Vec<String> {
        self.0.iter().map(|folder| folder.filled(delivery)).collect()
    }

    /// The name of the first one, if it is the same for all sessions.
    pub fn fixed_first(&self) -> Option<String> {
        match &self.0.first()?.0[..] {
            [Part::Fixed(name)] => Some(composed(name)),
            _ => None,
        }
    }
}

/// What a page is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageName(Template);

impl PageName {
    /// Reads a text with words in braces, one of which must tell sessions apart: a page without any entry is known by
    /// its name alone.
    pub fn parse(text: &str) -> Result<Self, String> {
        let template = Template::parse(text.trim(), &Word::ALL.map(|(_, word)| word))?;
        if !template.words().any(Word::tells_sessions_apart) {
            return Err("two sessions would share a page; use {session}, {name} or {key} in it".to_owned());
        }
        Ok(Self(template))
    }

    /// The name of a session's page.
    pub fn of(&self, delivery: &Delivery) -> String {
        self.0.filled(delivery)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    fn page(template: &str, change: impl FnOnce(&mut Delivery)) -> String {
        let mut delivery = sample::delivery();
        change(&mut delivery);
        PageName::parse(template).unwrap().of(&delivery)
    }

    #[test]
    fn pages_are_called_as_nexuslims_calls_them() {
        let url = "https://nemo.example.org/api/usage_events/?id=12";
        let name = page("{date} — {session}", |delivery| url.clone_into(&mut delivery.session.identifier));
        assert_eq!(name, format!("2025-03-03 — {url}"), "the day in the instrument's zone");
        assert_eq!(
            page("{name}/{key}", |_| ()),
            "2025-03-03_TITAN_3f0c/5ba9ac4e-0c4a-5d0f-8c7e-000000000001"
        );
    }

    #[test]
    fn folders_are_parted_before_words_are_filled_in() {
        let mut delivery = sample::delivery();
        "a/../b\n".clone_into(&mut delivery.session.instrument.pid);
        delivery.session.user = None;
        let path = FolderPath::parse("/ NexusLIMS Records /{instrument}/{year} {user}/").unwrap();
        assert_eq!(path.of(&delivery), ["NexusLIMS Records", "a/../b", "2025 unknown"]);
        assert_eq!(path.fixed_first().as_deref(), Some("NexusLIMS Records"));
        assert_eq!(FolderPath::parse("").unwrap().of(&delivery), [""; 0]);
        assert_eq!(FolderPath::parse("{user}").unwrap().fixed_first(), None);
    }

    #[test]
    fn templates_that_are_none() {
        let long = "x".repeat(101);
        for text in ["{date}", "", "{session", "{sesion}", "{session}\n{key}", &format!("{long}{{key}}")] {
            assert!(PageName::parse(text).is_err(), "{text}");
        }
        for text in ["a//b", "a/ /b", "{session}", "{instrument", &long] {
            assert!(FolderPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_that_are_written_differently_are_the_same() {
        assert!(same(" Caf\u{e9}", "Cafe\u{301}\u{a0}"));
        assert!(!same("Cafe", "Caf\u{e9}"));
    }

    #[test]
    fn long_names_keep_both_ends_and_stay_different() {
        let long = |end: &str| format!("{}{}{end}", "a".repeat(200), "b".repeat(200));
        let of = |end: &str| page("{date} — {session}", |delivery| delivery.session.identifier = long(end));
        let (one, other) = (of("1"), of("2"));
        assert_eq!(one.chars().count(), LONGEST);
        assert!(one.starts_with("2025-03-03 — aaa") && one.contains("b1 "), "{one}");
        let short = page("{date} {session} {user}", |delivery| delivery.session.identifier = long(""));
        assert!(short.starts_with("2025-03-03 a") && short.ends_with(" ada"), "{short}");
        let middle = |letter: &str| {
            page("{session}", |delivery| {
                delivery.session.identifier = format!("{}{letter}{}", "a".repeat(200), "b".repeat(200));
            })
        };
        assert_ne!(one, other);
        assert_ne!(middle("x"), middle("y"), "what is cut out tells them apart");
    }

    proptest! {
        #[test]
        fn any_text_makes_a_short_name_on_one_line(session in any::<String>(), name in "\\PC{0,400}", user in any::<String>()) {
            let mut delivery = sample::delivery();
            delivery.session.identifier = session;
            delivery.record.name = name;
            delivery.session.user = Some(user);
            let page = PageName::parse("{date} {session} {name} {user} {key} {instrument} {year}").unwrap().of(&delivery);
            // Composing lengthens a few characters to two or three.
            prop_assert!(page.chars().count() <= 3 * LONGEST && !page.chars().any(char::is_control));
            prop_assert!(same(&page, &composed(&page)));
            for folder in FolderPath::parse("{user}/{instrument}").unwrap().of(&delivery) {
                prop_assert!(!folder.is_empty() && !folder.chars().any(char::is_control));
            }
        }
    }
}
