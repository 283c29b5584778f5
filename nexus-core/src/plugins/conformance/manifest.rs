//! What a plugin says about itself.

use nexus_plugin_api::PluginKind;
use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::message::check_version;
use serde_json::Value;

use super::bench::{Bench, quoted};
use super::check::{Check, Verdict, fail, must, skip};
use crate::config::keys;

/// The name of the check that everything depends on.
pub(super) const LOADS: &str = "manifest.loads";

const OBJECT: &str = "manifest.settings-are-an-object";

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        LOADS,
        "The plugin can be loaded or started, and gives a manifest that can be read.",
        "Read the reason: it names the file and what was expected of it.",
        &[],
        |_| Ok(()),
    ),
    Check::new(
        "manifest.name",
        "The name is 1 to 64 of a-z, 0-9, hyphen and underscore.",
        "Choose a name that can stand in a configuration, and never change it afterwards.",
        &[LOADS],
        name,
    ),
    Check::new(
        "manifest.version",
        "The version is a short word that begins with a digit, such as 1.4.0.",
        "Put the plugin's own version there, as its package has it.",
        &[LOADS],
        version,
    ),
    Check::new(
        "manifest.protocol",
        "The protocol is a version this program can speak with: same major, any minor.",
        "Write \"1.0\", or build against the nexus-plugin-api of this program.",
        &[LOADS],
        protocol,
    ),
    Check::new(
        "manifest.summary",
        "The summary, if there is one, is one sentence of at most 200 characters on one line.",
        "Say in one sentence what the plugin does; it is shown by `nexus plugins list`.",
        &[LOADS],
        summary,
    ),
    Check::new(
        "manifest.same-at-every-call",
        "The manifest is the same at every call.",
        "Make it a constant: nothing in it may depend on settings, time or what happened before.",
        &[LOADS],
        same,
    ),
    Check::new(
        OBJECT,
        "The settings, if there are any, are described by a JSON Schema of type object.",
        "Begin with {\"type\": \"object\", \"properties\": {}}, or leave `settings` out if there are none.",
        &[LOADS],
        object,
    ),
    Check::new(
        "manifest.settings-keywords",
        "The schema of the settings uses words of JSON Schema, and `secret`, rightly spelled.",
        "Correct the word: a misspelled one is ignored, and with it the rule it was to state.",
        &[OBJECT],
        keywords,
    ),
    Check::new(
        "manifest.settings-required",
        "Every required setting is among the properties.",
        "Describe the setting under `properties`, or take it out of `required`.",
        &[OBJECT],
        required,
    ),
    Check::new(
        "manifest.settings-described",
        "Every setting has a description.",
        "Add a `description` of one sentence: it is what a person sees who forgot the setting.",
        &[OBJECT],
        described,
    ),
    Check::new(
        "manifest.settings-defaults",
        "A default is a value that the schema itself allows.",
        "Let `default` have the `type` of its setting, and be among its `enum`.",
        &[OBJECT],
        defaults,
    ),
    Check::new(
        "manifest.settings-are-its-own",
        "No setting has the name of a key that the host reads itself.",
        "Rename the setting: the host takes such a key out before the plugin sees it.",
        &[OBJECT],
        own,
    ),
    Check::new(
        "manifest.secrets-are-marked",
        "A setting whose name says token, password, secret or key is a text marked \"secret\": true.",
        "Mark it: only then the host reads it from a variable or a file and masks it everywhere.",
        &[OBJECT],
        marked,
    ),
    Check::new(
        "manifest.capabilities-known",
        "The capabilities are words of the protocol, each once.",
        "Use find, steps, update (destinations), instruments (harvesters), previews (extractors), actions.",
        &[LOADS],
        capabilities,
    ),
    Check::new(
        "manifest.capabilities-of-its-kind",
        "The capabilities are such as a plugin of this kind can have.",
        "Take out the words that belong to another kind of plugin.",
        &[LOADS],
        of_its_kind,
    ),
    Check::new(
        "manifest.suffixes",
        "An extractor names the suffixes it reads: lower case, without the dot, each once.",
        "List at least one suffix, such as \"dm4\"; the host asks for no other files.",
        &[LOADS],
        suffixes,
    )
    .of(PluginKind::Extractor),
];

