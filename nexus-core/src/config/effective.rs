//! All settings that hold, and where each comes from.

use std::fmt;

use serde::{Serialize, Serializer};

use super::value::Value;

/// One setting that holds. Secrets in it are masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Table and key: `build.file_delay`.
    pub key: String,
    /// The value, much as it would be written in the file; paths are absolute.
    pub value: String,
    /// Where it comes from.
    #[serde(rename = "from")]
    pub origin: Origin,
}

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Line of the configuration file, counted from 1.
    Line(usize),
    /// Nothing was said.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Path(path) => write!(f, "{:?}", path.display().to_string()),
            Self::Duration(duration) => write!(f, "\"{}\"", in_words(*duration)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Boolean(truth) => write!(f, "{truth}"),
            Self::Texts(texts) => write!(f, "{texts:?}"),
        }
    }
}

/// `2 days`, `1 h 30 min`: what the reader of durations takes back.
fn in_words(duration: std::time::Duration) -> String {
    let text = humantime::format_duration(duration).to_string();
    let parts = text.split_whitespace().map(|part| {
        let (number, unit) = part.split_at(part.find(char::is_alphabetic).unwrap_or(part.len()));
        format!("{number} {}", if unit == "m" { "min" } else { unit })
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// Tables in the order of the list of keys; within one, as they were found.
pub(super) fn in_table_order(mut settings: Vec<Effective>) -> Vec<Effective> {
    let place = |key: &str| {
        let table = key.split('.').next().unwrap_or_default();
        super::keys::TABLES.iter().position(|spec| spec.name == table)
    };
    settings.sort_by_key(|setting| place(&setting.key));
    settings
}
