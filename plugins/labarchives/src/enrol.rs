//! The actions `enrol` and `notebooks`: who somebody is to LabArchives, and what notebooks they see.

use std::path::PathBuf;

use nexus_plugin_api::{Action, ActionOutcome, Call, MetUser, PluginError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::LabArchivesDestination;
use crate::owner::{SYSTEM, who};
use crate::reply::{self, Notebook, User};

/// Its name on the command line.
pub const ENROL: &str = "enrol";

/// Its name on the command line.
pub const NOTEBOOKS: &str = "notebooks";

/// Longest token, in bytes; a file that is longer is another one.
const LONGEST_TOKEN: usize = 4096;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Enrolment {
    user: String,
    email: String,
    token: Option<String>,
    token_file: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listing {
    user_id: Option<String>,
}

/// How they are listed.
pub fn actions() -> Vec<Action> {
    vec![
        Action {
            name: ENROL.to_owned(),
            summary: "Finds a person's LabArchives user id by e-mail address and token, and stores it for their sessions."
                .to_owned(),
            arguments: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["user", "email"],
                "properties": {
                    "user": {
                        "type": "string",
                        "description": "The user name in the sessions."
                    },
                    "email": {
                        "type": "string",
                        "description": "The address that the person signs in to LabArchives with."
                    },
                    "token_file": {
                        "type": "string",
                        "format": "path",
                        "description": "A file with the person's External App token; /dev/stdin: what is typed or piped in."
                    },
                    "token": {
                        "type": "string",
                        "secret": true,
                        "description": "The token itself, where nobody reads the command line."
                    }
                }
            }),
            writes: false,
        },
        Action {
            name: NOTEBOOKS.to_owned(),
            summary: "Lists the notebooks that the account sees, with the ids that `notebook_id` takes."
                .to_owned(),
            arguments: json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "user_id": {
                        "type": "string",
                        "description": "Another account's user id; left out, the account of the settings."
                    }
                }
            }),
            writes: false,
        },
    ]
}

/// Finds the user id of a person who has shown their token. The token is used once and kept nowhere.
pub fn enrol(
    lab: &LabArchivesDestination,
    call: &Call,
    arguments: &Value,
) -> Result<ActionOutcome, PluginError> {
    let asked: Enrolment = read(ENROL, arguments)?;
    let (user, email) = (asked.user.trim(), asked.email.trim());
    if user.is_empty() || email.is_empty() {
        return Err(PluginError::permanent(format!(
            "arguments of {ENROL}: `user` and `email` must not be blank"
        )));
    }
    let token = token(asked.token.as_deref(), asked.token_file.as_deref())?;
    let query = [("login_or_email", email), ("password", token.as_str())];
    let found = lab.client.read(call, "users/user_access_info", &query, ("user id", reply::user))?;
    let known = found.email.clone().unwrap_or_else(|| email.to_owned());
    let name = found.name.as_deref().unwrap_or(&known);
    let mut message = format!("user `{user}` is {name} at LabArchives, with {}", list(&found.notebooks));
    if !known.eq_ignore_ascii_case(email) {
        message.push_str("; the account has another e-mail address than the one given");
    }
    if lab.settings.own.is_none() {
        message.push_str(
            "; `users = \"own\"` is not set, so records go to the facility's notebook all the same",
        );
    }
    Ok(ActionOutcome {
        message,
        data: json!({"user": user, "email": known, "notebooks": shown(&found.notebooks)}),
        users: vec![MetUser {
            username: user.to_owned(),
            system: SYSTEM.to_owned(),
            external_id: found.uid,
            email: Some(known),
        }],
    })
}

