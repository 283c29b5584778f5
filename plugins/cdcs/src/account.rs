//! The accounts of a site: which one is a user's, and making one that is missing.

use std::sync::Arc;

use nexus_plugin_api::{Call, Effect, LogLevel};
use nexus_plugin_http::{Method, Once};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Client, ClientError};
use crate::reply::{number, rows};
use crate::site::{no_list, stopped};

const PATH: &str = "rest/user/";

/// An account at the site.
#[derive(Debug, Clone)]
struct Account {
    id: u64,
    name: String,
    /// Often blank.
    email: String,
}

impl Account {
    fn of(value: &Value) -> Option<Self> {
        let email = value.get("email").and_then(Value::as_str).unwrap_or_default().trim();
        Some(Self {
            id: number(value.get("id")?)?,
            name: value.get("username")?.as_str()?.to_owned(),
            email: email.to_lowercase(),
        })
    }
}

/// All accounts of a site, listed once: the list knows no filter.
#[derive(Debug, Default)]
pub struct Accounts(Once<(), Arc<Vec<Account>>>);

/// Whose account it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Of this number.
    One(u64),
    /// There is none.
    None,
    /// Several have the name, in different spellings, or the e-mail address.
    Several,
}

/// A user of the facility, as far as an account can be told by it.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// User name.
    pub name: &'a str,
    /// E-mail addresses.
    pub emails: &'a [String],
}

impl Accounts {
    /// The account of this name: the very name, or the only one that differs by its capitals. If nobody has the name,
    /// the only account with one of the e-mail addresses.
    pub fn find(&self, client: &Client, call: &Call, person: Person<'_>) -> Result<Match, ClientError> {
        let listed = self.0.get(call, &(), || list(client, call)).unwrap_or_else(|| Err(stopped(client)))?;
        if let Some(account) = listed.iter().find(|account| account.name == person.name) {
            return Ok(Match::One(account.id));
        }
        let lower = person.name.to_lowercase();
        let named = only(listed.iter().filter(|account| account.name.to_lowercase() == lower));
        if named != Match::None {
            return Ok(named);
        }
        let emails: Vec<String> = person.emails.iter().map(|email| email.trim().to_lowercase()).collect();
        Ok(only(listed.iter().filter(|account| !account.email.is_empty() && emails.contains(&account.email))))
    }

    /// The account of this name, made if there is none. [`Match::None`]: the site does not take the name, which is
    /// said in the log.
    pub fn find_or_make(
        &self,
        client: &Client,
        call: &Call,
        person: Person<'_>,
    ) -> Result<Match, ClientError> {
        let found = self.find(client, call, person)?;
        if found != Match::None {
            return Ok(found);
        }
        let user = person.name;
        // Nobody ever knows the password: an administrator of the site gives the user another one.
        let password = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let body = json!({ "username": user, "password": password });
        // Whatever becomes of it, no record was touched, and the next attempt lists the accounts again.
        let made = client.send(call, &Method::POST, PATH, Some(&body));
        self.0.forget(|()| true);
        match made.map_err(|error| error.with_effect(Effect::None)) {
            Ok(answer) => Account::of(&answer).map_or_else(
                || self.find(client, call, person),
                |account| {
                    call.log(LogLevel::Info, &format!("made account `{user}`, number {}", account.id));
                    Ok(Match::One(account.id))
                },
            ),
            // Somebody else made it a moment ago.
            Err(ClientError::Refused { status: 400, said, .. }) if said.contains("already exists") => {
                self.find(client, call, person)
            }
            Err(ClientError::Refused { status: 400, said, .. }) => {
                call.log(
                    LogLevel::Warn,
                    &format!("the site takes no account with the name `{user}`: {said}"),
                );
                Ok(Match::None)
            }
            Err(other) => Err(other),
        }
    }
}

fn only<'a>(mut accounts: impl Iterator<Item = &'a Account>) -> Match {
    match (accounts.next(), accounts.next()) {
        (None, _) => Match::None,
        (Some(account), None) => Match::One(account.id),
        (Some(_), Some(_)) => Match::Several,
    }
}

fn list(client: &Client, call: &Call) -> Result<Arc<Vec<Account>>, ClientError> {
    let answer = client.get(call, PATH, &[])?;
    rows(&answer, Account::of).map(Arc::new).ok_or_else(|| no_list(client, PATH))
}
