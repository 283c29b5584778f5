//! Answers to questions, as NEMO keeps them: with a reservation, and before and after the use of a tool.
//!
//! One structure in three places: an object keyed by question name, each value with `user_input` if the
//! question was answered. `question_data` of a reservation arrives decoded, `run_data` and `pre_run_data` of a
//! usage event are text that holds JSON.

mod details;
mod lenient;

use nexus_plugin_consent::quoted;
use serde_json::{Map, Value};

pub use details::details;

/// The answers of one place: an object with something in it.
#[derive(Debug)]
pub struct Answers<'a>(&'a Map<String, Value>);

impl<'a> Answers<'a> {
    /// The answers in decoded JSON; `None` if it is not an object, or empty.
    pub fn of(data: &'a Value) -> Option<Self> {
        data.as_object().filter(|object| !object.is_empty()).map(Self)
    }

    /// Whether the question was asked.
    pub fn has(&self, question: &str) -> bool {
        self.0.contains_key(question)
    }

    /// The answer to a question; `None` if it was not answered or its definition is odd.
    pub fn input(&self, question: &str) -> Option<&'a Value> {
        self.0.get(question)?.as_object()?.get("user_input").filter(|input| !input.is_null())
    }
}

/// What `run_data` or `pre_run_data` holds.
#[derive(Debug, Clone, PartialEq)]
pub enum RunData {
    /// Nothing that could hold answers: absent, empty, no JSON, a list, an empty object.
    Nothing,
    /// Decoded JSON, an object with something in it.
    Data(Value),
    /// JSON that other programs can read and this one cannot, so a refusal may be in it.
    Unclear(String),
}

impl RunData {
    /// Reads the field of a usage event. Some servers give it decoded; that is as good.
    pub fn read(field: &Value) -> Self {
        let data = match field {
            Value::String(text) if text.trim().is_empty() => return Self::Nothing,
            Value::String(text) => match lenient::parse(text) {
                Ok(Some(data)) => data,
                Ok(None) => return Self::Nothing,
                Err(why) => return Self::Unclear(why),
            },
            other => other.clone(),
        };
        if Answers::of(&data).is_some() { Self::Data(data) } else { Self::Nothing }
    }
}

/// An answer in back quotes, at most 200 characters of it.
pub fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| quoted(&value.to_string()), quoted)
}

#[cfg(test)]
pub(crate) mod tests;
