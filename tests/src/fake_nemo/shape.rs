//! `expand`, `fields` and `omit`: how the rows of a list look.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::data::Facility;
use crate::http::Request;

/// Dotted names as a tree: `user.id,user.name,start` is user → {id, name} and start → {}.
#[derive(Debug, Default)]
struct Names(BTreeMap<String, Names>);

impl Names {
    fn of(request: &Request, parameter: &str) -> Self {
        let mut names = Self::default();
        for name in
            request.parameter(parameter).unwrap_or_default().split(',').filter(|name| !name.is_empty())
        {
            let mut at = &mut names;
            for part in name.split('.') {
                at = at.0.entry(part.trim().to_owned()).or_default();
            }
        }
        names
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether the answer holds a field of the rows themselves.
pub(super) fn shows(request: &Request, field: &str) -> bool {
    let (fields, omit) = (Names::of(request, "fields"), Names::of(request, "omit"));
    let omitted = omit.0.get(field).is_some_and(Names::is_empty);
    !omitted && (fields.is_empty() || fields.0.contains_key(field))
}

/// The rows as they were asked for.
pub(super) fn apply(rows: Vec<Value>, request: &Request, facility: &Facility) -> Vec<Value> {
    let [expand, fields, omit] = ["expand", "fields", "omit"].map(|name| Names::of(request, name));
    rows.into_iter().map(|row| shaped(row, &expand, &fields, &omit, facility)).collect()
}

fn shaped(row: Value, expand: &Names, fields: &Names, omit: &Names, facility: &Facility) -> Value {
    let Value::Object(row) = row else { return row };
    let nothing = Names::default();
    let mut out = Map::new();
    for (key, value) in row {
        let left_out = omit.0.get(&key).is_some_and(Names::is_empty)
            || !(fields.is_empty() || fields.0.contains_key(&key));
        if left_out {
            continue;
        }
        let inner = expand.0.get(&key).or_else(|| expand.0.get("~all"));
        let value = match inner {
            None => value,
            Some(inner) => {
                let fields = fields.0.get(&key).unwrap_or(&nothing);
                let omit = omit.0.get(&key).unwrap_or(&nothing);
                expanded(&key, value, facility, &|row| shaped(row, inner, fields, omit, facility))
            }
        };
        out.insert(key, value);
    }
    Value::Object(out)
}

/// The objects behind a foreign key; other fields stay, as an unknown name in `expand` is ignored.
fn expanded(key: &str, value: Value, facility: &Facility, shape: &dyn Fn(Value) -> Value) -> Value {
    let one = |id: &Value| {
        let found = id.as_u64().and_then(|id| facility.linked(key, id));
        found.map_or_else(|| id.clone(), shape)
    };
    match value {
        Value::Array(ids) => Value::Array(ids.iter().map(one).collect()),
        id => one(&id),
    }
}
