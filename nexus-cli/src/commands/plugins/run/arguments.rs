//! The arguments of an action, from the command line.

use nexus_plugin_api::Action;
use serde_json::{Map, Value};

/// From `--json-args`.
pub(super) fn from_json(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err("--json-args wants an object: {\"KEY\": VALUE, …}".to_owned()),
        Err(error) => Err(format!("--json-args is not JSON: {error}")),
    }
}

/// From words `KEY=VALUE`. A value is a text where the action says so or does not say, else JSON.
pub(super) fn from_words(action: &Action, words: &[String]) -> Result<Map<String, Value>, String> {
    let mut map = Map::new();
    for word in words {
        let Some((key, text)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            return Err(format!("`{word}` is no argument: write KEY=VALUE"));
        };
        let value = value(&action.arguments["properties"][key], text)
            .map_err(|wanted| format!("argument `{key}` must be {wanted}, not `{text}`"))?;
        if map.insert(key.to_owned(), value).is_some() {
            return Err(format!("argument `{key}` is given twice"));
        }
    }
    Ok(map)
}

fn value(property: &Value, text: &str) -> Result<Value, String> {
    let types: Vec<&str> = match &property["type"] {
        Value::String(word) => vec![word],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let json: Option<Value> = serde_json::from_str(text).ok();
    let fits = |value: &Value| types.iter().any(|wanted| is_of_type(value, wanted));
    match json.filter(fits) {
        Some(value) => Ok(value),
        None if types.is_empty() || types.contains(&"string") => Ok(text.into()),
        None => Err(types.join(" or ")),
    }
}

fn is_of_type(value: &Value, wanted: &str) -> bool {
    match wanted {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// Compares the names with those that the action lists, if it lists any; the values are its own affair.
pub(super) fn check(action: &Action, arguments: Map<String, Value>) -> Result<Value, String> {
    let name = &action.name;
    if let Some(known) = action.arguments["properties"].as_object()
        && matches!(action.arguments["additionalProperties"], Value::Null | Value::Bool(false))
        && let Some(key) = arguments.keys().find(|key| !known.contains_key(*key))
    {
        let known: Vec<&str> = known.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "it takes none".to_owned()
        } else {
            format!("it takes {}", known.join(", "))
        };
        return Err(format!("action `{name}` takes no argument `{key}`; {known}"));
    }
    let needed = action.arguments["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let missing: Vec<&str> = needed.filter(|key| !arguments.contains_key(*key)).collect();
    if !missing.is_empty() {
        return Err(format!("action `{name}` needs {}", missing.join(", ")));
    }
    Ok(Value::Object(arguments))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action() -> Action {
        let text = json!({
            "name": "enrol",
            "summary": "",
            "arguments": {
                "properties": {
                    "user": {"type": "string"},
                    "count": {"type": "integer"},
                    "deep": {"type": ["boolean", "null"]},
                    "all": {"type": ["array", "string"]},
                    "free": {}
                },
                "required": ["user"]
            }
        });
        serde_json::from_value(text).unwrap()
    }

    fn read(words: &[&str]) -> Result<Value, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        from_words(&action(), &words).and_then(|arguments| check(&action(), arguments))
    }

    #[test]
    fn values_are_what_the_action_says() {
        let words = ["user=7", "count=-3", "deep=true", "all=[1]", "free=1 = 2"];
        let wanted = json!({"user": "7", "count": -3, "deep": true, "all": [1], "free": "1 = 2"});
        assert_eq!(read(&words).unwrap(), wanted);
        assert_eq!(read(&["user=", "all=x"]).unwrap(), json!({"user": "", "all": "x"}));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (words, part) in [
            (vec!["user=a", "count=many"], "argument `count` must be integer, not `many`"),
            (vec!["user=a", "count=1.5"], "argument `count` must be integer, not `1.5`"),
            (vec!["user=a", "user=b"], "argument `user` is given twice"),
            (vec!["ada"], "`ada` is no argument: write KEY=VALUE"),
            (vec!["=ada"], "`=ada` is no argument"),
            (vec!["user=a", "x=1"], "takes no argument `x`; it takes user, count, deep, all, free"),
            (vec![], "action `enrol` needs user"),
        ] {
            let error = read(&words).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        assert!(from_json("[1]").unwrap_err().contains("an object"));
        assert!(from_json("{").unwrap_err().contains("not JSON"));
        assert_eq!(from_json("{\"a\": [1]}").unwrap()["a"], json!([1]));
    }
}
