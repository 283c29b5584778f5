//! Tokens: asked for as an app, used until shortly before their end.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{Call, PluginError};
use nexus_plugin_http::{Answer, HeaderValue, Http, Method, Request, StatusCode, shown};
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::assertion::Certificate;
use super::{SignInError, header};
use crate::settings::{Proof, TokenAuth};

/// How long before its end a token is no longer used.
const EARLY: TimeDelta = TimeDelta::minutes(5);

/// Longest piece of an answer that is repeated, in characters.
const LONGEST_QUOTE: usize = 300;

/// How a signed claim is named in the question.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token.
pub struct Token {
    /// As it is sent.
    pub header: HeaderValue,
    /// From when on it is not used any more (UTC).
    pub renew_at: DateTime<Utc>,
}

/// An app that asks for tokens.
pub struct App {
    url: Url,
    client_id: String,
    scope: String,
    proof: Ready,
}

enum Ready {
    Secret(String),
    Certificate(Box<Certificate>),
}

impl App {
    /// Reads the files.
    pub fn new(auth: &TokenAuth) -> Result<Self, PluginError> {
        let proof = match &auth.proof {
            Proof::Secret(secret) => Ready::Secret(secret.clone()),
            Proof::Certificate { cert_file, key_file, is_pss } => {
                Ready::Certificate(Box::new(Certificate::read(cert_file, key_file, *is_pss)?))
            }
        };
        Ok(Self {
            url: auth.url.clone(),
            client_id: auth.client_id.clone(),
            scope: auth.scope.clone(),
            proof,
        })
    }

    /// A new token.
    pub fn token(&self, http: &Http, call: &Call) -> Result<Token, SignInError> {
        http.while_it_helps(call, SignInError::again, || self.token_once(http, call))
    }

    fn token_once(&self, http: &Http, call: &Call) -> Result<Token, SignInError> {
        // Made anew for each try: a signed claim counts once.
        let (form, secret) = self.form(http.pause.now())?;
        let request = Request::new(Method::POST, &self.url)
            .body("application/x-www-form-urlencoded", form.into_bytes());
        let answer = http.send(call, &request)?;
        let now = http.pause.now();
        match answer.status {
            StatusCode::OK => self.read(&answer, now),
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                Err(SignInError::Unavailable {
                    url: shown(&self.url),
                    status: status.as_u16(),
                    wait: answer.retry_after(now),
                })
            }
            status => Err(SignInError::Refused {
                url: shown(&self.url),
                said: format!("{}: {}", status.as_u16(), said(&answer).replace(&secret, "…")),
            }),
        }
    }

    /// The question, and what in it nobody may see.
    fn form(&self, now: DateTime<Utc>) -> Result<(String, String), SignInError> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        form.append_pair("client_id", &self.client_id);
        form.append_pair("scope", &self.scope);
        let secret = match &self.proof {
            Ready::Secret(secret) => {
                form.append_pair("client_secret", secret);
                secret.clone()
            }
            Ready::Certificate(certificate) => {
                let assertion = certificate
                    .assertion(&self.client_id, self.url.as_str(), now)
                    .map_err(|why| SignInError::Signature { why })?;
                form.append_pair("client_assertion_type", ASSERTION);
                form.append_pair("client_assertion", &assertion);
                assertion
            }
        };
        Ok((form.finish(), secret))
    }

    fn read(&self, answer: &Answer, now: DateTime<Utc>) -> Result<Token, SignInError> {
        let unreadable = |why: String| SignInError::Unreadable { url: shown(&self.url), why };
        let body = answer.json().map_err(|error| unreadable(error.to_string()))?;
        let token = body.get("access_token").and_then(Value::as_str).unwrap_or_default();
        if token.is_empty() {
            return Err(unreadable("it has no `access_token`".to_owned()));
        }
        // Some servers write the number as text.
        let seconds = match body.get("expires_in") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_i64(),
            None => None,
        };
        let length = TimeDelta::seconds(seconds.unwrap_or(3_600).clamp(0, 86_400 * 365));
        // A token that lasts a few minutes is used for half of them.
        let used = (length - EARLY).max(length / 2);
        let header = header("Bearer", token)
            .ok_or_else(|| unreadable("its `access_token` cannot be sent".to_owned()))?;
        Ok(Token { header, renew_at: now.checked_add_signed(used).unwrap_or(now) })
    }
}

/// The reason in a refusal: OAuth has `error` and `error_description`.
fn said(answer: &Answer) -> String {
    let Ok(body) = answer.json() else { return "a web page".to_owned() };
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let description = text("error_description").lines().next().unwrap_or_default().trim();
    let whole = match (text("error"), description) {
        ("", "") => "no reason given".to_owned(),
        (error, "") => error.to_owned(),
        (error, description) => format!("{error}: {description}"),
    };
    whole.chars().take(LONGEST_QUOTE).collect()
}
