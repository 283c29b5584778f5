//! What a trial is given: settings, instruments, samples.

use anyhow::anyhow;
use nexus_core::plugins::conformance::{Options, Project};
use nexus_core::secret::{Redactor, Secret};
use nexus_plugin_api::{InstrumentRef, Manifest};
use serde_json::{Map, Value};

use super::TestArgs;
use crate::exit_code::{ExitCode, OrStop as _, Stop};

fn usage(text: String) -> Stop {
    Stop::new(ExitCode::Usage, anyhow!(text))
}

/// Fills the options: what the project says, then the file of settings, then the command line.
pub(super) fn fill(
    options: &mut Options,
    args: &TestArgs,
    project: Project,
    manifest: &Manifest,
    redactor: &Redactor,
) -> Result<(), Stop> {
    options.settings = project.settings;
    if let Some(file) = &args.file {
        options.settings.extend(Project::read_settings(file).or_stop(ExitCode::Usage)?);
    }
    for word in &args.settings {
        let (key, value) = word
            .split_once('=')
            .ok_or_else(|| usage(format!("`--setting {word}` has no `=`; write --setting KEY=VALUE")))?;
        options.settings.insert(key.to_owned(), value_of(key, value, &manifest.settings)?);
    }
    resolve(&mut options.settings, &manifest.settings, redactor)?;
    options.instruments = project.instruments;
    options.instruments.extend(args.instruments.iter().map(|pid| instrument(pid, &args.timezone)));
    for sample in project.samples.iter().chain(&args.samples) {
        let path = std::path::absolute(sample).unwrap_or_else(|_| sample.clone());
        if !path.is_file() {
            return Err(usage(format!("sample `{}` is not a file", sample.display())));
        }
        options.samples.push(path);
    }
    Ok(())
}

/// A word of the command line as a value of the type that the schema wants.
fn value_of(key: &str, word: &str, schema: &Value) -> Result<Value, Stop> {
    match schema["properties"][key]["type"].as_str() {
        Some(wanted @ ("integer" | "number" | "boolean" | "array" | "object")) => serde_json::from_str(word)
            .map_err(|error| usage(format!("`--setting {key}=…` takes a JSON {wanted}: {error}"))),
        _ => Ok(Value::String(word.to_owned())),
    }
}

/// Secrets become text: a file may name a variable or a file instead.
fn resolve(settings: &mut Map<String, Value>, schema: &Value, redactor: &Redactor) -> Result<(), Stop> {
    for (key, value) in settings {
        if schema["properties"][key]["secret"] != true {
            continue;
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let secret = if let Some(variable) = text("env") {
            std::env::var(variable)
                .map_err(|error| usage(format!("`{key}`: environment variable {variable}: {error}")))?
        } else if let Some(file) = text("file") {
            let read =
                std::fs::read_to_string(file).map_err(|error| usage(format!("`{key}`: {file}: {error}")))?;
            read.trim_end().to_owned()
        } else if let Some(written) = text("value").or(value.as_str()) {
            written.to_owned()
        } else {
            return Err(usage(format!("`{key}` is a secret: a text, or {{ env = … }}, {{ file = … }}")));
        };
        redactor.learn(&Secret::new(secret.clone()));
        *value = Value::String(secret);
    }
    Ok(())
}

fn instrument(pid: &str, timezone: &str) -> InstrumentRef {
    InstrumentRef {
        pid: pid.to_owned(),
        display_name: pid.to_owned(),
        api_url: format!("https://scheduler.example.org/tools/{pid}"),
        timezone: timezone.to_owned(),
        location: String::new(),
    }
}
