//! The settings of one NEMO server.

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use nexus_plugin_api::PluginError;
use nexus_plugin_consent::{Affirmative, USUAL};
use nexus_plugin_http::{Connection, settings};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::base::ApiBase;
use crate::time::Times;

/// How far back a harvest looks behind what it has seen, unless the settings say otherwise.
const DEFAULT_OVERLAP: &str = "7 days";

/// How long an answer may take, unless the settings say otherwise.
const DEFAULT_TIMEOUT: &str = "60 s";

/// The settings, checked.
pub struct Settings {
    /// The API.
    pub base: ApiBase,
    /// Where it was before.
    pub aliases: Vec<ApiBase>,
    /// Goes into every request and nowhere else.
    pub token: String,
    /// How times are read.
    pub times: Times,
    /// The answers that mean yes.
    pub affirmative: Affirmative,
    /// Whether another person's booking may stand for a session.
    pub others_bookings: bool,
    /// How far back a harvest looks behind what it has seen.
    pub overlap: TimeDelta,
    /// Events that ended before are not harvested.
    pub since: Option<DateTime<Utc>>,
    /// Whether the users met are handed to the host.
    pub user_ids: bool,
    /// How the server is reached.
    pub connection: Connection,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    address: String,
    #[serde(default)]
    aliases: Vec<String>,
    token: String,
    timezone: Option<String>,
    time_format: Option<String>,
    affirmative: Option<Vec<String>>,
    #[serde(default)]
    others_bookings: bool,
    overlap: Option<String>,
    since: Option<String>,
    #[serde(default)]
    user_ids: bool,
    ca_bundle: Option<PathBuf>,
    proxy: Option<String>,
    timeout: Option<String>,
}

impl Settings {
    /// Reads and checks the plugin's table of the configuration.
    pub fn read(settings: &Value) -> Result<Self, PluginError> {
        let written = Written::deserialize(settings).map_err(|error| wrong(&error.to_string()))?;
        let base = |key: &str, text: &str| {
            ApiBase::parse(text).map_err(|why| wrong(&format!("`{key}` is `{text}`: {why}")))
        };
        let token = settings::token(&written.token).map_err(|why| {
            wrong(&format!("`token` {why}"))
                .with_hint("make one under \"Tokens\" in the detailed administration of NEMO")
        })?;
        let overlap = settings::some_length(written.overlap.as_deref(), DEFAULT_OVERLAP)
            .map_err(|why| wrong(&format!("`overlap` {why}")))?;
        let zone = match &written.timezone {
            None => None,
            Some(name) => Some(name.parse::<Tz>().map_err(|_| {
                wrong(&format!("`timezone` is `{name}`, which is no IANA name such as America/New_York"))
            })?),
        };
        Ok(Self {
            base: base("address", &written.address)?,
            aliases: written.aliases.iter().map(|alias| base("aliases", alias)).collect::<Result<_, _>>()?,
            token: token.to_owned(),
            times: Times::new(written.time_format.as_deref(), zone).map_err(|why| wrong(&why))?,
            affirmative: Affirmative::given_or(written.affirmative, &USUAL)
                .map_err(|why| wrong(&format!("`affirmative` {why}")))?,
            others_bookings: written.others_bookings,
            overlap: TimeDelta::from_std(overlap).unwrap_or(TimeDelta::MAX).min(TimeDelta::days(10_000)),
            since: written.since.as_deref().map(since).transpose()?,
            user_ids: written.user_ids,
            connection: Connection::new(
                "nemo",
                written.ca_bundle,
                written.proxy,
                written.timeout.as_deref(),
                DEFAULT_TIMEOUT,
            )?,
        })
    }

    /// The number of the tool or event in an address of this server, under its present or a former base.
    pub fn id_in(&self, list: &str, address: &str) -> Option<u64> {
        std::iter::once(&self.base).chain(&self.aliases).find_map(|base| base.id_in(list, address))
    }
}

fn wrong(what: &str) -> PluginError {
    PluginError::permanent(format!("settings of nemo: {what}"))
}

fn since(text: &str) -> Result<DateTime<Utc>, PluginError> {
    let date =
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map(|date| date.and_time(NaiveTime::MIN).and_utc());
    date.ok().or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())).ok_or_else(|| {
        wrong(&format!("`since` is `{text}`; it takes a date (2026-01-31) or a time with its offset"))
    })
}

