//! JSON Schema of the settings.

use nexus_plugin_consent::USUAL;
use nexus_plugin_http::Connection;
use serde_json::{Value, json};

use super::{DEFAULT_GRACE, DEFAULT_LOOK_BACK, DEFAULT_TIMEOUT};
use crate::fields::FIELDS;

/// JSON Schema of the settings.
pub fn schema() -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["address", "auth"],
        "additionalProperties": false,
        "properties": {
            "address": {
                "type": "string",
                "description": "The site: https://sp.example.org/sites/microscopy, or a site of Microsoft Graph: \
                                https://graph.microsoft.com/v1.0/sites/ID."
            },
            "aliases": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Former addresses of the same site: instruments below them stay its own."
            },
            "api": {
                "type": "string",
                "enum": ["rest", "graph", "listdata"],
                "description": "\"rest\" (_api/web/lists) or \"graph\" (Microsoft Graph). Left out, graph if the host \
                                is graph.microsoft.com, else rest. \"listdata\" is known and not read."
            },
            "lists": {
                "type": "object",
                "additionalProperties": true,
                "description": "The calendar of each instrument: its PID = the title of a list, its GUID, or its whole \
                                address; with #column=value behind it, only the items with that value. An \
                                instrument that is not named has its calendar at its api_url."
            },
            "timezone": {
                "type": "string",
                "description": "IANA zone of the site, in which all-day events and recurrences are meant. Left out, \
                                the server is asked (rest), else the instrument's own zone holds."
            },
            "fields": {
                "type": "object",
                "additionalProperties": false,
                "properties": fields(),
                "description": "Which column feeds what. Internal names of columns, in which a blank is _x0020_."
            },
            "consent": {
                "type": "string",
                "enum": ["require", "assume"],
                "default": "require",
                "description": "Whether a booking without an answer to consent is refused or taken for agreed to."
            },
            "consent_answers": {
                "type": "array",
                "items": {"type": "string", "minLength": 1},
                "default": USUAL,
                "description": "The answers that mean yes, in any case of letters. Everything else is no consent."
            },
            "same_user": {
                "type": "boolean",
                "default": false,
                "description": "Whether a session is left without a reservation if only another person had booked."
            },
            "user_name": {
                "type": "string",
                "enum": ["account", "mail", "mail_local"],
                "default": "account",
                "description": "What a person's user name is: the login name, the mail address, or the part of the \
                                mail address before its @."
            },
            "sessions": {
                "type": "boolean",
                "default": false,
                "description": "Whether events of the calendar are sessions. They tell when somebody meant to work."
            },
            "grace": {
                "type": "string",
                "default": DEFAULT_GRACE,
                "description": "With sessions: how long an event must be over, since its end may still be moved."
            },
            "look_back": {
                "type": "string",
                "default": DEFAULT_LOOK_BACK,
                "description": "With sessions: how far back events are read again for what was changed; and how old \
                                events of the first harvest may be."
            },
            "before": {
                "type": "string",
                "default": "0 s",
                "description": "With sessions: how much earlier than its event a session begins."
            },
            "after": {
                "type": "string",
                "default": "0 s",
                "description": "With sessions: how much later than its event a session ends."
            }
        }
    });
    if let (Some(all), Value::Object(sign_in)) =
        (schema.get_mut("properties").and_then(Value::as_object_mut), sign_in())
    {
        all.extend(sign_in);
    }
    Connection::describe(&mut schema, DEFAULT_TIMEOUT);
    schema
}

fn sign_in() -> Value {
    json!({
        "auth": {
            "type": "string",
            "enum": ["basic", "bearer", "client_secret", "client_certificate", "none", "ntlm"],
            "description": "How nexus says who it is. NTLM is done by a local proxy: set `proxy` and \"none\"."
        },
        "user": {"type": "string", "description": "Of basic: the account, DOMAIN\\name."},
        "password": {"type": "string", "secret": true, "description": "Of basic."},
        "token": {"type": "string", "secret": true, "description": "Of bearer: a token that you renew yourself."},
        "tenant": {
            "type": "string",
            "description": "Of client_*: number or domain of the organisation's tenant."
        },
        "client_id": {"type": "string", "description": "Of client_*: number of the app registration."},
        "client_secret": {
            "type": "string",
            "secret": true,
            "description": "Of client_secret. Microsoft Graph takes it, _api of SharePoint Online does not."
        },
        "cert_file": {
            "type": "string",
            "format": "path",
            "description": "Of client_certificate: the certificate that was added to the app registration, PEM."
        },
        "key_file": {
            "type": "string",
            "format": "path",
            "description": "Of client_certificate: its private key, PEM, without a password."
        },
        "signature": {
            "type": "string",
            "enum": ["RS256", "PS256"],
            "default": "RS256",
            "description": "Of client_certificate: how it signs."
        },
        "token_url": {
            "type": "string",
            "description": "Where tokens are given out. Left out, Microsoft's address for the tenant."
        },
        "scope": {
            "type": "string",
            "description": "What the token is for. Left out, https://graph.microsoft.com/.default for graph, and \
                            everything that was granted at the host of `address` for rest."
        }
    })
}

fn fields() -> Value {
    let about = |columns: &[&str]| {
        let usual = if columns.is_empty() { "none".to_owned() } else { columns.join(", else ") };
        json!({
            "type": ["string", "array", "boolean"],
            "items": {"type": "string", "minLength": 1},
            "description": format!("A column, several of which the first that is filled counts, or false. Left out: {usual}.")
        })
    };
    Value::Object(FIELDS.iter().map(|(_, name, columns, _)| ((*name).to_owned(), about(columns))).collect())
}