/// Lists the notebooks of an account.
pub fn notebooks(
    lab: &LabArchivesDestination,
    call: &Call,
    arguments: &Value,
) -> Result<ActionOutcome, PluginError> {
    let asked: Listing = if arguments.is_null() { Listing::default() } else { read(NOTEBOOKS, arguments)? };
    let uid = asked.user_id.as_deref().map(str::trim).filter(|uid| !uid.is_empty());
    let User { notebooks, name, .. } = who(&lab.client, call, uid.unwrap_or(&lab.settings.uid))?;
    let name = name.unwrap_or_else(|| "the account".to_owned());
    let lines: Vec<String> = notebooks
        .iter()
        .map(|Notebook { id, name, default }| {
            format!(
                "notebook_id = {}   # {}{}",
                Value::from(id.as_str()),
                name,
                if *default { " (default)" } else { "" }
            )
        })
        .collect();
    let message = if lines.is_empty() {
        format!("{name} sees no notebook: make one, or have one shared")
    } else {
        format!("{name} sees {}\n{}", list(&notebooks), lines.join("\n"))
    };
    Ok(ActionOutcome { message, data: json!({"notebooks": shown(&notebooks)}), users: Vec::new() })
}

fn list(notebooks: &[Notebook]) -> String {
    match notebooks.len() {
        1 => "1 notebook".to_owned(),
        several => format!("{several} notebooks"),
    }
}

fn shown(notebooks: &[Notebook]) -> Value {
    let one =
        |notebook: &Notebook| json!({"id": notebook.id, "name": notebook.name, "default": notebook.default});
    notebooks.iter().map(one).collect()
}

fn read<'a, T: Deserialize<'a>>(action: &str, arguments: &'a Value) -> Result<T, PluginError> {
    // An error of serde may repeat a value, and one of them is a token.
    T::deserialize(arguments).map_err(|error| {
        let what = error.to_string();
        let what = what.split('`').next().filter(|_| what.contains("invalid type")).unwrap_or(&what);
        PluginError::permanent(format!("arguments of {action}: {what}"))
    })
}

fn token(given: Option<&str>, file: Option<&std::path::Path>) -> Result<String, PluginError> {
    let wrong = |what: String| {
        PluginError::permanent(format!("arguments of {ENROL}: {what}")).with_hint(
            "the person finds the token in LabArchives, in the menu under their name, as External App authentication; it \
             is good for an hour",
        )
    };
    let text = match (given, file) {
        (Some(given), None) => given.to_owned(),
        (None, Some(path)) => {
            let shown = path.display();
            let text = std::fs::read_to_string(path)
                .map_err(|error| wrong(format!("`token_file` `{shown}` cannot be read: {error}")))?;
            if text.len() > LONGEST_TOKEN {
                return Err(wrong(format!("`token_file` `{shown}` is too long for a token")));
            }
            text
        }
        (Some(_), Some(_)) => return Err(wrong("`token` and `token_file` exclude each other".to_owned())),
        (None, None) => return Err(wrong("there is neither `token_file` nor `token`".to_owned())),
    };
    let token = text.trim();
    if token.is_empty() || token.chars().any(char::is_control) {
        return Err(wrong("the token is blank, or more than one line".to_owned()));
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_one_place_and_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, " abc-def\n").unwrap();
        assert_eq!(token(None, Some(&path)).unwrap(), "abc-def");
        assert_eq!(token(Some("abc"), None).unwrap(), "abc");
        assert!(token(Some("abc"), Some(&path)).is_err() && token(None, None).is_err());
        assert!(token(Some(" "), None).is_err());
        let error = token(Some("plan\nted"), None).unwrap_err();
        assert!(!error.to_string().contains("plan") && error.hint.is_some());
        std::fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(token(None, Some(&path)).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn arguments_are_named_and_no_value_of_theirs() {
        let wrong = json!({"user": "ada", "email": "a@x", "token": {"planted": 1}});
        let error = read::<Enrolment>(ENROL, &wrong).err().unwrap();
        assert!(error.to_string().contains("arguments of enrol") && !error.to_string().contains("planted"));
        assert!(
            read::<Enrolment>(ENROL, &json!({"user": "ada"})).err().unwrap().to_string().contains("email")
        );
        let number =
            read::<Enrolment>(ENROL, &json!({"user": "a", "email": "b", "token": 12_345})).err().unwrap();
        assert!(!number.to_string().contains("12345"), "{number}");
    }
}
