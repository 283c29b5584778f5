//! The settings of one SharePoint site, checked.

mod auth;
mod schema;

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::TimeDelta;
use chrono_tz::Tz;
use nexus_plugin_api::{InstrumentRef, PluginError};
use nexus_plugin_http::{Connection, settings};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

pub use auth::{Auth, Proof, TokenAuth};
pub use schema::schema;

use crate::address::{Api, INSTEAD_OF_LISTDATA, ListAddress, Site};
use crate::consent::Consent;
use crate::fields::{Field, FieldMap};
use crate::people::UserName;

/// How long an answer may take, unless the settings say otherwise.
const DEFAULT_TIMEOUT: &str = "60 s";

/// How long an event must be over, unless the settings say otherwise.
const DEFAULT_GRACE: &str = "1 h";

/// How far back events are read again, unless the settings say otherwise.
const DEFAULT_LOOK_BACK: &str = "7 days";

/// The settings, checked.
pub struct Settings {
    /// The site.
    pub site: Site,
    /// Where it was before.
    pub aliases: Vec<Site>,
    /// The interface.
    pub api: Api,
    /// The lists of instruments, by PID.
    lists: BTreeMap<String, String>,
    /// How nexus says who it is.
    pub auth: Auth,
    /// The zone of the site.
    pub timezone: Option<Tz>,
    /// The columns.
    pub fields: FieldMap,
    /// What counts as consent.
    pub consent: Consent,
    /// Whether another person's booking is refused.
    pub same_user: bool,
    /// Which name of a person is their user name.
    pub user_name: UserName,
    /// How events become sessions, if they do.
    pub sessions: Option<Sessions>,
    /// How the server is reached.
    pub connection: Connection,
}

