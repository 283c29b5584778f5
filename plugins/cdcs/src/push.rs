//! The action `push-template`: the site gets the schema of the records.

use std::path::PathBuf;

use nexus_plugin_api::{Action, ActionOutcome, Call, Effect, PluginError};
use nexus_plugin_http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::CdcsDestination;
use crate::client::ClientError;
use crate::record::sha256;
use crate::reply::{Template, number};
use crate::site::templates;

/// Its name on the command line.
pub const NAME: &str = "push-template";

/// The schema that records are made by.
pub const SHIPPED: &str = include_str!("../../../nexus-core/schema/nexus-experiment.xsd");

/// What the shipped schema is called at the site.
const FILE_NAME: &str = "nexus-experiment.xsd";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    schema: Option<PathBuf>,
}

/// How it is listed.
pub fn action() -> Action {
    Action {
        name: NAME.to_owned(),
        summary: "Makes this program's schema, or a schema file, the current version of the template."
            .to_owned(),
        arguments: json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "schema": {
                    "type": "string",
                    "format": "path",
                    "description": "An XSD file; left out, the schema that records of this program are made by."
                }
            }
        }),
        writes: true,
    }
}

/// Uploads the schema, unless the site has it.
pub fn run(cdcs: &CdcsDestination, call: &Call, arguments: &Value) -> Result<ActionOutcome, PluginError> {
    let arguments: Arguments = if arguments.is_null() {
        Arguments::default()
    } else {
        Arguments::deserialize(arguments)
            .map_err(|error| PluginError::permanent(format!("arguments of {NAME}: {error}")))?
    };
    let (file_name, text) = read(arguments.schema)?;
    let title = &cdcs.settings.template;
    let pushed = push(cdcs, call, &file_name, &text)?;
    cdcs.site.forget();
    let (what, version) = match pushed {
        Pushed::There(version) => ("there already as", version),
        Pushed::Created(version) => ("created as", version),
        Pushed::Updated(version) => ("updated to", version),
        Pushed::MadeCurrent(version) => ("put back to", version),
    };
    Ok(ActionOutcome {
        message: format!("template `{title}` at {} is {what} version {version}", cdcs.client.base().as_str()),
        data: json!({
            "template": title, "version": version, "sha256": sha256(text.as_bytes()),
            "changed": !matches!(pushed, Pushed::There(_)),
        }),
        users: Vec::new(),
    })
}

fn read(path: Option<PathBuf>) -> Result<(String, String), PluginError> {
    let Some(path) = path else { return Ok((FILE_NAME.to_owned(), SHIPPED.to_owned())) };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        PluginError::permanent(format!("schema `{}` cannot be read: {error}", path.display()))
    })?;
    let name =
        path.file_name().map_or_else(|| FILE_NAME.to_owned(), |name| name.to_string_lossy().into_owned());
    Ok((name, text))
}

#[derive(Debug, Clone, Copy)]
enum Pushed {
    There(u64),
    Created(u64),
    Updated(u64),
    MadeCurrent(u64),
}

fn push(cdcs: &CdcsDestination, call: &Call, file_name: &str, text: &str) -> Result<Pushed, PluginError> {
    let (client, title) = (&cdcs.client, &cdcs.settings.template);
    let found = templates(client, call, Some(title))?;
    let template = match &found[..] {
        [] => {
            let body = json!({"title": title, "filename": file_name, "content": text});
            let path = "rest/template/global/";
            let answer = client.send(call, &Method::POST, path, Some(&body))?;
            return Ok(Pushed::Created(version_of(cdcs, path, &answer)?));
        }
        [template] => template,
        several => {
            return Err(PluginError::permanent(format!(
                "{} has {} templates with the title `{title}`",
                client.base().as_str(),
                several.len()
            ))
            .with_hint("let an administrator of the site rename or disable all but one"));
        }
    };
    if let Some(version) = version_with(cdcs, call, template, text)? {
        if version == template.current {
            return Ok(Pushed::There(version));
        }
        make_current(cdcs, call, version)?;
        return Ok(Pushed::MadeCurrent(version));
    }
    let path = format!("rest/template-version-manager/{}/version/", template.manager);
    let body = json!({"filename": file_name, "content": text});
    let answer = client.send(call, &Method::POST, &path, Some(&body))?;
    let version = version_of(cdcs, &path, &answer)?;
    make_current(cdcs, call, version)?;
    Ok(Pushed::Updated(version))
}

/// The version with this text, the current one first: an earlier attempt may have come so far.
fn version_with(
    cdcs: &CdcsDestination,
    call: &Call,
    template: &Template,
    text: &str,
) -> Result<Option<u64>, ClientError> {
    let newest_first = template.versions.iter().rev().filter(|version| **version != template.current);
    for version in std::iter::once(&template.current).chain(newest_first) {
        if text_of(cdcs, call, *version)?.is_some_and(|there| same_schema(&there, text)) {
            return Ok(Some(*version));
        }
    }
    Ok(None)
}

fn make_current(cdcs: &CdcsDestination, call: &Call, version: u64) -> Result<(), ClientError> {
    let path = format!("rest/template/version/{version}/current/");
    cdcs.client.send(call, &Method::PATCH, &path, None).map(drop)
}

fn version_of(cdcs: &CdcsDestination, path: &str, answer: &Value) -> Result<u64, ClientError> {
    answer.get("id").and_then(number).ok_or_else(|| ClientError::Odd {
        url: format!("{}{path}", cdcs.client.base().as_str()),
        why: "says that the template was stored, and does not show it".to_owned(),
        effect: Effect::Maybe,
    })
}

/// The schema of a version, if the answer has one.
pub fn text_of(cdcs: &CdcsDestination, call: &Call, version: u64) -> Result<Option<String>, ClientError> {
    let answer = cdcs.client.get(call, &format!("rest/template/{version}/"), &[])?;
    Ok(answer.get("content").and_then(Value::as_str).map(str::to_owned))
}

/// Whether two schemas are the same text, however their lines end.
pub fn same_schema(one: &str, other: &str) -> bool {
    let lines = |text: &str| sha256(text.replace("\r\n", "\n").trim().as_bytes());
    lines(one) == lines(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_make_no_other_schema() {
        assert!(same_schema(SHIPPED, &format!("{}\r\n", SHIPPED.trim().replace('\n', "\r\n"))));
        assert!(!same_schema(SHIPPED, &SHIPPED.replacen("Experiment", "Session", 1)));
    }
}
