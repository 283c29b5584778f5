//! Questions to SharePoint: one at a time, read only, tried again where that can help.
//!
//! A question is tried five times at most, with the pauses that the server asks for, and never waits more than five
//! minutes in all. A token that is refused midway is replaced once.

mod error;
mod pages;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nexus_plugin_api::{Call, LogLevel, PluginError};
use nexus_plugin_http::{
    Again, Answer, HeaderName, HeaderValue, Http, Method, Request, StatusCode, header, shown,
};
use serde_json::Value;
use url::Url;

pub use error::{ClientError, complaint};
pub use pages::{Flow, list_page, object};

use crate::address::Api;
use crate::pause::Pause;
use crate::settings::Settings;
use crate::signin::SignIn;

/// Tries of one question.
const MOST_TRIES: u32 = 5;

/// How long one question waits at most, all its pauses together.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// The largest page that is read, in bytes.
const LARGEST_PAGE: u64 = 64 * 1024 * 1024;

/// How long one answer can make us rest before the next question.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// Who asks, in the form that Microsoft wants for traffic that is no person's.
const USER_AGENT: &str = concat!("NONISV|nexus|nexus-sharepoint/", env!("CARGO_PKG_VERSION"));

/// A site, and the right to ask it.
pub struct Client {
    http: Http,
    sign_in: SignIn,
    api: Api,
    /// Whether the server knows only the oldest form of JSON.
    verbose: AtomicBool,
}

impl Client {
    /// A client for this site. Nothing is sent yet.
    pub fn new(settings: &Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        let mut http = Http::new(&settings.connection, env!("CARGO_PKG_VERSION"), pause)?;
        http.largest_answer = LARGEST_PAGE;
        // Filters by column and time: nothing secret.
        http.log_queries = true;
        if settings.site.is_online() {
            http.headers.push((header::USER_AGENT, HeaderValue::from_static(USER_AGENT)));
        }
        if settings.api == Api::Rest {
            // Sites with several ways to sign in would otherwise answer with a form.
            let name = HeaderName::from_static("x-forms_based_auth_accepted");
            http.headers.push((name, HeaderValue::from_static("f")));
        }
        let verbose = AtomicBool::new(false);
        Ok(Self { http, sign_in: SignIn::new(&settings.auth)?, api: settings.api, verbose })
    }

    /// The moment.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.http.pause.now()
    }

    /// The JSON at an address.
    pub fn get(
        &self,
        call: &Call,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Value, ClientError> {
        let mut waited = Duration::ZERO;
        let mut usual = Duration::from_secs(2);
        let mut renewed = false;
        let mut tries = 1;
        loop {
            let error = match self.get_once(call, url, headers, &mut renewed) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let length = match error.again() {
                Again::Never => return Err(error),
                Again::After(length) => length,
                Again::Soon => usual,
            };
            waited = waited.saturating_add(length);
            let too_long = waited > LONGEST_WAIT || call.time_left().is_some_and(|left| left <= length);
            if tries >= MOST_TRIES || too_long || !self.http.pause.wait(call, length) {
                return Err(error);
            }
            call.log(
                LogLevel::Debug,
                &format!("asked again after {}: {error}", humantime::format_duration(length)),
            );
            usual = usual.saturating_mul(2);
            tries += 1;
        }
    }

    fn get_once(
        &self,
        call: &Call,
        url: &Url,
        headers: &[(HeaderName, HeaderValue)],
        renewed: &mut bool,
    ) -> Result<Value, ClientError> {
        loop {
            let authorization = self.sign_in.authorization(&self.http, call)?;
            let verbose = self.verbose.load(Ordering::Relaxed);
            let mut request = Request::new(Method::GET, url).header(header::ACCEPT, self.accept(verbose));
            request.headers.extend(headers.iter().cloned());
            if let Some(value) = &authorization {
                request = request.header(header::AUTHORIZATION, value.clone());
            }
            let answer = match self.http.send(call, &request) {
                Ok(answer) => answer,
                Err(error) => return Err(ClientError::of_transport(url, error)),
            };
            let status = answer.status;
            // Not the same question with the same token: that one is spent.
            if status == StatusCode::UNAUTHORIZED && !*renewed && self.sign_in.forget(authorization.as_ref())
            {
                *renewed = true;
                continue;
            }
            let old = matches!(status, StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE);
            if old && self.api == Api::Rest && !verbose {
                call.log(LogLevel::Debug, "the server wants the oldest form of JSON; asked again");
                self.verbose.store(true, Ordering::Relaxed);
                continue;
            }
            if let Some(rest) = rest_wanted(&answer) {
                self.http.pause.wait(call, rest);
            }
            return self.read(call, url, &answer).map_err(|error| {
                error.map_said(|said| self.sign_in.without_secrets(authorization.as_ref(), said))
            });
        }
    }

    fn accept(&self, verbose: bool) -> HeaderValue {
        HeaderValue::from_static(match (self.api, verbose) {
            (Api::Graph, _) => "application/json",
            (Api::Rest, false) => "application/json;odata=nometadata",
            (Api::Rest, true) => "application/json;odata=verbose",
        })
    }

    fn read(&self, call: &Call, url: &Url, answer: &Answer) -> Result<Value, ClientError> {
        let error = match error::read(shown(url), answer, answer.retry_after(self.now())) {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        let ids = ["request-id", "sprequestguid", "x-ms-request-id"];
        if let Some(id) = ids.iter().find_map(|name| answer.headers.get(*name)?.to_str().ok()) {
            call.log(LogLevel::Info, &format!("{}: {}, request-id {id}", shown(url), answer.status.as_u16()));
        }
        Err(error)
    }
}

/// A server that counts says when nothing is left of what it allows, and for how long: whoever rests then is not refused.
fn rest_wanted(answer: &Answer) -> Option<Duration> {
    let number = |name: &str| answer.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    if answer.status != StatusCode::OK || number("ratelimit-remaining")? != 0 {
        return None;
    }
    Some(Duration::from_secs(number("ratelimit-reset")?).min(LONGEST_REST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told_that_nothing_is_left_rests() {
        let wanted = |status: u16, remaining: &str, reset: &str| {
            let mut headers = header::HeaderMap::new();
            headers.insert("ratelimit-remaining", remaining.parse().unwrap());
            headers.insert("ratelimit-reset", reset.parse().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            rest_wanted(&Answer { status, headers, body: Vec::new(), url: String::new() })
        };
        assert_eq!(wanted(200, "0", "5"), Some(Duration::from_secs(5)));
        assert_eq!(wanted(200, "0", "4000"), Some(LONGEST_REST));
        assert_eq!(wanted(200, "3", "5"), None);
        assert_eq!(wanted(429, "0", "5"), None, "that one is asked again anyway");
        assert_eq!(wanted(200, "0", "soon"), None);
    }
}
