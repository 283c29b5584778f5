//! `nexus plugins show`.

use std::ffi::{OsStr, OsString};

use clap::Args;
use nexus_core::config::{Carrier, Config};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::host::Wired;
use nexus_plugin_api::{Action, Manifest, PluginKind};
use serde_json::{Value, json};

use super::list::carried;
use super::subject::{Subject, Table, config_if_any, is_path, named, surroundings, tables};
use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, output};

const EXAMPLES: &str = "\
Examples:
  nexus plugins show folder      a plugin that comes with nexus
  nexus plugins show cdcs        the plugin of [destinations.cdcs], and its actions
  nexus plugins show ./libshare.so
                                 a library; no configuration is needed
  nexus plugins show ./share.py --json
                                 a program, for a script

An instance is asked which actions it offers: the one of the configuration, or, of a plugin that needs no settings, \
one without settings.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArgs {
    /// The plugin's name, its table, or its file.
    #[arg(value_name = "NAME|PATH")]
    plugin: OsString,
}

/// A plugin, as it is shown.
struct Shown {
    manifest: Manifest,
    carrier: &'static str,
    file: Option<String>,
    used_by: Vec<String>,
    /// Or why they are not known.
    actions: Result<Vec<Action>, String>,
}

pub(super) fn run(global: &Global, args: &ShowArgs) -> Result<ExitCode, Stop> {
    let catalogue = first_party::catalogue();
    // A file or a linked plugin can be shown whatever is wrong with the settings.
    let (config, broken) = match config_if_any(global) {
        Ok(config) => (config, None),
        Err(stop) => (None, Some(stop)),
    };
    let subject = named(&args.plugin, &catalogue, config.as_ref())
        .map_err(|stop| broken.filter(|_| !is_path(&args.plugin)).unwrap_or(stop))?;
    let shown = look(&catalogue, config.as_ref(), &subject, &args.plugin)?;
    if global.json {
        let Shown { manifest, carrier, file, used_by, actions } = shown;
        output::json(&json!({
            "manifest": manifest,
            "carrier": carrier,
            "file": file,
            "used_by": used_by,
            "actions": actions.as_ref().ok(),
            "actions_unknown": actions.err(),
        }))?;
    } else {
        print(&shown);
    }
    Ok(ExitCode::Done)
}

fn look(
    catalogue: &Catalogue,
    config: Option<&Config>,
    subject: &Subject,
    word: &OsStr,
) -> Result<Shown, Stop> {
    let surroundings = surroundings(config);
    let plugin = catalogue
        .load(&subject.carrier, subject.kind, &subject.place(word), &surroundings)
        .or_stop(ExitCode::Configuration)?;
    let manifest = plugin.manifest();
    let uses = |table: &Table<'_>| match (table.carrier, &subject.carrier) {
        (Carrier::Linked { plugin }, Carrier::Linked { .. }) => {
            *plugin == manifest.name && table.kind == manifest.kind
        }
        (one, other) => one == other,
    };
    let used_by =
        config.map(tables).unwrap_or_default().iter().filter(|table| uses(table)).map(name).collect();
    let actions = actions(plugin.as_ref(), &manifest, subject, &surroundings);
    let (carrier, file) = carried(&subject.carrier);
    Ok(Shown { manifest, carrier, file, used_by, actions })
}

fn name(table: &Table<'_>) -> String {
    table.settings.table().to_owned()
}

/// What an instance offers: that of the table, or one without settings if the plugin needs none.
fn actions(
    plugin: &dyn Wired,
    manifest: &Manifest,
    subject: &Subject,
    surroundings: &Surroundings,
) -> Result<Vec<Action>, String> {
    let settings = match &subject.settings {
        Some(settings) => settings
            .resolve(&manifest.settings, &surroundings.redactor)
            .map_err(|error| output::chain(&error))?,
        None if is_needed(&manifest.settings).is_empty() => json!({}),
        None => return Err("it offers them once it has settings: name its table".to_owned()),
    };
    match plugin.create(&settings) {
        Ok(instance) => Ok(instance.actions()),
        Err(error) => Err(surroundings.redactor.mask(&error.message).into_owned()),
    }
}

/// The keys that a schema of settings asks for.
fn is_needed(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn print(shown: &Shown) {
    let manifest = &shown.manifest;
    let article = if manifest.kind == PluginKind::Extractor { "an" } else { "a" };
    output::line(format!("{} {}, {article} {}", manifest.name, manifest.version, manifest.kind));
    if !manifest.summary.is_empty() {
        output::line(&manifest.summary);
    }
    output::line("");
    let or_none = |words: &[String]| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let mut facts = vec![("protocol", manifest.protocol.clone()), ("carrier", shown.carrier.to_owned())];
    facts.extend(shown.file.clone().map(|file| ("file", file)));
    facts.push(("capabilities", or_none(&manifest.capabilities)));
    if manifest.kind == PluginKind::Extractor {
        facts.push(("suffixes", or_none(&manifest.suffixes)));
        facts.push(("priority", manifest.priority.to_string()));
    }
    facts.push(("used by", or_none(&shown.used_by)));
    for (what, text) in facts {
        output::line(format!("{what:<14}{text}"));
    }
    output::line("");
    settings(&manifest.settings);
    output::line("");
    match &shown.actions {
        Ok(actions) if actions.is_empty() => output::line("It offers no actions."),
        Ok(actions) => offered(actions),
        Err(why) => output::line(format!("Which actions it offers is not known: {why}.")),
    }
}

fn settings(schema: &Value) {
    let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty())
    else {
        return output::line("It has no settings of its own.");
    };
    if let Some(description) = schema["description"].as_str() {
        output::line(description);
        output::line("");
    }
    let needed = is_needed(schema);
    let rows = properties.iter().map(|(key, property)| {
        vec![
            key.clone(),
            in_words(property),
            if needed.contains(&key.as_str()) { "yes" } else { "no" }.to_owned(),
            property.get("default").map_or_else(|| "-".to_owned(), Value::to_string),
            property["description"].as_str().unwrap_or_default().to_owned(),
        ]
    });
    output::table(&["setting", "what it is", "required", "default", "meaning"], rows);
}

/// What may be written for a setting.
fn in_words(property: &Value) -> String {
    if property["secret"] == true {
        return "secret".to_owned();
    }
    if let Some(choices) = property["enum"].as_array() {
        return choices.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ");
    }
    let one = |word: &str| match word {
        "string" if property["format"] == "path" => "path".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" if property["items"]["type"].is_string() => format!("list: {}", in_words(&property["items"])),
        "array" => "list".to_owned(),
        "object" => "table".to_owned(),
        other => other.to_owned(),
    };
    match &property["type"] {
        Value::String(word) => one(word),
        Value::Array(words) => {
            words.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

/// The actions, each with its arguments.
pub(super) fn offered(actions: &[Action]) {
    let rows = actions.iter().map(|action| {
        let needed = is_needed(&action.arguments);
        let arguments: Vec<String> = action.arguments["properties"]
            .as_object()
            .into_iter()
            .flat_map(|properties| properties.keys())
            .map(|key| if needed.contains(&key.as_str()) { format!("{key}=…") } else { format!("[{key}=…]") })
            .collect();
        let writes = if action.writes { "yes" } else { "no" };
        vec![action.name.clone(), arguments.join(" "), writes.to_owned(), action.summary.clone()]
    });
    output::table(&["action", "arguments", "writes", "what it does"], rows);
}
