//! The settings of one LabArchives destination.

use std::path::PathBuf;
use std::time::Duration;

use nexus_plugin_api::PluginError;
use nexus_plugin_http::{Connection, settings};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::Base;
use crate::name::{FolderPath, PageName};
use crate::sign::Key;

/// Most of the world.
const DEFAULT_URL: &str = "https://api.labarchives.com/api";
/// As NexusLIMS has it.
const DEFAULT_FOLDER: &str = "NexusLIMS Records/{instrument}";
/// As NexusLIMS has it.
const DEFAULT_PAGE: &str = "{date} — {session}";
/// What the vendor asks for.
const DEFAULT_INTERVAL: &str = "1 s";
/// Large attachments take their time.
const DEFAULT_TIMEOUT: &str = "2 min";

/// The settings, checked.
pub struct Settings {
    /// Where the API is.
    pub base: Base,
    /// The institution's key.
    pub key: Key,
    /// The account whose notebook it is. Never logged: whoever has it and the key is that person.
    pub uid: String,
    /// Where records go.
    pub place: Place,
    /// The folders above the pages.
    pub folder: FolderPath,
    /// What pages are called.
    pub page: PageName,
    /// What becomes of preview pictures.
    pub previews: Previews,
    /// Whose notebook a record goes to; `None`: everybody's to the facility's.
    pub own: Option<Own>,
    /// The least time between two calls with one access key.
    pub interval: Duration,
    /// How the server is reached.
    pub connection: Connection,
}

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The notebook of this id.
    Notebook(String),
    /// The Inbox of the account: nothing can be found there again.
    Inbox(Inbox),
}

/// How the Inbox is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inbox {
    /// Without notebook and page.
    Omit,
    /// With `0` for both.
    Zero,
}

/// What becomes of preview pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Previews {
    /// Inside the summary, as many as fit.
    Inline,
    /// Left out.
    None,
    /// Inside the summary, and those that do not fit as attachments.
    Attach,
}

/// How a session's user gets the record into a notebook of theirs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Which one, if they do not share the facility's.
    pub notebook: OwnNotebook,
    /// Whether the facility's notebook takes the record if the account is refused.
    pub fallback: bool,
}

/// Which notebook of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnNotebook {
    /// Their default one.
    Default,
    /// The one of this name.
    Named(String),
    /// None: the facility's, under the facility's account.
    Facility,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: Option<String>,
    access_key_id: String,
    access_password: String,
    user_id: String,
    notebook_id: Option<String>,
    inbox: Option<String>,
    folder: Option<String>,
    page: Option<String>,
    previews: Option<String>,
    users: Option<String>,
    own_notebook: Option<String>,
    fallback: Option<bool>,
    call_interval: Option<String>,
    ca_bundle: Option<PathBuf>,
    proxy: Option<String>,
    timeout: Option<String>,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        let written = Written::deserialize(settings).map_err(|error| wrong(&error.to_string()))?;
        let url = written.url.as_deref().unwrap_or(DEFAULT_URL);
        let base = Base::parse(url).map_err(|why| wrong(&format!("`url` is `{url}`: {why}")))?;
        let place = place(written.notebook_id.as_deref(), written.inbox.as_deref())?;
        let own = own(written.users.as_deref(), written.own_notebook.as_deref(), written.fallback)?;
        if own.is_some() && matches!(place, Place::Inbox(_)) {
            return Err(wrong("`users` is \"own\" and there is no `notebook_id`")
                .with_hint("the facility's notebook takes the records of those who have none of their own"));
        }
        let folder = written.folder.as_deref().unwrap_or(DEFAULT_FOLDER);
        let page = written.page.as_deref().unwrap_or(DEFAULT_PAGE);
        Ok(Self {
            base,
            key: Key::new(
                required("access_key_id", &written.access_key_id)?,
                required("access_password", &written.access_password)?,
            ),
            uid: required("user_id", &written.user_id)?.to_owned(),
            place,
            folder: FolderPath::parse(folder)
                .map_err(|why| wrong(&format!("`folder` is `{folder}`: {why}")))?,
            page: PageName::parse(page).map_err(|why| wrong(&format!("`page` is `{page}`: {why}")))?,
            previews: match written.previews.as_deref().unwrap_or("inline") {
                "inline" => Previews::Inline,
                "none" => Previews::None,
                "attach" => Previews::Attach,
                other => return Err(neither("previews", other, "\"inline\", \"none\" or \"attach\"")),
            },
            own,
            interval: settings::length(written.call_interval.as_deref(), DEFAULT_INTERVAL)
                .map_err(|why| wrong(&format!("`call_interval` {why}")))?,
            connection: Connection::new(
                "labarchives",
                written.ca_bundle,
                written.proxy,
                written.timeout.as_deref(),
                DEFAULT_TIMEOUT,
            )?,
        })
    }
}