fn name(bench: &mut Bench<'_>) -> Verdict {
    let name = &bench.manifest.name;
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    must(!name.is_empty() && name.len() <= 64 && name.bytes().all(allowed), || {
        format!("the name is {}", quoted(name))
    })
}

fn version(bench: &mut Bench<'_>) -> Verdict {
    let version = &bench.manifest.version;
    let good = version.len() <= 64
        && version.starts_with(|c: char| c.is_ascii_digit())
        && !version.contains(|c: char| c.is_whitespace() || c.is_control());
    must(good, || format!("the version is {}", quoted(version)))
}

fn protocol(bench: &mut Bench<'_>) -> Verdict {
    match check_version(&bench.manifest.protocol) {
        Ok(()) => Ok(()),
        Err(error) => fail(error.to_string()),
    }
}

fn summary(bench: &mut Bench<'_>) -> Verdict {
    let summary = &bench.manifest.summary;
    if summary.is_empty() {
        return skip("it gives none");
    }
    let good = !summary.trim().is_empty()
        && summary.chars().count() <= 200
        && !summary.contains(|c: char| c.is_control());
    must(good, || format!("the summary is {}", quoted(summary)))
}

fn same(bench: &mut Bench<'_>) -> Verdict {
    let again = bench.plugin.manifest();
    must(again == bench.manifest, || format!("first {}, then {}", quoted(&bench.manifest), quoted(&again)))
}

fn object(bench: &mut Bench<'_>) -> Verdict {
    let schema = &bench.manifest.settings;
    if schema.is_null() {
        // Left out: it has no settings.
        return Ok(());
    }
    let properties = schema.get("properties");
    let described = |value: &Value| value.as_object().is_some_and(|map| map.values().all(Value::is_object));
    must(schema["type"] == "object" && properties.is_none_or(described), || {
        format!("`settings` is {}", quoted(&schema.to_string()))
    })
}

/// The words of JSON Schema that stand in a schema of settings, and ours.
const KEYWORDS: &[&str] = &[
    "$schema",
    "$id",
    "$ref",
    "$defs",
    "$comment",
    "definitions",
    "type",
    "properties",
    "required",
    "title",
    "description",
    "default",
    "examples",
    "enum",
    "const",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "items",
    "prefixItems",
    "contains",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "readOnly",
    "writeOnly",
    "deprecated",
    "contentEncoding",
    "contentMediaType",
    "secret",
];

const TYPES: &[&str] = &["string", "integer", "number", "boolean", "array", "object", "null"];

fn keywords(bench: &mut Bench<'_>) -> Verdict {
    let schema = &bench.manifest.settings;
    let inner = properties(schema).map(|(name, property)| (format!("`{name}`"), property));
    for (place, schema) in [("the schema".to_owned(), schema)].into_iter().chain(inner) {
        for word in schema.as_object().into_iter().flat_map(|map| map.keys()) {
            if !KEYWORDS.contains(&word.as_str()) && !word.starts_with("x-") {
                return fail(format!("{place} has the word {}", quoted(word)));
            }
        }
        let types = match &schema["type"] {
            Value::Null => Vec::new(),
            Value::Array(types) => types.iter().collect(),
            one => vec![one],
        };
        for word in types {
            if !word.as_str().is_some_and(|word| TYPES.contains(&word)) {
                return fail(format!("{place} has the type {word}"));
            }
        }
    }
    Ok(())
}

/// The settings, each with its schema.
fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn required(bench: &mut Bench<'_>) -> Verdict {
    let schema = &bench.manifest.settings;
    let Some(required) = schema.get("required") else { return Ok(()) };
    let Some(names) = required.as_array() else {
        return fail(format!("`required` is {required}, not a list"));
    };
    for name in names {
        let known = name.as_str().is_some_and(|name| schema["properties"].get(name).is_some());
        must(known, || format!("`required` names {name}, which `properties` does not have"))?;
    }
    Ok(())
}

fn described(bench: &mut Bench<'_>) -> Verdict {
    for (name, property) in properties(&bench.manifest.settings) {
        let description = property["description"].as_str().unwrap_or_default();
        must(!description.trim().is_empty(), || format!("`{name}` has no description"))?;
    }
    Ok(())
}

