//! What a plugin does with its table of the configuration.

use nexus_plugin_api::message::Method;
use nexus_plugin_api::{FailureClass, PluginError};
use serde_json::{Value, json};
use uuid::Uuid;

use super::bench::{Bench, Nothing, quoted, told};
use super::check::{Check, Stop, Verdict, fail, must, skip};
use super::messages::WORKS;

/// The name of the check that every call depends on.
pub(super) const ACCEPTED: &str = "settings.accepted";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        ACCEPTED,
        "An instance is made from the settings given.",
        "Give settings that the plugin can work with: `--setting`, `--settings` or nexus-test.toml.",
        &["manifest.loads", "manifest.settings-are-an-object"],
        |bench| bench.line().map(drop),
    ),
    Check::new(
        "settings.missing-key-refused",
        "Without a required setting no instance is made, and the error names the setting.",
        "Look for every required key before anything else, and say which one is missing.",
        &[ACCEPTED],
        missing_key,
    ),
    Check::new(
        "settings.wrong-type-refused",
        "A setting of a wrong type is refused.",
        "Look at the type of every value; do not turn a list into its text.",
        &[ACCEPTED],
        wrong_type,
    ),
    Check::new(
        "settings.refusal-is-permanent",
        "Settings are refused with class permanent or auth and effect none.",
        "Use class permanent: the same settings will be refused again, so the host need not try.",
        &["settings.missing-key-refused"],
        refusal_class,
    ),
    Check::new(
        "settings.unknown-key",
        "A key that the plugin does not know is left alone, or refused by its name.",
        "Name the key that is not known; or ignore it.",
        &[ACCEPTED],
        unknown_key,
    ),
    Check::new(
        "settings.secret-not-in-refusals",
        "An error about the settings never holds the value of a secret.",
        "Name the key, never its value, and do not print the whole table.",
        &[ACCEPTED],
        secret_in_refusals,
    ),
];

/// What can be said once an instance answers.
pub(super) const INSTANCES: &[Check] = &[
    Check::new(
        "settings.two-instances",
        "Two instances live side by side and both answer.",
        "Keep what belongs to an instance in it, not in a global variable.",
        &[WORKS],
        two_instances,
    ),
    Check::new(
        "settings.made-again",
        "After an instance is gone, another is made from the same settings.",
        "Give back what an instance holds (files, locks, ports) when it ends.",
        &[WORKS],
        made_again,
    ),
];

/// The required keys.
fn required(bench: &Bench<'_>) -> Vec<String> {
    let names = bench.manifest.settings["required"].as_array();
    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The settings without one key.
fn without(settings: &Value, name: &str) -> Value {
    let mut settings = settings.clone();
    if let Some(map) = settings.as_object_mut() {
        map.remove(name);
    }
    settings
}

fn with(settings: &Value, name: &str, value: Value) -> Value {
    let mut settings = settings.clone();
    if let Some(map) = settings.as_object_mut() {
        map.insert(name.to_owned(), value);
    }
    settings
}

fn missing_key(bench: &mut Bench<'_>) -> Verdict {
    let names = required(bench);
    if names.is_empty() {
        return skip("no setting is required");
    }
    for name in names {
        let settings = without(&bench.settings, &name);
        let Err(error) = bench.connect_with(&settings)? else {
            return fail(format!("without `{name}` an instance is made all the same"));
        };
        must(told(&error).contains(&name), || {
            format!("the error about the missing `{name}` says: {}", told(&error))
        })?;
    }
    Ok(())
}

fn wrong_type(bench: &mut Bench<'_>) -> Verdict {
    let given = bench.settings.as_object().cloned().unwrap_or_default();
    let mut tried = 0;
    for (name, _) in given {
        let wrong = match bench.manifest.settings["properties"][&name]["type"].as_str() {
            Some("string") => json!(["a", {"list": true}]),
            Some("integer" | "number" | "boolean" | "array" | "object") => json!("a text"),
            _ => continue,
        };
        tried += 1;
        let settings = with(&bench.settings, &name, wrong.clone());
        if bench.connect_with(&settings)?.is_ok() {
            return fail(format!("`{name}` = {wrong} is accepted"));
        }
    }
    if tried == 0 { skip("no setting with a type was given") } else { Ok(()) }
}

fn refusal_class(bench: &mut Bench<'_>) -> Verdict {
    for name in required(bench) {
        let settings = without(&bench.settings, &name);
        if let Err(error) = bench.connect_with(&settings)? {
            let settled = matches!(error.class, FailureClass::Permanent | FailureClass::Auth);
            must(settled && error.effect == nexus_plugin_api::Effect::None, || {
                format!(
                    "without `{name}` the class is {} and the effect {}",
                    error.class.as_str(),
                    quoted(&error.effect)
                )
            })?;
        }
    }
    Ok(())
}

const UNKNOWN: &str = "conformance_unknown_key";

fn unknown_key(bench: &mut Bench<'_>) -> Verdict {
    let settings = with(&bench.settings, UNKNOWN, json!(true));
    match bench.connect_with(&settings)? {
        Ok(_) => Ok(()),
        Err(error) => must(told(&error).contains(UNKNOWN), || format!("the error says: {}", told(&error))),
    }
}

fn secret_in_refusals(bench: &mut Bench<'_>) -> Verdict {
    let properties = bench.manifest.settings["properties"].as_object().cloned().unwrap_or_default();
    let secrets: Vec<String> = properties
        .into_iter()
        .filter(|(_, property)| property["secret"] == true)
        .map(|(name, _)| name)
        .collect();
    if secrets.is_empty() {
        return skip("no setting is marked as a secret");
    }
    for name in &secrets {
        let value = format!("conformance-{}", Uuid::new_v4().simple());
        let marked = with(&bench.settings, name, json!(value));
        let mut tables = vec![with(&marked, UNKNOWN, json!(true)), with(&marked, name, json!([value]))];
        tables.extend(
            required(bench).iter().filter(|other| *other != name).map(|other| without(&marked, other)),
        );
        for table in tables {
            let refusal = bench.connect_with(&table)?.err();
            if let Some(error) = refusal {
                no_secret(&error, name, &value)?;
            }
        }
    }
    Ok(())
}

fn no_secret(error: &PluginError, name: &str, value: &str) -> Result<(), Stop> {
    let text = told(error);
    must(!text.contains(value), || format!("the value of `{name}` is told: {}", text.replace(value, "***")))
}

fn two_instances(bench: &mut Bench<'_>) -> Verdict {
    let (one, other) = (bench.connect()?, bench.connect()?);
    for line in [&one, &other, &one] {
        bench.ask::<Value>(line, Method::Check, &Nothing {})?;
    }
    Ok(())
}

fn made_again(bench: &mut Bench<'_>) -> Verdict {
    drop(bench.connect()?);
    let line = bench.connect()?;
    bench.ask::<Value>(&line, Method::Check, &Nothing {}).map(drop)
}