/// How events become sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sessions {
    /// How long an event must be over.
    pub grace: TimeDelta,
    /// How far back events are read again.
    pub look_back: TimeDelta,
    /// How much earlier a session begins than its event.
    pub before: TimeDelta,
    /// How much later it ends.
    pub after: TimeDelta,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    address: String,
    #[serde(default)]
    aliases: Vec<String>,
    api: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, String>,
    #[serde(flatten)]
    auth: auth::Written,
    timezone: Option<String>,
    #[serde(default)]
    fields: BTreeMap<String, Value>,
    consent: Option<String>,
    consent_answers: Option<Vec<String>>,
    #[serde(default)]
    same_user: bool,
    user_name: Option<String>,
    #[serde(default)]
    sessions: bool,
    grace: Option<String>,
    look_back: Option<String>,
    before: Option<String>,
    after: Option<String>,
    ca_bundle: Option<PathBuf>,
    proxy: Option<String>,
    timeout: Option<String>,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        unknown_keys(settings)?;
        let written = Written::deserialize(settings).map_err(|error| wrong(&error.to_string()))?;
        let site = |key: &str, text: &str| {
            Site::parse(text).map_err(|why| wrong(&format!("`{key}` is `{text}`: {why}")))
        };
        let address = site("address", &written.address)?;
        let api = api(written.api.as_deref(), &address)?;
        for (pid, name) in &written.lists {
            ListAddress::named(&address, api, name)
                .map_err(|why| wrong(&format!("`lists.{pid}` is `{name}`: {why}")))?;
        }
        let zone = match &written.timezone {
            None => None,
            Some(name) => Some(name.parse::<Tz>().map_err(|_| {
                wrong(&format!("`timezone` is `{name}`, which is no IANA name such as America/New_York"))
            })?),
        };
        let fields = FieldMap::read(&written.fields)?;
        let assume = match written.consent.as_deref() {
            None | Some("require") => false,
            Some("assume") => true,
            Some(other) => {
                return Err(wrong(&format!("`consent` is `{other}`; it is \"require\" or \"assume\"")));
            }
        };
        if !assume && fields.is_off(Field::Consent) {
            return Err(wrong("`fields.consent` is false, so nobody could ever consent")
                .with_hint("name the column that holds the answer, or say `consent = \"assume\"`"));
        }
        let user_name = match written.user_name.as_deref() {
            None | Some("account") => UserName::Account,
            Some("mail") => UserName::Mail,
            Some("mail_local") => UserName::MailLocal,
            Some(other) => {
                return Err(wrong(&format!(
                    "`user_name` is `{other}`; it is \"account\", \"mail\" or \"mail_local\""
                )));
            }
        };
        let sessions = Sessions {
            grace: length("grace", written.grace.as_deref(), DEFAULT_GRACE)?,
            look_back: length("look_back", written.look_back.as_deref(), DEFAULT_LOOK_BACK)?,
            before: length("before", written.before.as_deref(), "0 s")?,
            after: length("after", written.after.as_deref(), "0 s")?,
        };
        Ok(Self {
            auth: written.auth.read(api, &address)?,
            aliases: written.aliases.iter().map(|alias| site("aliases", alias)).collect::<Result<_, _>>()?,
            site: address,
            api,
            lists: written.lists,
            timezone: zone,
            fields,
            consent: Consent::new(written.consent_answers, assume)
                .map_err(|why| wrong(&format!("`consent_answers` {why}")))?,
            same_user: written.same_user,
            user_name,
            sessions: written.sessions.then_some(sessions),
            connection: Connection::new(
                "sharepoint",
                written.ca_bundle,
                written.proxy,
                written.timeout.as_deref(),
                DEFAULT_TIMEOUT,
            )?,
        })
    }

    /// The list of an instrument: the one named under `lists`, else its own address; or why there is none, and what to
    /// do.
    pub fn list_of(&self, instrument: &InstrumentRef) -> Result<ListAddress, PluginError> {
        let InstrumentRef { pid, api_url, .. } = instrument;
        let given = match self.lists.get(pid) {
            Some(name) => ListAddress::named(&self.site, self.api, name),
            None => self.own_list(api_url),
        };
        given.map_err(|why| {
            PluginError::permanent(format!(
                "no calendar is known for instrument {pid} (api_url `{api_url}`): {why}"
            ))
            .with_hint(format!(
                "name its list under `lists`: lists = {{ \"{pid}\" = \"TITLE OF THE LIST\" }}"
            ))
        })
    }

    /// The PIDs and lists that the settings name.
    pub fn lists(&self) -> impl Iterator<Item = (&str, ListAddress)> {
        let list = |name: &str| ListAddress::named(&self.site, self.api, name).ok();
        self.lists.iter().filter_map(move |(pid, name)| Some((pid.as_str(), list(name)?)))
    }

    fn own_list(&self, api_url: &str) -> Result<ListAddress, String> {
        let url = Url::parse(api_url.trim()).map_err(|error| error.to_string())?;
        if self.site.rest_of(&url).is_some_and(|rest| !rest.is_empty()) {
            return ListAddress::whole(url, self.api);
        }
        let moved = self.aliases.iter().find_map(|alias| alias.rest_of(&url)).filter(|rest| !rest.is_empty());
        let Some(rest) = moved else {
            return Err(format!("that is no address below {}", self.site.as_str()));
        };
        let fragment = url.fragment().map(|text| format!("#{text}")).unwrap_or_default();
        let moved = Url::parse(&format!("{}{rest}{fragment}", self.site.as_str()));
        ListAddress::whole(moved.map_err(|error| error.to_string())?, self.api)
    }
}

/// Flattened parts cannot refuse keys themselves.
fn unknown_keys(settings: &Value) -> Result<(), PluginError> {
    let schema = schema();
    let known = schema.get("properties").and_then(Value::as_object);
    let unknown = settings
        .as_object()
        .and_then(|given| given.keys().find(|key| known.is_some_and(|known| !known.contains_key(*key))));
    match unknown {
        Some(key) => Err(wrong(&format!("unknown key `{key}`"))),
        None => Ok(()),
    }
}

fn api(written: Option<&str>, site: &Site) -> Result<Api, PluginError> {
    match written {
        None if site.is_graph() => Ok(Api::Graph),
        None | Some("rest") => Ok(Api::Rest),
        Some("graph") => Ok(Api::Graph),
        Some("listdata") => Err(wrong(&format!("`api` is `listdata`: {INSTEAD_OF_LISTDATA}"))),
        Some(other) => Err(wrong(&format!("`api` is `{other}`; it is \"rest\" or \"graph\""))),
    }
}

fn wrong(what: &str) -> PluginError {
    PluginError::permanent(format!("settings of sharepoint: {what}"))
}

fn length(key: &str, text: Option<&str>, default: &str) -> Result<TimeDelta, PluginError> {
    let length = settings::length(text, default).map_err(|why| wrong(&format!("`{key}` {why}")))?;
    Ok(TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(10_000)))
}

#[cfg(test)]
mod tests;
