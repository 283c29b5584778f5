//! A plugin's settings against the schema in its manifest.

use std::ops::Range;

use serde_json::Value as Json;

use super::plugin::{Entry, PluginSettings, Setting};
use super::problem::Problem;
use super::source::Source;
use super::suggest::nearest;

/// Compares the settings of a plugin with the JSON Schema of its manifest; empty when they fit.
///
/// It understands `properties`, `required`, `additionalProperties`, `type`, `enum`, `minimum`, `maximum`,
/// `minLength`, `items`, and `"secret": true`, which wants `{ env = … }`, `{ file = … }` or `{ value = … }`; other
/// words of JSON Schema are left to the plugin. Keys that the schema does not name are mistakes, unless
/// it has `additionalProperties` other than `false`.
pub fn check_settings(settings: &PluginSettings, schema: &Json) -> Vec<Problem> {
    let mut checker = Checker { source: &settings.source, problems: Vec::new() };
    checker.table(&settings.table, &settings.heading, &settings.entries, schema);
    checker.problems
}

struct Checker<'c> {
    source: &'c Source,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn table(&mut self, path: &str, heading: &Range<usize>, entries: &[Entry], schema: &Json) {
        let empty = serde_json::Map::new();
        let properties = schema["properties"].as_object().unwrap_or(&empty);
        let open = !matches!(schema["additionalProperties"], Json::Null | Json::Bool(false));
        for entry in entries {
            match properties.get(&entry.name) {
                Some(property) => {
                    self.setting(&format!("{path}.{}", entry.name), entry, property);
                }
                None if open => {}
                None => {
                    let message = format!("unknown key `{}` in [{path}]", entry.name);
                    let problem = self.source.problem(&entry.key, message);
                    self.problems.push(match nearest(&entry.name, properties.keys().map(String::as_str)) {
                        Some(near) => problem.with_help(format!("did you mean `{near}`?")),
                        None => problem.with_help(known_keys(properties)),
                    });
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !entries.iter().any(|entry| entry.name == name) {
                let problem = self.source.problem(heading, format!("[{path}] has no key `{name}`"));
                self.problems.push(match properties.get(name).and_then(|p| p["description"].as_str()) {
                    Some(description) => problem.with_help(format!("`{name}`: {description}")),
                    None => problem,
                });
            }
        }
    }

    fn setting(&mut self, path: &str, entry: &Entry, schema: &Json) {
        let secret = schema["secret"] == true;
        match (&entry.setting, secret) {
            (Setting::Secret(_), true) => return,
            (_, true) => {
                let help = format!(
                    "write {0} = {{ env = \"VARIABLE\" }}, {0} = {{ file = \"PATH\" }} or {0} = {{ value = \"…\" }}",
                    entry.name
                );
                let problem = self.source.problem(&entry.span, format!("`{path}` is a secret"));
                self.problems.push(problem.with_help(help));
                return;
            }
            _ => {}
        }
        // The schema says it is no secret, so its value may be shown.
        let name = entry.name.clone();
        self.value(path, &entry.setting, &entry.span, schema, &|key| key == name);
    }

    fn value(
        &mut self,
        path: &str,
        setting: &Setting,
        span: &Range<usize>,
        schema: &Json,
        shown: &dyn Fn(&str) -> bool,
    ) {
        let types = allowed_types(schema);
        if !types.is_empty() && !types.iter().any(|wanted| is_of_type(setting, wanted)) {
            let wanted = types.iter().map(|word| in_words(word)).collect::<Vec<_>>().join(" or ");
            let message = format!("`{path}` must be {wanted}, not {}", describe(setting));
            self.problems.push(self.source.problem_showing(span, message, shown));
            return;
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.iter().any(|choice| is_choice(setting, choice))
        {
            let list = choices.iter().map(written).collect::<Vec<_>>().join(", ");
            let message = format!("`{path}` must be one of {list}");
            let problem = self.source.problem_showing(span, message, shown);
            let near = match setting {
                Setting::Text(text) => nearest(text, choices.iter().filter_map(Json::as_str)),
                _ => None,
            };
            self.problems.push(match near {
                Some(near) => problem.with_help(format!("did you mean \"{near}\"?")),
                None => problem,
            });
            return;
        }
        if let Some(message) = outside(setting, schema) {
            self.problems.push(self.source.problem_showing(span, format!("`{path}` {message}"), shown));
        }
        match setting {
            Setting::List(items) => {
                for (index, (item, span)) in items.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), item, span, &schema["items"], shown);
                }
            }
            Setting::Table(entries) if schema["properties"].is_object() => {
                self.table(path, span, entries, schema);
            }
            _ => {}
        }
    }
}

fn known_keys(properties: &serde_json::Map<String, Json>) -> String {
    if properties.is_empty() {
        return "this plugin has no keys of its own".to_owned();
    }
    let names: Vec<_> = properties.keys().map(|name| format!("`{name}`")).collect();
    format!("this plugin's own keys are {}", names.join(", "))
}

fn allowed_types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(word) => vec![word],
        Json::Array(words) => words.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn is_of_type(setting: &Setting, wanted: &str) -> bool {
    match wanted {
        "string" => matches!(setting, Setting::Text(_) | Setting::Secret(_)),
        "integer" => matches!(setting, Setting::Integer(_)),
        "number" => matches!(setting, Setting::Integer(_) | Setting::Float(_)),
        "boolean" => matches!(setting, Setting::Boolean(_)),
        "array" => matches!(setting, Setting::List(_)),
        "object" => matches!(setting, Setting::Table(_)),
        // TOML has no null; a word this program does not know is for the plugin to judge.
        "null" => false,
        _ => true,
    }
}

fn in_words(word: &str) -> &str {
    match word {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}

fn describe(setting: &Setting) -> &'static str {
    match setting {
        Setting::Text(_) => "text",
        Setting::Integer(_) => "a whole number",
        Setting::Float(_) => "a number",
        Setting::Boolean(_) => "true or false",
        Setting::List(_) => "a list",
        Setting::Table(_) => "a table",
        Setting::Secret(_) => "a secret",
    }
}

fn is_choice(setting: &Setting, choice: &Json) -> bool {
    match setting {
        // What it holds is not known yet: for the plugin to judge.
        Setting::Secret(_) => true,
        Setting::Text(text) => choice == text,
        Setting::Integer(number) => choice == number,
        Setting::Float(number) => choice == number,
        Setting::Boolean(flag) => choice == flag,
        Setting::List(_) | Setting::Table(_) => false,
    }
}

/// A choice as it would be written in the file.
fn written(choice: &Json) -> String {
    match choice {
        Json::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

fn outside(setting: &Setting, schema: &Json) -> Option<String> {
    if let Setting::Text(text) = setting {
        let wanted = schema["minLength"].as_u64().unwrap_or(0);
        let short = (text.chars().count() as u64) < wanted;
        return short.then(|| match wanted {
            1 => "must not be empty".to_owned(),
            _ => format!("must have {wanted} characters or more"),
        });
    }
    #[allow(clippy::cast_precision_loss, reason = "a bound is compared, and no bound is near 2^53")]
    let number = match setting {
        Setting::Integer(number) => *number as f64,
        Setting::Float(number) => *number,
        _ => return None,
    };
    if let Some(minimum) = schema["minimum"].as_f64().filter(|minimum| number < *minimum) {
        return Some(format!("must be {minimum} or more"));
    }
    let maximum = schema["maximum"].as_f64().filter(|maximum| number > *maximum)?;
    Some(format!("must be {maximum} or less"))
}
