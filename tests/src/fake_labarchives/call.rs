//! A call, as it came.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha512;

use super::reply::Refusal;
use crate::http::{Request, pairs};

/// A call and the moment at which it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// The facility's time: the clock the fake was given, without the offset of the server.
    pub at: DateTime<Utc>,
    /// `GET` or `POST`.
    pub verb: String,
    /// Class and method: `entries/add_entry`; the whole path if it is not below `/api`.
    pub name: String,
    /// From the query, and from the body if it is a form.
    pub parameters: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// What the body says that it is.
    pub content_type: String,
    /// How long the address was, in bytes.
    pub target_length: usize,
    chunked: bool,
    measured: bool,
}

impl Call {
    pub(super) fn new(request: &Request, at: DateTime<Utc>) -> Self {
        let content_type = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
        let mut parameters = request.query.clone();
        if content_type.starts_with("application/x-www-form-urlencoded") {
            parameters.extend(pairs(&String::from_utf8_lossy(&request.body)));
        }
        Self {
            at,
            verb: request.method.clone(),
            name: request.path.strip_prefix("/api/").unwrap_or(&request.path).to_owned(),
            parameters,
            body: request.body.clone(),
            content_type,
            target_length: request.target.len(),
            chunked: request.header("transfer-encoding").is_some(),
            measured: request.header("content-length").is_some(),
        }
    }

    /// A parameter as it was given, perhaps empty.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The signature.
    pub fn signature(&self) -> Option<&str> {
        self.given("sig")
    }

    /// The moment for which it was signed.
    pub fn expires(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.given("expires")?.parse().ok()?)
    }

    /// Whether it may change something.
    pub fn writes(&self) -> bool {
        ["insert_node", "add_entry", "update_entry", "add_attachment", "update_attachment"]
            .contains(&self.method())
    }

    /// The bare name, which is signed.
    pub(super) fn method(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// A parameter that has to be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.given(name).filter(|value| !value.is_empty()).ok_or(Refusal::MISSING)
    }

    /// A parameter that is `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        self.required(name)?.parse().map_err(|_| Refusal::INVALID)
    }

    pub(super) fn is_form(&self) -> bool {
        self.content_type.starts_with("application/x-www-form-urlencoded")
    }

    /// Whether the server cannot take the body as it comes: a status.
    pub(super) fn cannot_be_read(&self) -> Option<u16> {
        let unmeasured = self.verb == "POST" && !self.measured;
        if self.chunked || unmeasured {
            Some(411)
        } else if self.content_type.starts_with("multipart/") {
            Some(415)
        } else if self.target_length > 8_000 {
            Some(414)
        } else {
            None
        }
    }
}

/// The signature of a call: HMAC-SHA-512 over key, bare method name and time, in base64.
pub fn signature(password: &str, akid: &str, method: &str, expires: &str) -> String {
    let mut mac = Hmac::<Sha512>::new_from_slice(password.as_bytes()).expect("a key of any length");
    mac.update(format!("{akid}{method}{expires}").as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}
