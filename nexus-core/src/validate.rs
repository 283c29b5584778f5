//! Whether a record is what its schema says.
//!
//! Two pairs of eyes read every record. `grammar` and `check` know this one schema: they name the element
//! that is wrong and how, and stop after a few problems however many there are. Then a general XML Schema
//! validator gives its verdict, which counts as well: a mistake of the first must not let a bad record out.
//! Neither reads anything but the bytes it is given.
//!
//! ```
//! let record = br#"<Experiment xmlns="https://data.nist.gov/od/dm/nexus/experiment/v1.0">
//!   <title>A session</title>
//! </Experiment>"#;
//! let invalid = nexus_core::validate::shipped()?.validate(record).unwrap_err();
//! assert_eq!(invalid.to_string(), "/Experiment, line 1: `summary` is missing");
//! # Ok::<(), nexus_core::validate::SchemaError>(())
//! ```

mod check;
mod grammar;
pub(crate) mod tags;
pub(crate) mod value;

use std::fmt;
use std::sync::OnceLock;

use uppsala::{Document, Parser, XmlError, XsdValidator};

use grammar::Grammar;

/// The schema of records, as it is shipped.
pub const SCHEMA: &str = include_str!("../schema/nexus-experiment.xsd");

/// How many problems of one record are told, unless more are asked for.
const TOLD: usize = 8;

/// Tells whether a record may go out.
pub trait RecordValidator: Send + Sync {
    /// Checks a whole record file.
    ///
    /// # Errors
    /// What is wrong with it, the first places of it.
    fn validate(&self, record: &[u8]) -> Result<(), Invalid> {
        self.examine(record, TOLD)
    }

    /// The same, and tells up to `limit` problems (at least one). Each costs a look through the whole file.
    ///
    /// # Errors
    /// What is wrong with it.
    fn examine(&self, record: &[u8], limit: usize) -> Result<(), Invalid>;
}

/// A record that is not what the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// At least one, by position in the file.
    pub problems: Vec<Problem>,
    /// Whether the search was given up before the end of the record: there may be more.
    pub more: bool,
}

/// One thing that is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The element, as `/Experiment/acquisitionActivity[2]/dataset/meta[3]`: numbers count from 1 and stand
    /// where several elements of one name share a parent. Empty if the file is no XML at all.
    pub path: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// Column in that line, from 1, in bytes.
    pub column: usize,
    /// What is wrong, in plain words.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
        } else {
            write!(f, "{}, line {}: {}", self.path, self.line, self.message)
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.problems.first() else { return write!(f, "the record is not valid") };
        write!(f, "{first}")?;
        let others = self.problems.len() - 1;
        match (others, self.more) {
            (0, false) => Ok(()),
            (0, true) => write!(f, " (and perhaps more)"),
            (others, false) => write!(f, " (and {others} more)"),
            (others, true) => write!(f, " (and at least {others} more)"),
        }
    }
}

impl std::error::Error for Invalid {}

/// The shipped schema cannot be used; nothing can be validated, so nothing may be built.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SchemaError {
    /// It is not XML.
    #[error("the schema of records is not well-formed XML: {0}")]
    NotXml(String),
    /// It is XML, but not the schema we know.
    #[error("the schema of records, line {line}: {why}")]
    Unusable {
        /// Line in the schema.
        line: usize,
        /// What stands there that must not.
        why: String,
    },
    /// It judged a record of known worth wrongly.
    #[error(
        "the schema of records calls a record {verdict} that is not: {why}; the program is broken, do not use it"
    )]
    Canary {
        /// What it said.
        verdict: &'static str,
        /// Which record.
        why: String,
    },
}

/// The validator of the shipped schema: made once, shared by all threads.
///
/// # Errors
/// The schema that was compiled in is no good, or a record known to be good or bad is not judged so.
pub fn shipped() -> Result<&'static dyn RecordValidator, SchemaError> {
    static SHIPPED: OnceLock<Result<Validator, SchemaError>> = OnceLock::new();
    match SHIPPED.get_or_init(|| Validator::new(SCHEMA)) {
        Ok(validator) => Ok(validator),
        Err(error) => Err(error.clone()),
    }
}

struct Validator {
    grammar: Grammar,
    second: XsdValidator,
}

/// Good: says something of each kind.
const GOOD: &str = include_str!("../schema/canary.xml");

/// What turns the good one bad, and only just.
const SPOILED: [(&str, &str); 4] = [
    ("<reservationStart>2024-03-05T09:00:00-07:00", "<reservationStart>2024-03-05 09:00:00-07:00"),
    ("<location>/sem/a.tif</location>", ""),
    ("type=\"Image\"", "type=\"Picture\""),
    ("xsi:type=\"nx:TextEntry\"", ""),
];

