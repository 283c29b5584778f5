//! The settings of one CDCS repository.

use std::path::PathBuf;

use nexus_plugin_api::PluginError;
use nexus_plugin_http::{Connection, settings};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::Base;

/// The title that the NexusLIMS front end gives the template of the records.
const DEFAULT_TEMPLATE: &str = "Nexus Experiment Schema";

/// How long an answer may take, unless the settings say otherwise.
const DEFAULT_TIMEOUT: &str = "60 s";

/// The settings, checked.
pub struct Settings {
    /// Where the repository is.
    pub base: Base,
    /// Goes into every request and nowhere else.
    pub token: String,
    /// Title of the template.
    pub template: String,
    /// Who may see the records.
    pub workspace: Workspace,
    /// Whether a record is given to the session's user.
    pub user_owned: bool,
    /// Whether a record whose user has no account there is kept back.
    pub owner_required: bool,
    /// Whether an account is made for a user who has none there.
    pub create_accounts: bool,
    /// How the server is reached.
    pub connection: Connection,
}

/// Where a record is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Workspace {
    /// The one that every site has: nobody's, and public.
    Public,
    /// Nowhere: only its owner and superusers see the record.
    Private,
    /// The one of this title or number.
    Named(String),
}

impl Workspace {
    fn parse(text: &str) -> Self {
        match text {
            "public" => Self::Public,
            "none" => Self::Private,
            named => Self::Named(named.to_owned()),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Public => "public",
            Self::Private => "none",
            Self::Named(named) => named,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    token: String,
    template: Option<String>,
    workspace: Option<Value>,
    #[serde(default)]
    user_owned_records: bool,
    #[serde(default)]
    owner_required: bool,
    #[serde(default)]
    create_accounts: bool,
    ca_bundle: Option<PathBuf>,
    proxy: Option<String>,
    timeout: Option<String>,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        let written = Written::deserialize(settings).map_err(|error| wrong(&error.to_string()))?;
        let base =
            Base::parse(&written.url).map_err(|why| wrong(&format!("`url` is `{}`: {why}", written.url)))?;
        let token = settings::token(&written.token).map_err(|why| {
            wrong(&format!("`token` {why}"))
                .with_hint("an administrator of the CDCS site makes one in its admin pages, under Tokens")
        })?;
        let template = written.template.unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()).trim().to_owned();
        if template.is_empty() {
            return Err(wrong("`template` is blank; it is the title of the template, as the site shows it"));
        }
        let workspace = match written.workspace {
            None => Workspace::Public,
            Some(Value::String(text)) if !text.trim().is_empty() => Workspace::parse(text.trim()),
            Some(Value::Number(number)) => Workspace::Named(number.to_string()),
            Some(_) => {
                return Err(wrong(
                    "`workspace` is neither \"public\", nor \"none\", nor the title or number of a workspace",
                ));
            }
        };
        Ok(Self {
            base,
            token: token.to_owned(),
            template,
            workspace,
            user_owned: written.user_owned_records,
            owner_required: written.owner_required,
            create_accounts: written.create_accounts,
            connection: Connection::new(
                "cdcs",
                written.ca_bundle,
                written.proxy,
                written.timeout.as_deref(),
                DEFAULT_TIMEOUT,
            )?,
        })
    }
}

fn wrong(what: &str) -> PluginError {
    PluginError::permanent(format!("settings of cdcs: {what}"))
}

/// JSON Schema of the settings.
pub fn schema() -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["url", "token"],
        "additionalProperties": false,
        "properties": {
            "url": {
                "type": "string",
                "description": "The start page of the CDCS site: https://cdcs.example.org/"
            },
            "token": {
                "type": "string",
                "secret": true,
                "description": "API token of the account that delivers. With user_owned_records it must be a \
                                superuser's."
            },
            "template": {
                "type": "string",
                "default": DEFAULT_TEMPLATE,
                "description": "Title of the template that the records belong to; its current version is used."
            },
            "workspace": {
                "type": ["string", "integer"],
                "default": "public",
                "description": "Where records are published: \"public\" (the public workspace that every site has), \
                                \"none\" (they stay private), or the title or number of a workspace."
            },
            "user_owned_records": {
                "type": "boolean",
                "default": false,
                "description": "Whether a record is given to the CDCS account of the session's user: the one that \
                                `nexus users link USER cdcs NUMBER` names, else the one with the user's name or e-mail \
                                address."
            },
            "owner_required": {
                "type": "boolean",
                "default": false,
                "description": "With user_owned_records: whether a record whose user has no CDCS account is kept \
                                back. Otherwise it is delivered and stays with the account of the token."
            },
            "create_accounts": {
                "type": "boolean",
                "default": false,
                "description": "With user_owned_records: whether an account is made for a user who has none. Nobody \
                                knows its password: an administrator of the site gives its user another one."
            }
        }
    });
    Connection::describe(&mut schema, DEFAULT_TIMEOUT);
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(more: &[(&str, Value)]) -> Result<Settings, PluginError> {
        let mut settings = json!({"url": "https://cdcs.x", "token": "0123abcd"});
        for (key, value) in more {
            settings[key] = value.clone();
        }
        Settings::read(&settings)
    }

    #[test]
    fn an_address_and_a_token_are_enough() {
        let settings = with(&[]).unwrap();
        assert_eq!(settings.workspace, Workspace::Public);
        assert_eq!(settings.template, "Nexus Experiment Schema");
        assert!(!settings.user_owned && !settings.owner_required);
    }

    #[test]
    fn a_workspace_has_a_word_a_title_or_a_number() {
        let of = |value: Value| with(&[("workspace", value)]).map(|settings| settings.workspace);
        assert_eq!(of(json!("none")).unwrap(), Workspace::Private);
        assert_eq!(of(json!(" Group of Ada ")).unwrap(), Workspace::Named("Group of Ada".into()));
        assert_eq!(of(json!(5)).unwrap(), Workspace::Named("5".into()));
        for odd in [json!(""), json!(true), json!(["public"])] {
            assert!(of(odd).is_err());
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (key, value, word) in [
            ("url", json!("cdcs.x"), "`url` is `cdcs.x`"),
            ("template", json!(" "), "`template`"),
            ("timeout", json!("soon"), "`timeout` is `soon`"),
            ("proxy", json!("http://u:w@p:1/"), "`proxy`"),
            ("tokn", json!("x"), "tokn"),
            ("user_owned_records", json!("yes"), "boolean"),
        ] {
            let said = with(&[(key, value)]).err().unwrap().to_string();
            assert!(said.contains(word), "{said}");
        }
        for token in ["", "two words", "tök"] {
            let said = with(&[("token", json!(token))]).err().unwrap().to_string();
            assert!(said.contains("`token`") && (token.is_empty() || !said.contains(token)), "{said}");
        }
    }

    #[test]
    fn the_schema_knows_every_key() {
        let keys = [
            "url",
            "token",
            "template",
            "workspace",
            "user_owned_records",
            "owner_required",
            "create_accounts",
        ];
        let schema = schema();
        for key in keys.iter().chain(&Connection::KEYS) {
            assert!(schema["properties"][key].is_object(), "{key}");
        }
        assert_eq!(schema["properties"]["token"]["secret"], true);
    }
}
