//! The JSON Schema of the file, for editors.

use serde_json::{Map, Value as Json, json};

use super::keys::{Absent, CARRIERS, Key, Kind, TABLES, TableSpec};
use super::read::default_value;
use super::value::Value;

/// The JSON Schema (draft 2020-12) of `nexus.toml`. Keys of plugins are open.
pub fn json_schema() -> Json {
    let properties: Map<String, Json> =
        TABLES.iter().map(|spec| (spec.name.to_owned(), top_level(spec))).collect();
    let required: Vec<&str> =
        TABLES.iter().filter(|spec| !spec.plugins && needs_something(spec)).map(|s| s.name).collect();
    let secret_sources = ["env", "file", "value"].map(|source| {
        json!({
            "type": "object",
            "properties": { source: { "type": "string", "minLength": 1 } },
            "required": [source],
            "additionalProperties": false,
        })
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nexus.toml",
        "description": "The settings of nexus.",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "$defs": {
            "secret": {
                "description": "A token or password: where to find it.",
                "oneOf": secret_sources,
            },
        },
    })
}

fn needs_something(spec: &TableSpec) -> bool {
    spec.keys.iter().any(|key| matches!(key.absent, Absent::Required(_)))
}

fn top_level(spec: &TableSpec) -> Json {
    let table = one_table(spec);
    if !spec.plugins {
        return table;
    }
    json!({
        "description": spec.about,
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9_-]+$" },
        "additionalProperties": table,
    })
}

fn one_table(spec: &TableSpec) -> Json {
    let properties: Map<String, Json> =
        spec.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<&str> = spec
        .keys
        .iter()
        .filter(|key| matches!(key.absent, Absent::Required(_)))
        .map(|key| key.name)
        .collect();
    let mut table = json!({ "description": spec.about, "type": "object", "properties": properties });
    if !required.is_empty() {
        table["required"] = required.into();
    }
    if spec.plugins {
        table["oneOf"] = CARRIERS.map(|carrier| json!({ "required": [carrier] })).to_vec().into();
    } else {
        table["additionalProperties"] = false.into();
    }
    table
}

fn property(key: &Key) -> Json {
    let mut property = match key.kind {
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Path => json!({ "type": "string", "minLength": 1, "format": "path" }),
        Kind::Name => json!({ "type": "string", "pattern": "^[a-z0-9_-]+$" }),
        Kind::Address => json!({ "type": "string", "format": "uri", "pattern": "^https?://" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Duration { .. } => json!({ "type": "string", "examples": ["2 days", "30 min"] }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number => json!({ "type": "number", "minimum": 0 }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Texts | Kind::Globs | Kind::Suffixes => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
        }
        Kind::Names => json!({ "type": "array", "items": { "type": "string", "pattern": "^[a-z0-9_-]+$" } }),
        Kind::Addresses => json!({ "type": "array", "items": { "type": "string", "pattern": "^https?://" } }),
        Kind::Command => json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 }),
        Kind::Sha256 => json!({ "type": "string", "pattern": "^[0-9A-Fa-f]{64}$" }),
    };
    property["description"] = key.about.into();
    if let Absent::Default(text) = key.absent
        && let Some(value) = default_value(key, text)
    {
        property["default"] = match value {
            Value::Texts(texts) => texts.into(),
            Value::Integer(number) => number.into(),
            Value::Number(number) => number.into(),
            Value::Boolean(truth) => truth.into(),
            // Durations keep the words they are written in.
            _ => text.trim_matches('"').into(),
        };
    }
    property
}
