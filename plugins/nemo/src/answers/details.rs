//! What a record takes from answers: title, purpose, project, samples. What cannot be read is left out with a
//! warning.

use nexus_plugin_api::{Project, Sample};
use serde_json::{Map, Value};

use super::{Answers, shown};

/// The details of a booking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Title of the experiment.
    pub title: Option<String>,
    /// Why it was done.
    pub purpose: Option<String>,
    /// The project that was named.
    pub projects: Vec<Project>,
    /// The samples, in the order given.
    pub samples: Vec<Sample>,
    /// What was left out, and why.
    pub warnings: Vec<String>,
}

/// Reads the details of these answers.
pub fn details(answers: &Answers<'_>) -> Details {
    let mut warnings = Vec::new();
    let mut text = |question: &str| text(question, answers.input(question), &mut warnings);
    let (title, purpose) = (text("experiment_title"), text("experiment_purpose"));
    let project = text("project_id").map(|id| Project { id: Some(id), ..Project::default() });
    let samples = samples(answers, &mut warnings);
    Details { title, purpose, projects: project.into_iter().collect(), samples, warnings }
}

/// An answer that is a text; numbers are taken as they are written.
fn text(what: &str, input: Option<&Value>, warnings: &mut Vec<String>) -> Option<String> {
    let text = match input? {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => {
            warnings.push(format!("{what} is {}, which is no text; left out", shown(other)));
            return None;
        }
    };
    if !text.chars().all(is_printable) {
        warnings
            .push(format!("{what} holds characters that a record cannot carry; they are shown as \u{FFFD}"));
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The characters that XML 1.0 can carry.
fn is_printable(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The samples: the entries of the group, or the one of a form that has no group.
fn samples(answers: &Answers<'_>, warnings: &mut Vec<String>) -> Vec<Sample> {
    let samples: Vec<Sample> = match answers.input("sample_group") {
        None => sample("sample", &|question| answers.input(question), warnings).into_iter().collect(),
        Some(Value::Object(group)) => entries(group.values(), warnings),
        Some(Value::Array(group)) => entries(group.iter(), warnings),
        Some(Value::String(text)) if text.trim().is_empty() => Vec::new(),
        Some(other) => {
            warnings.push(format!("sample_group is {}, which is no list of samples; left out", shown(other)));
            Vec::new()
        }
    };
    samples
}

fn entries<'a>(group: impl Iterator<Item = &'a Value>, warnings: &mut Vec<String>) -> Vec<Sample> {
    let mut samples = Vec::new();
    for (at, entry) in group.enumerate() {
        let what = format!("sample {}", at + 1);
        match entry {
            Value::Object(entry) => {
                samples.extend(sample(&what, &|question| bare(entry, question), warnings));
            }
            Value::Null => {}
            other => warnings.push(format!("{what} is {}, which is no sample; left out", shown(other))),
        }
    }
    samples
}

/// Inside a group the value stands bare; a whole question is read too.
fn bare<'a>(entry: &'a Map<String, Value>, question: &str) -> Option<&'a Value> {
    match entry.get(question)? {
        Value::Object(whole) => whole.get("user_input"),
        other => Some(other),
    }
    .filter(|value| !value.is_null())
}

/// One sample; `None` if nothing is known of it.
fn sample<'a>(
    what: &str,
    input: &dyn Fn(&str) -> Option<&'a Value>,
    warnings: &mut Vec<String>,
) -> Option<Sample> {
    let mut of = |question: &str| text(&format!("{question} of {what}"), input(question), warnings);
    let (name, kind, details) = (of("sample_name"), of("sample_or_pid"), of("sample_details"));
    let elements = elements(what, input("periodic_table"), warnings);
    let mut sample = Sample { pid: None, name: None, details, elements };
    match (name, kind.as_deref().map(str::to_lowercase).as_deref()) {
        (None, _) => {}
        (Some(pid), Some("pid")) => sample.pid = Some(pid),
        // A form without that question asks for a name.
        (Some(name), Some("sample name") | None) => sample.name = Some(name),
        (Some(name), Some(kind)) => warnings
            .push(format!("{what}: `{name}` is neither a sample name nor a PID but `{kind}`; left out")),
    }
    (sample != Sample::default()).then_some(sample)
}

/// The element symbols; the host leaves out those that are none.
fn elements(what: &str, input: Option<&Value>, warnings: &mut Vec<String>) -> Vec<String> {
    let mut symbols = Vec::new();
    let mut take = |text: &str| {
        let words = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
        symbols.extend(words.filter(|word| !word.is_empty()).map(str::to_owned));
    };
    match input {
        None => {}
        Some(Value::String(text)) => take(text),
        Some(Value::Array(items)) => {
            for item in items {
                match item {
                    Value::String(text) => take(text),
                    Value::Null => {}
                    other => warnings
                        .push(format!("{what}: {} is no chemical element and was left out", shown(other))),
                }
            }
        }
        Some(other) => {
            warnings
                .push(format!("periodic_table of {what} is {}, which is no list; left out", shown(other)));
        }
    }
    symbols
}
