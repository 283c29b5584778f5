//! As much of JSON Schema as the schemas of the protocol use. A word that it does not know is a panic: nothing
//! is passed over.

use serde_json::{Map, Value};

/// What is wrong with a value; empty if it fits. `root` is where `$ref` starts.
pub fn problems(root: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(root, root, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Object(schema) => schema,
        other => panic!("{at}: {other} is no schema"),
    };
    for (word, wanted) in schema {
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" | "format" => {}
            "$ref" => check(root, resolve(root, wanted), value, at, found),
            "type" => {
                require(is_of(wanted, value), found, || format!("{at}: {value} is not of type {wanted}"));
            }
            "const" => require(value == wanted, found, || format!("{at}: {value} is not {wanted}")),
            "enum" => require(wanted.as_array().unwrap().contains(value), found, || {
                format!("{at}: {value} is none of {wanted}")
            }),
            "minimum" => {
                require(
                    value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap()),
                    found,
                    || format!("{at}: {value} is below {wanted}"),
                );
            }
            "maximum" => {
                require(
                    value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap()),
                    found,
                    || format!("{at}: {value} is above {wanted}"),
                );
            }
            "pattern" => {
                assert_eq!(wanted, "^([0-9a-fA-F]{2})*$", "the only pattern this knows");
                let hex = |text: &str| {
                    text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
                };
                require(value.as_str().is_none_or(hex), found, || {
                    format!("{at}: {value} is not hexadecimal")
                });
            }
            "required" => {
                for name in wanted.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
                    require(!value.is_object() || value.get(name).is_some(), found, || {
                        format!("{at}: `{name}` is missing")
                    });
                }
            }
            "properties" => {
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if let Some(wanted) = wanted.get(name) {
                        check(root, wanted, inner, &format!("{at}/{name}"), found);
                    }
                }
            }
            "additionalProperties" => additional(root, schema, wanted, value, at, found),
            "items" => {
                for (index, inner) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, wanted, inner, &format!("{at}[{index}]"), found);
                }
            }
            "allOf" => wanted.as_array().unwrap().iter().for_each(|part| check(root, part, value, at, found)),
            "anyOf" => choices(root, wanted, value, at, found, &|fitting| fitting > 0),
            "oneOf" => choices(root, wanted, value, at, found, &|fitting| fitting == 1),
            other => panic!("{at}: this does not know the word `{other}` of JSON Schema"),
        }
    }
}

fn additional(
    root: &Value,
    schema: &Map<String, Value>,
    wanted: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        if schema.get("properties").is_some_and(|known| known.get(name).is_some()) {
            continue;
        }
        match wanted {
            Value::Bool(allowed) => require(*allowed, found, || format!("{at}: `{name}` is not allowed")),
            wanted => check(root, wanted, inner, &format!("{at}/{name}"), found),
        }
    }
}

fn choices(
    root: &Value,
    wanted: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
    enough: &dyn Fn(usize) -> bool,
) {
    let tried: Vec<Vec<String>> = wanted
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| {
            let mut problems = Vec::new();
            check(root, choice, value, at, &mut problems);
            problems
        })
        .collect();
    let fitting = tried.iter().filter(|problems| problems.is_empty()).count();
    require(enough(fitting), found, || format!("{at}: {fitting} choices fit {value}: {tried:?}"));
}

fn resolve<'r>(root: &'r Value, reference: &Value) -> &'r Value {
    let reference = reference.as_str().unwrap();
    if reference == "#" {
        return root;
    }
    let pointer = reference.strip_prefix('#').expect("references stay inside the document");
    root.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

fn is_of(wanted: &Value, value: &Value) -> bool {
    let one = |word: &str| match word {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type of JSON Schema"),
    };
    match wanted {
        Value::String(word) => one(word),
        Value::Array(words) => words.iter().any(|word| one(word.as_str().unwrap())),
        other => panic!("{other} is no type"),
    }
}

fn require(holds: bool, found: &mut Vec<String>, problem: impl FnOnce() -> String) {
    if !holds {
        found.push(problem());
    }
}