/// JSON Schema of the settings.
pub fn schema() -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["address", "token"],
        "additionalProperties": false,
        "properties": {
            "address": {
                "type": "string",
                "description": "The API of the server: https://nemo.example.org/api/. Session identifiers begin with it."
            },
            "aliases": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Former addresses of the same API: instruments and sessions under them stay its own."
            },
            "token": {
                "type": "string",
                "secret": true,
                "description": "API token of an account with the rights to view usage events, reservations, tools \
                                and users."
            },
            "timezone": {
                "type": "string",
                "description": "IANA zone. The wall-clock part of every time the server writes is declared to be \
                                in it, also if an offset was written. Only for servers whose times lack an offset \
                                or have a wrong one."
            },
            "time_format": {
                "type": "string",
                "description": "How the server writes times if not in ISO 8601, as for Python's strptime: \
                                %m/%d/%Y %I:%M %p"
            },
            "affirmative": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": USUAL,
                "description": "The answers to data_consent that mean yes, in any case of letters. Everything else \
                                is no consent."
            },
            "others_bookings": {
                "type": "boolean",
                "default": false,
                "description": "Whether another person's booking stands for a session whose own user has none. It \
                                is marked then."
            },
            "overlap": {
                "type": "string",
                "default": DEFAULT_OVERLAP,
                "description": "How far a harvest looks back behind the last event it has seen, for events that were \
                                changed or entered late."
            },
            "since": {
                "type": "string",
                "description": "Usage events that ended before this date are left alone: 2026-01-31. Left out, all \
                                of an instrument's past is harvested."
            },
            "user_ids": {
                "type": "boolean",
                "default": false,
                "description": "Whether the users met are stored with their numbers at this server. Of several \
                                servers only one may say so."
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
        let mut settings = json!({"address": "https://nemo.x/api/", "token": "0123abcd"});
        for (key, value) in more {
            settings[key] = value.clone();
        }
        Settings::read(&settings)
    }

    fn message(key: &str, value: &Value) -> String {
        with(&[(key, value.clone())]).err().unwrap().to_string()
    }

    #[test]
    fn what_nexuslims_was_given_is_enough() {
        let settings =
            with(&[("timezone", json!("America/Denver")), ("time_format", json!("%Y-%m-%dT%H:%M:%S%z"))])
                .unwrap();
        assert_eq!(settings.overlap, TimeDelta::days(7));
        assert!(!settings.others_bookings && !settings.user_ids);
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(message("address", &json!("nemo.x/api")).contains("`address` is `nemo.x/api`"));
        assert!(message("aliases", &json!(["ftp://x"])).contains("`aliases` is `ftp://x`"));
        assert!(message("timezone", &json!("EST5")).contains("EST5"));
        assert!(message("time_format", &json!("%Q")).contains("%Q"));
        assert!(message("overlap", &json!("soon")).contains("`overlap` is `soon`"));
        assert!(message("timeout", &json!("0 s")).contains("`timeout`"));
        assert!(message("since", &json!("last year")).contains("last year"));
        assert!(message("affirmative", &json!(["yes", "No"])).contains("`affirmative` holds `no`"));
        assert!(message("tokn", &json!("x")).contains("tokn"));
        assert!(
            message("proxy", &json!("http://u:secret@p:1/")).contains("HTTPS_PROXY")
                || !message("proxy", &json!("http://u:secret@p:1/")).contains("secret")
        );
        for token in ["", " ", "two words", "tök"] {
            let said = message("token", &json!(token));
            assert!(said.contains("`token`") && (token.trim().is_empty() || !said.contains(token)), "{said}");
        }
    }

    #[test]
    fn former_addresses_count_too() {
        let settings = with(&[("aliases", json!(["http://old.x/api"]))]).unwrap();
        assert_eq!(settings.id_in("tools", "http://old.x/api/tools/?id=7"), Some(7));
        assert_eq!(settings.id_in("tools", "https://nemo.x/api/tools/?id=8"), Some(8));
        assert_eq!(settings.id_in("tools", "https://other.x/api/tools/?id=8"), None);
    }
}