fn defaults(bench: &mut Bench<'_>) -> Verdict {
    for (name, property) in properties(&bench.manifest.settings) {
        let Some(default) = property.get("default") else { continue };
        let fits = match property["type"].as_str() {
            Some("string") => default.is_string(),
            Some("integer") => default.is_i64() || default.is_u64(),
            Some("number") => default.is_number(),
            Some("boolean") => default.is_boolean(),
            Some("array") => default.is_array(),
            Some("object") => default.is_object(),
            _ => true,
        };
        let listed = property["enum"].as_array().is_none_or(|values| values.contains(default));
        must(fits && listed, || format!("`{name}` has the default {default}"))?;
    }
    Ok(())
}

fn own(bench: &mut Bench<'_>) -> Verdict {
    let table = match bench.manifest.kind {
        PluginKind::Harvester => "harvesters",
        PluginKind::Destination => "destinations",
        PluginKind::Extractor => "extractors",
    };
    let host = keys::table(table).map_or(&[][..], |table| table.keys);
    for (name, _) in properties(&bench.manifest.settings) {
        let taken_out = host.iter().any(|key| key.name == name) && !keys::GIVEN_ON.contains(&name.as_str());
        must(!taken_out, || format!("`{name}` is a key of the host"))?;
    }
    Ok(())
}

fn marked(bench: &mut Bench<'_>) -> Verdict {
    for (name, property) in properties(&bench.manifest.settings) {
        let lower = name.to_lowercase();
        let words: Vec<&str> = lower.split(['_', '-', '.']).collect();
        let telling = ["token", "password", "passwd", "passphrase", "secret", "apikey", "credentials"];
        let key = words.last() == Some(&"key")
            && words.iter().any(|word| ["api", "access", "private", "key"].contains(word));
        // `token_url` says where, not what.
        let is_place = matches!(words.last(), Some(&("url" | "uri" | "file" | "path")));
        let looks_secret = !is_place && (key || words.iter().any(|word| telling.contains(word)));
        let is_text = matches!(property["type"].as_str(), None | Some("string"));
        if property["secret"] == true {
            must(is_text, || format!("`{name}` is a secret and not a text"))?;
        } else {
            must(!looks_secret || !is_text, || format!("`{name}` is not marked as a secret"))?;
        }
    }
    Ok(())
}

const WORDS: [(&str, Option<PluginKind>); 6] = [
    (capability::FIND, Some(PluginKind::Destination)),
    (capability::STEPS, Some(PluginKind::Destination)),
    (capability::UPDATE, Some(PluginKind::Destination)),
    (capability::INSTRUMENTS, Some(PluginKind::Harvester)),
    (capability::PREVIEWS, Some(PluginKind::Extractor)),
    (capability::ACTIONS, None),
];

fn capabilities(bench: &mut Bench<'_>) -> Verdict {
    let claimed = &bench.manifest.capabilities;
    for (at, word) in claimed.iter().enumerate() {
        must(!claimed.iter().take(at).any(|before| before == word), || format!("`{word}` is claimed twice"))?;
        let known = WORDS.iter().any(|(known, _)| known == word);
        if !known && bench.manifest.protocol != nexus_plugin_api::PROTOCOL_VERSION {
            return skip(format!("`{word}` may be a word of protocol {}", bench.manifest.protocol));
        }
        must(known, || format!("{} is no capability", quoted(word)))?;
    }
    Ok(())
}

fn of_its_kind(bench: &mut Bench<'_>) -> Verdict {
    let kind = bench.manifest.kind;
    for word in &bench.manifest.capabilities {
        let foreign = WORDS.iter().find(|(known, own)| known == word && own.is_some_and(|own| own != kind));
        if let Some((_, Some(own))) = foreign {
            return fail(format!("`{word}` is for a {own}, this is a {kind}"));
        }
    }
    Ok(())
}

fn suffixes(bench: &mut Bench<'_>) -> Verdict {
    let suffixes = &bench.manifest.suffixes;
    must(!suffixes.is_empty(), || "it names no suffix".to_owned())?;
    for (at, suffix) in suffixes.iter().enumerate() {
        let good = !suffix.is_empty()
            && !suffix.starts_with('.')
            && !suffix.contains(|c: char| c.is_whitespace() || c == '/')
            && *suffix == suffix.to_lowercase();
        must(good, || format!("{} is no suffix", quoted(suffix)))?;
        must(!suffixes.iter().take(at).any(|before| before == suffix), || {
            format!("`{suffix}` is named twice")
        })?;
    }
    Ok(())
}
