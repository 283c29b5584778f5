//! Who asks: nobody, an account with its password, or the bearer of a token.

mod assertion;
mod error;
mod token;

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nexus_plugin_api::{Call, PluginError};
use nexus_plugin_http::{HeaderValue, Http};

pub use error::SignInError;

use self::token::{App, Token};
use crate::settings::{Auth, Proof, TokenAuth};

/// The right to ask.
pub struct SignIn {
    kind: Kind,
    /// What the settings hold that nobody may see.
    secrets: Vec<String>,
}

enum Kind {
    /// The same with every request, if anything.
    Fixed(Option<HeaderValue>),
    /// A token that is asked for, kept, and asked for again.
    Token { app: App, held: Mutex<Option<Token>> },
}

impl SignIn {
    /// Reads what is needed; nothing is sent yet.
    pub fn new(auth: &Auth) -> Result<Self, PluginError> {
        let fixed = |scheme: &str, credentials: &str, key: &str| {
            let value = header(scheme, credentials);
            value.map(|value| Kind::Fixed(Some(value))).ok_or_else(|| {
                PluginError::permanent(format!("settings of sharepoint: `{key}` cannot stand in a header"))
            })
        };
        let kind = match auth {
            Auth::Nobody => Kind::Fixed(None),
            Auth::Basic { user, password } => {
                fixed("Basic", &STANDARD.encode(format!("{user}:{password}")), "password")?
            }
            Auth::Bearer(token) => fixed("Bearer", token, "token")?,
            Auth::Token(app) => Kind::Token { app: App::new(app)?, held: Mutex::new(None) },
        };
        let secrets = match auth {
            Auth::Basic { password, .. } => vec![password.clone()],
            Auth::Bearer(token) => vec![token.clone()],
            Auth::Token(TokenAuth { proof: Proof::Secret(secret), .. }) => vec![secret.clone()],
            Auth::Nobody | Auth::Token(_) => Vec::new(),
        };
        Ok(Self { kind, secrets })
    }

    /// What to send: the token that is held, or a new one if it is soon over.
    pub fn authorization(&self, http: &Http, call: &Call) -> Result<Option<HeaderValue>, SignInError> {
        match &self.kind {
            Kind::Fixed(value) => Ok(value.clone()),
            Kind::Token { app, held } => {
                // Held while it is asked for: whoever else needs it waits for the same one.
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                let now = http.pause.now();
                if let Some(token) = held.as_ref().filter(|token| now < token.renew_at) {
                    return Ok(Some(token.header.clone()));
                }
                let token = app.token(http, call)?;
                let header = token.header.clone();
                *held = Some(token);
                Ok(Some(header))
            }
        }
    }

    /// Forgets a token that was not accepted. Returns whether another one can be had.
    pub fn forget(&self, used: Option<&HeaderValue>) -> bool {
        let Kind::Token { held, .. } = &self.kind else { return false };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody else may have got a new one meanwhile.
        if held.as_ref().is_some_and(|token| Some(&token.header) == used) {
            *held = None;
        }
        true
    }

    /// A text without the credentials, should somebody have repeated them.
    pub fn without_secrets(&self, used: Option<&HeaderValue>, text: &str) -> String {
        let sent = used.and_then(|value| value.to_str().ok()).and_then(|value| value.split(' ').nth(1));
        let secrets = self.secrets.iter().map(String::as_str).chain(sent).filter(|secret| !secret.is_empty());
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}

/// `<scheme> <credentials>`, never shown.
fn header(scheme: &str, credentials: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