impl Validator {
    fn new(schema: &str) -> Result<Self, SchemaError> {
        let document = Parser::new()
            .with_forbid_dtd(true)
            .parse(schema)
            .map_err(|error| SchemaError::NotXml(error.to_string()))?;
        let grammar = Grammar::read(&document)?;
        let mut second = XsdValidator::from_schema(&document)
            .map_err(|error| SchemaError::Unusable { line: 1, why: error.to_string() })?;
        // Links come from schedulers: what libxml2 lets through, and so every reader of records, we do too.
        second.set_lenient(true);
        let validator = Self { grammar, second };
        validator.sing()?;
        Ok(validator)
    }

    /// The validator must judge documents of known worth rightly before it may judge others: a schema library
    /// that understands less than we think accepts everything, in silence.
    fn sing(&self) -> Result<(), SchemaError> {
        let wrong = |verdict, why: String| Err(SchemaError::Canary { verdict, why });
        for (eyes, verdict) in self.verdicts(GOOD) {
            if let Some(problem) = verdict {
                return wrong("invalid", format!("the good one ({eyes}: {problem})"));
            }
        }
        for (good, bad) in SPOILED {
            for (eyes, verdict) in self.verdicts(&GOOD.replacen(good, bad, 1)) {
                if verdict.is_none() {
                    return wrong("valid", format!("the good one with `{bad}` for `{good}` ({eyes})"));
                }
            }
        }
        Ok(())
    }

    /// What each pair of eyes says by itself.
    fn verdicts(&self, record: &str) -> [(&'static str, Option<String>); 2] {
        match parse(record) {
            Err(problem) => {
                [("grammar", Some(problem.to_string())), ("schema library", Some(problem.to_string()))]
            }
            Ok(document) => [
                (
                    "grammar",
                    check::problems(&self.grammar, &document, 1).problems.first().map(ToString::to_string),
                ),
                ("schema library", self.second.validate(&document).first().map(|e| e.message.clone())),
            ],
        }
    }
}

impl RecordValidator for Validator {
    fn examine(&self, record: &[u8], limit: usize) -> Result<(), Invalid> {
        let one = |problem| Invalid { problems: vec![problem], more: false };
        let text = text_of(record).map_err(one)?;
        let document = parse(text).map_err(one)?;
        let found = check::problems(&self.grammar, &document, limit.max(1));
        if !found.problems.is_empty() {
            return Err(found);
        }
        // Without the text behind it the library does not count lines for each of its findings, which takes
        // time with the square of their number.
        let errors = self.second.validate(&document.into_static());
        match errors.first() {
            None => Ok(()),
            Some(error) => Err(Invalid {
                problems: vec![Problem {
                    path: "/Experiment".to_owned(),
                    line: 1,
                    column: 1,
                    message: format!("somewhere below: {}", check::shown(&error.message)),
                }],
                more: errors.len() > 1,
            }),
        }
    }
}

/// The record as text, without a byte order mark.
fn text_of(record: &[u8]) -> Result<&str, Problem> {
    if record.iter().all(u8::is_ascii_whitespace) {
        return Err(position(b"", "the file is empty"));
    }
    let text = std::str::from_utf8(record).map_err(|error| {
        let before = record.get(..error.valid_up_to()).unwrap_or_default();
        let byte = record.get(error.valid_up_to()).copied().unwrap_or_default();
        position(before, &format!("the byte {byte:#04x} is not UTF-8; records are UTF-8"))
    })?;
    Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text))
}

/// A problem behind these bytes of the file.
fn position(before: &[u8], message: &str) -> Problem {
    let line = before.split(|&byte| byte == b'\n');
    let column = before.rsplit(|&byte| byte == b'\n').next().unwrap_or_default().len() + 1;
    Problem { path: String::new(), line: line.count(), column, message: message.to_owned() }
}

fn parse(text: &str) -> Result<Document<'_>, Problem> {
    if let Some(at) = tags::overfull(text) {
        let before = text.as_bytes().get(..at).unwrap_or_default();
        return Err(position(before, &format!("an element with more than {} attributes", tags::MOST)));
    }
    let document = Parser::new().with_forbid_dtd(true).parse(text).map_err(|error| {
        let (line, column, message) = match error {
            XmlError::WellFormedness(e) => (e.line, e.column, e.message),
            XmlError::Namespace(e) => (e.line, e.column, e.message),
            XmlError::Parse(e) => (e.line, e.column, e.message),
            XmlError::UnexpectedEof => return position(text.as_bytes(), "the file ends too early"),
            other => (1, 1, other.to_string()),
        };
        // What is wrong with the file as a whole has no place for the parser.
        Problem {
            path: String::new(),
            line: line.max(1),
            column: column.max(1),
            message: format!("not well-formed XML: {}", check::shown(&message)),
        }
    })?;
    let encoding = document.xml_declaration.as_ref().and_then(|declaration| declaration.encoding.as_deref());
    match encoding {
        Some(name) if !name.eq_ignore_ascii_case("utf-8") && !name.eq_ignore_ascii_case("us-ascii") => {
            Err(position(b"", &format!("the file says it is {}; records are UTF-8", check::quoted(name))))
        }
        _ => Ok(document),
    }
}

#[cfg(test)]
mod tests;
