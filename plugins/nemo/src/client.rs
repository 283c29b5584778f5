//! Questions to a NEMO API: one at a time, read only, tried again where that can help.

mod agent;
mod error;
mod list;
mod retry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_plugin_api::{Call, LogLevel, PluginError};
use serde_json::Value;
use ureq::http::{HeaderValue, StatusCode, header};
use url::Url;

pub use error::ClientError;
pub use list::{Page, Query};

use crate::base::ApiBase;
use crate::pause::Pause;
use crate::settings::Settings;

/// Redirects that are followed for one question.
const MOST_REDIRECTS: usize = 5;

/// The largest answer that is read: some hundred thousand usage events.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// A NEMO API, and the right to ask it.
pub struct Client {
    agent: ureq::Agent,
    base: ApiBase,
    authorization: HeaderValue,
    timeout: Duration,
    pause: Arc<dyn Pause>,
    /// Rows of one page.
    pub page_size: usize,
}

/// One answer.
struct Answer {
    status: StatusCode,
    headers: ureq::http::HeaderMap,
    body: Vec<u8>,
}

impl Client {
    /// Rows of one page, unless told otherwise.
    const PAGE_SIZE: usize = 1_000;

    /// A client for this server. Nothing is sent yet.
    pub fn new(settings: &Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        let mut authorization = HeaderValue::from_str(&format!("Token {}", settings.token))
            .map_err(|_| PluginError::permanent("settings of nemo: `token` cannot stand in a header"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            agent: agent::agent(settings)?,
            base: settings.base.clone(),
            authorization,
            timeout: settings.timeout,
            pause,
            page_size: Self::PAGE_SIZE,
        })
    }

    /// The moment, for cursors.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.pause.now()
    }

    /// The JSON at an address of this API, tried again while that can help and the call lasts.
    pub fn get(&self, call: &Call, url: &Url) -> Result<Value, ClientError> {
        retry::while_it_helps(call, self.pause.as_ref(), || self.get_once(call, url))
    }

    /// The JSON at an address of this API, tried once. Redirects are followed on the same origin, so that the
    /// token goes nowhere else.
    pub fn get_once(&self, call: &Call, url: &Url) -> Result<Value, ClientError> {
        let mut url = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(call, &url)?;
            if !answer.status.is_redirection() {
                return self.read(&url, &answer);
            }
            let location = answer.header(header::LOCATION).unwrap_or_default();
            let next = url.join(location).ok().filter(|_| !location.is_empty());
            match next {
                Some(next) if self.base.is_origin_of(&next) => url = next,
                next => {
                    let to = next.map_or_else(|| format!("`{location}`"), |next| without_query(&next));
                    return Err(ClientError::Elsewhere { url: without_query(&url), to });
                }
            }
        }
        Err(ClientError::Elsewhere { url: without_query(&url), to: "one place after another".to_owned() })
    }

    fn ask(&self, call: &Call, url: &Url) -> Result<Answer, ClientError> {
        let left = call.time_left().unwrap_or(self.timeout);
        if call.should_stop() || left.is_zero() {
            return Err(ClientError::Stopped);
        }
        let began = Instant::now();
        let request = self
            .agent
            .get(url.as_str())
            .header(header::AUTHORIZATION, self.authorization.clone())
            .header(header::ACCEPT, "application/json")
            .config()
            .timeout_global(Some(left.min(self.timeout)))
            .build();
        let failed = |error: ureq::Error| ClientError::of_transport(without_query(url), &error);
        let mut response = request.call().map_err(failed)?;
        let body = response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec().map_err(failed)?;
        let (status, size, took) = (response.status(), body.len(), began.elapsed());
        call.log(LogLevel::Debug, &format!("GET {url}: {status}, {size} bytes, {took:.2?}"));
        let headers = response.headers().clone();
        Ok(Answer { status, headers, body })
    }

    fn read(&self, url: &Url, answer: &Answer) -> Result<Value, ClientError> {
        let content_type = answer.header(header::CONTENT_TYPE).unwrap_or("nothing").to_owned();
        let is_json = content_type.to_ascii_lowercase().contains("json");
        let url = without_query(url);
        if answer.status == StatusCode::OK {
            if !is_json {
                return Err(ClientError::NotJson { url, content_type });
            }
            return serde_json::from_slice(&answer.body)
                .map_err(|error| ClientError::Garbage { url, why: error.to_string() });
        }
        let body: Value =
            if is_json { serde_json::from_slice(&answer.body).unwrap_or_default() } else { Value::Null };
        let wait = answer.header(header::RETRY_AFTER).and_then(|text| retry::wanted(text, self.pause.now()));
        Err(ClientError::of_status(url, answer.status.as_u16(), &body, wait))
    }
}

impl Answer {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An address as it is shown: without the query, which can be long.
fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}