fn wrong(what: &str) -> PluginError {
    PluginError::permanent(format!("settings of labarchives: {what}"))
}

fn neither(key: &str, given: &str, known: &str) -> PluginError {
    wrong(&format!("`{key}` is `{given}`; it is {known}"))
}

/// A text that says something. It is not repeated, since it may be a secret.
fn required<'t>(key: &str, text: &'t str) -> Result<&'t str, PluginError> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(wrong(&format!("`{key}` is blank, or more than one line")).with_hint(
            "the access key comes from the institution's LabArchives administrator or from LabArchives; \
             docs/labarchives.md says how the user id is found",
        ));
    }
    Ok(text)
}

fn place(notebook: Option<&str>, inbox: Option<&str>) -> Result<Place, PluginError> {
    match (notebook, inbox) {
        (Some(_), Some(_)) => Err(wrong("`notebook_id` and `inbox` exclude each other")),
        (Some(notebook), None) => Ok(Place::Notebook(required("notebook_id", notebook)?.to_owned())),
        (None, Some("omit")) => Ok(Place::Inbox(Inbox::Omit)),
        (None, Some("zero")) => Ok(Place::Inbox(Inbox::Zero)),
        (None, Some(other)) => Err(neither("inbox", other, "\"omit\" or \"zero\"")),
        (None, None) => Err(wrong("there is neither `notebook_id` nor `inbox`").with_hint(
            "with `inbox = \"omit\"` for a moment, `nexus plugins run NAME notebooks` lists the notebooks and their \
             ids",
        )),
    }
}

fn own(
    users: Option<&str>,
    notebook: Option<&str>,
    fallback: Option<bool>,
) -> Result<Option<Own>, PluginError> {
    match users.unwrap_or("facility") {
        "facility" => return Ok(None),
        "own" => {}
        other => return Err(neither("users", other, "\"facility\" or \"own\"")),
    }
    let notebook = match notebook.map(str::trim) {
        None | Some("default") => OwnNotebook::Default,
        Some("facility") => OwnNotebook::Facility,
        Some("") => return Err(wrong("`own_notebook` is blank")),
        Some(named) => OwnNotebook::Named(named.to_owned()),
    };
    Ok(Some(Own { notebook, fallback: fallback.unwrap_or(true) }))
}

/// JSON Schema of the settings.
pub fn schema() -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["access_key_id", "access_password", "user_id"],
        "additionalProperties": false,
        "properties": {
            "url": {
                "type": "string",
                "default": DEFAULT_URL,
                "description": "The API of the region: api, auapi, ukapi, euapi or caapi.labarchives.com."
            },
            "access_key_id": {
                "type": "string",
                "description": "The institution's access key id (akid)."
            },
            "access_password": {
                "type": "string",
                "secret": true,
                "description": "The access password that belongs to it: it signs every request."
            },
            "user_id": {
                "type": "string",
                "description": "User id (uid) of the account that delivers, as this access key knows it."
            },
            "notebook_id": {
                "type": "string",
                "description": "Id of the facility's notebook; `nexus plugins run NAME notebooks` lists them."
            },
            "inbox": {
                "type": "string",
                "enum": ["omit", "zero"],
                "description": "Experimental, instead of notebook_id: records go to the account's Inbox. \"omit\" sends no \
                                notebook, \"zero\" sends 0."
            },
            "folder": {
                "type": "string",
                "default": DEFAULT_FOLDER,
                "description": "Folders above the pages, with / between them; {instrument}, {user}, {year}."
            },
            "page": {
                "type": "string",
                "default": DEFAULT_PAGE,
                "description": "Name of a page; {date}, {session}, {name}, {key}, {instrument}, {user}. One of {session}, \
                                {name} and {key} must be in it."
            },
            "previews": {
                "type": "string",
                "enum": ["inline", "none", "attach"],
                "default": "inline",
                "description": "Preview pictures: inside the summary as many as fit, none, or those that do not fit as \
                                attachments."
            },
            "users": {
                "type": "string",
                "enum": ["facility", "own"],
                "default": "facility",
                "description": "Whose notebook takes a record: the facility's, or one of the session's user who was \
                                enrolled (`nexus plugins run NAME enrol`)."
            },
            "own_notebook": {
                "type": "string",
                "default": "default",
                "description": "With users = \"own\", for those who do not share the facility's notebook: \"default\" (their \
                                default one), the name of one, or \"facility\" (the facility's after all)."
            },
            "fallback": {
                "type": "boolean",
                "default": true,
                "description": "With users = \"own\": whether the facility's notebook takes the record if the user's account \
                                is refused."
            },
            "call_interval": {
                "type": "string",
                "default": DEFAULT_INTERVAL,
                "description": "Least time between two calls with one access key."
            }
        }
    });
    Connection::describe(&mut schema, DEFAULT_TIMEOUT);
    schema
}

#[cfg(test)]
mod tests;
