//! One request and its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nexus_plugin_api::{Call, Effect, LogLevel, PluginError};
use serde_json::Value;
use ureq::http::{self, HeaderName, HeaderValue, Method, StatusCode, header};
use url::Url;

use crate::answer::Answer;
use crate::connection::Connection;
use crate::error::{TransportError, Trouble};
use crate::pause::Pause;
use crate::shown::shown;
use crate::{agent, retry};

/// Redirects that are followed for one question.
const MOST_REDIRECTS: usize = 5;

/// The largest answer that is read, unless told otherwise.
const LARGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// Connections to one server, and the time.
pub struct Http {
    agent: ureq::Agent,
    timeout: Duration,
    /// The time, and waiting for it to pass.
    pub pause: Arc<dyn Pause>,
    /// Sent with every request: who asks.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The largest answer that is read, in bytes.
    pub largest_answer: u64,
    /// Whether debug lines show the query of an address; not for servers that take signatures in it.
    pub log_queries: bool,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Its method.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// More headers than those of every request.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; one that reads has none.
    pub body: Vec<u8>,
}

impl<'a> Request<'a> {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: &'a Url) -> Self {
        Self { method, url, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Adds a body of this media type.
    #[must_use]
    pub fn body(mut self, media_type: &'static str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header(header::CONTENT_TYPE, HeaderValue::from_static(media_type))
    }

    /// Adds a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().into_bytes())
    }
}

impl Http {
    /// Connections as these settings say; `version` is the plugin's. Nothing is sent yet.
    ///
    /// # Errors
    /// The certificates cannot be read, or the proxy is no address.
    pub fn new(settings: &Connection, version: &str, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        Ok(Self {
            agent: agent::agent(settings, version)?,
            timeout: settings.timeout,
            pause,
            headers: Vec::new(),
            largest_answer: LARGEST_ANSWER,
            log_queries: false,
        })
    }

    /// Sends `Authorization: <scheme> <credentials>` with every request; never shown.
    ///
    /// # Errors
    /// It cannot stand in a header.
    pub fn authorize(&mut self, scheme: &str, credentials: &str) -> Result<(), header::InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{scheme} {credentials}"))?;
        value.set_sensitive(true);
        self.headers.push((header::AUTHORIZATION, value));
        Ok(())
    }

    /// Asks once. Redirects are followed on the same origin, so that credentials go nowhere else.
    ///
    /// # Errors
    /// There was no answer. Any status is an answer.
    pub fn get(&self, call: &Call, url: &Url) -> Result<Answer, TransportError> {
        let mut url = url.clone();
        let elsewhere = |url: &Url, to: String| TransportError {
            trouble: Trouble::Elsewhere,
            url: shown(url),
            why: to,
            effect: Effect::None,
        };
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.exchange(call, &Request::new(Method::GET, &url))?;
            if !answer.status.is_redirection() {
                return Ok(answer);
            }
            match target(&url, &answer) {
                Ok(next) if next.origin() == url.origin() => url = next,
                to => return Err(elsewhere(&url, told(to))),
            }
        }
        Err(elsewhere(&url, "one place after another".to_owned()))
    }

    /// Sends once. No redirect is followed: most would turn the request into another one.
    ///
    /// # Errors
    /// There was no answer, or a redirect. Any other status is an answer.
    pub fn send(&self, call: &Call, request: &Request<'_>) -> Result<Answer, TransportError> {
        let answer = self.exchange(call, request)?;
        if !answer.status.is_redirection() {
            return Ok(answer);
        }
        // "See other" is how a server that did the work shows the result.
        let done = answer.status == StatusCode::SEE_OTHER && !request.method.is_safe();
        Err(TransportError {
            trouble: Trouble::Elsewhere,
            url: shown(request.url),
            why: told(target(request.url, &answer)),
            effect: if done { Effect::Maybe } else { Effect::None },
        })
    }

    /// Asks until there is an answer, an error that stays, or no time left.
    ///
    /// # Errors
    /// The last error.
    pub fn while_it_helps<T, E>(
        &self,
        call: &Call,
        again: impl Fn(&E) -> retry::Again,
        ask: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        retry::while_it_helps(call, self.pause.as_ref(), again, ask)
    }

    fn exchange(&self, call: &Call, request: &Request<'_>) -> Result<Answer, TransportError> {
        let Request { method, url, headers, body } = request;
        let left = call.time_left().unwrap_or(self.timeout);
        if call.should_stop() || left.is_zero() {
            return Err(TransportError::stopped(shown(url)));
        }
        let began = Instant::now();
        let failed = |error: ureq::Error| TransportError::of(method, shown(url), &error);
        let mut head = http::Request::builder().method(method).uri(url.as_str());
        for (name, value) in self.headers.iter().chain(headers) {
            head = head.header(name, value);
        }
        let limit = Some(left.min(self.timeout));
        let run = |head: http::request::Builder| {
            if matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
                let request = head.body(body.as_slice())?;
                self.agent.run(self.agent.configure_request(request).timeout_global(limit).build())
            } else {
                let request = head.body(())?;
                self.agent.run(self.agent.configure_request(request).timeout_global(limit).build())
            }
        };
        let mut response = run(head).map_err(failed)?;
        // ureq takes the limit itself for too long.
        let limit = self.largest_answer.saturating_add(1);
        let body = response.body_mut().with_config().limit(limit).read_to_vec().map_err(failed)?;
        let (status, size, took) = (response.status(), body.len(), began.elapsed());
        let address = if self.log_queries { url.to_string() } else { shown(url) };
        call.log(LogLevel::Debug, &format!("{method} {address}: {status}, {size} bytes, {took:.2?}"));
        Ok(Answer { status, headers: response.headers().clone(), body, url: shown(url) })
    }
}

/// Where a redirect sends; the text as it stands if it is no address.
fn target(url: &Url, answer: &Answer) -> Result<Url, String> {
    let location = answer.header(&header::LOCATION).unwrap_or_default();
    url.join(location).ok().filter(|_| !location.is_empty()).ok_or_else(|| format!("`{location}`"))
}

fn told(target: Result<Url, String>) -> String {
    target.map_or_else(|text| text, |url| shown(&url))
}
