//! The accounts of a fake CDCS server.

use serde_json::{Value, json};

use super::{TOKEN, detail};
use crate::http::{Request, Response};

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its own records.
    Ordinary,
    /// And the list of users.
    Staff,
    /// Everything.
    Superuser,
}

struct Account {
    id: u64,
    username: String,
    email: String,
    token: Option<String>,
    role: Role,
}

pub(super) struct Accounts(Vec<Account>);

impl Default for Accounts {
    fn default() -> Self {
        let mut accounts = Self(Vec::new());
        accounts.add("deliverer", Some(TOKEN), Role::Superuser);
        accounts
    }
}

impl Accounts {
    pub(super) fn add(&mut self, username: &str, token: Option<&str>, role: Role) -> u64 {
        let id = u64::try_from(self.0.len()).unwrap_or(u64::MAX) + 1;
        self.0.push(Account {
            id,
            username: username.to_owned(),
            email: String::new(),
            token: token.map(str::to_owned),
            role,
        });
        id
    }

    pub(super) fn set_email(&mut self, username: &str, email: &str) {
        for account in self.0.iter_mut().filter(|account| account.username == username) {
            email.clone_into(&mut account.email);
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|account| account.username.clone()).collect()
    }

    pub(super) fn change_token(&mut self, old: &str, new: &str) {
        for account in self.0.iter_mut().filter(|account| account.token.as_deref() == Some(old)) {
            account.token = Some(new.to_owned());
        }
    }

    /// The user's number, or the answer to bad credentials: 403, as the known sites send it.
    pub(super) fn authenticate(&self, request: &Request) -> Result<u64, Response> {
        let header = request.header("authorization").unwrap_or_default();
        let mut words = header.split_whitespace();
        if !words.next().unwrap_or_default().eq_ignore_ascii_case("token") {
            return Err(detail(403, "Authentication credentials were not provided."));
        }
        let Some(token) = words.next() else {
            return Err(detail(403, "Invalid token header. No credentials provided."));
        };
        let account = self.0.iter().find(|account| account.token.as_deref() == Some(token));
        account.map(|account| account.id).ok_or_else(|| detail(403, "Invalid token."))
    }

    pub(super) fn exists(&self, id: u64) -> bool {
        self.0.iter().any(|account| account.id == id)
    }

    pub(super) fn role(&self, id: u64) -> Role {
        self.0.iter().find(|account| account.id == id).map_or(Role::Ordinary, |account| account.role)
    }

    /// `rest/user/`: the list of all accounts, or a new one.
    pub(super) fn answer(&mut self, request: &Request, user: u64) -> Response {
        if self.role(user) == Role::Ordinary {
            return detail(403, "You do not have permission to perform this action.");
        }
        if request.method == "GET" {
            return Response::json(200, &json!(self.0.iter().map(shown).collect::<Vec<_>>()));
        }
        let body = request.json().unwrap_or_default();
        let username = body["username"].as_str().unwrap_or_default();
        let allowed = |letter: char| letter.is_alphanumeric() || "@.+-_".contains(letter);
        if username.is_empty() || !username.chars().all(allowed) {
            let text = "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";
            return Response::json(400, &json!({ "username": [text] }));
        }
        if self.0.iter().any(|account| account.username == username) {
            return Response::json(
                400,
                &json!({ "username": ["A user with that username already exists."] }),
            );
        }
        if body["password"].as_str().is_none_or(str::is_empty) {
            return Response::json(400, &json!({ "password": ["This field is required."] }));
        }
        self.add(username, None, Role::Ordinary);
        let Some(added) = self.0.last_mut() else { return Response::html(500) };
        body["email"].as_str().unwrap_or_default().clone_into(&mut added.email);
        Response::json(201, &shown(added))
    }
}

fn shown(account: &Account) -> Value {
    json!({ "id": account.id, "username": account.username, "email": account.email })
}
