//! An item of a list, whatever interface it came by: columns by name.

mod text;

use std::borrow::Cow;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Map, Value};

use crate::people::Person;

/// An item.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// Its number; of a calendar event, its name.
    pub id: String,
    /// Its columns.
    pub fields: Map<String, Value>,
    /// Who made it, if the interface says so beside the columns.
    pub created_by: Option<Person>,
    /// When it was last changed, as written.
    pub modified: Option<String>,
    /// Its page, if the interface says so.
    pub web_url: Option<String>,
}

/// A time in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// As it is written, without what says where.
    pub wall: NaiveDateTime,
    /// The instant; `None` if it does not say where.
    pub at: Option<DateTime<Utc>>,
}

impl Row {
    /// The value of a column; `None` if it is empty.
    pub fn value(&self, column: &str) -> Option<&Value> {
        let found = self.fields.get(column).or_else(|| self.fields.get(asked_as(column).as_ref()));
        found.filter(|value| !value.is_null())
    }

    /// The value of a column as a line of text.
    pub fn text(&self, column: &str) -> Option<String> {
        text::of(self.value(column)?)
    }

    /// Several values, or the one.
    pub fn texts(&self, column: &str) -> Vec<String> {
        match self.value(column) {
            Some(Value::Array(several)) => several.iter().filter_map(text::of).collect(),
            Some(Value::Object(one)) if one.contains_key("results") => match one.get("results") {
                Some(Value::Array(several)) => several.iter().filter_map(text::of).collect(),
                _ => Vec::new(),
            },
            Some(one) => text::of(one).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// The value of a column as a time.
    pub fn time(&self, column: &str) -> Option<Moment> {
        moment(self.value(column)?.as_str()?)
    }

    /// Whether a yes/no column says yes.
    pub fn flag(&self, column: &str) -> bool {
        match self.value(column) {
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => {
                matches!(text.trim().to_ascii_lowercase().as_str(), "true" | "1" | "yes")
            }
            Some(Value::Number(number)) => number.as_f64() == Some(1.0),
            _ => false,
        }
    }

    /// The value of a column as a whole number. Microsoft Graph writes some of them as fractions.
    pub fn number(&self, column: &str) -> Option<i64> {
        whole(self.value(column)?)
    }
}

/// The name of a column in questions and answers: one that begins with `_` has something before it there.
pub fn asked_as(column: &str) -> Cow<'_, str> {
    if column.starts_with('_') { Cow::Owned(format!("OData_{column}")) } else { Cow::Borrowed(column) }
}

/// A whole number, as text or with a fraction of nothing.
pub fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let text = number.to_string();
            text.strip_suffix(".0")?.parse().ok()
        }),
        _ => None,
    }
}

/// ISO 8601, with or without what says where.
pub fn moment(text: &str) -> Option<Moment> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(Moment { wall: time.naive_local(), at: Some(time.to_utc()) });
    }
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?;
    Some(Moment { wall, at: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(fields: Value) -> Row {
        let Value::Object(fields) = fields else { panic!("an object") };
        Row { id: "1".into(), fields, ..Row::default() }
    }

    #[test]
    fn values_of_every_kind() {
        let row = row(json!({
            "a": " x ", "b": null, "c": ["u", "v"], "d": {"results": ["u"]}, "e": true, "f": 3.0, "g": "1", "h": 7,
            "t": "2025-03-03T14:00:00Z", "n": "2025-03-03T14:00:00.0000000"
        }));
        assert_eq!(row.text("a").as_deref(), Some("x"));
        assert_eq!((row.text("b"), row.text("z")), (None, None));
        assert_eq!((row.texts("c").len(), row.texts("d").len(), row.texts("a").len()), (2, 1, 1));
        assert!(row.flag("e") && row.flag("g") && !row.flag("h") && !row.flag("z"));
        assert_eq!((row.number("f"), row.number("g"), row.number("a")), (Some(3), Some(1), None));
        assert_eq!(row.time("t").unwrap().at.unwrap().timestamp(), 1_741_010_400);
        assert_eq!(row.time("n").unwrap().at, None);
        assert_eq!(row.time("a"), None);
    }
}
