//! Requests to a CDCS site, and what its answers mean.

mod error;

use std::sync::Arc;

use nexus_plugin_api::{Call, Effect, PluginError};
use nexus_plugin_http::pause::Pause;
use nexus_plugin_http::{Answer, HeaderValue, Http, Method, Request, header};
use serde_json::Value;
use url::Url;

pub use error::{ClientError, complaint};

use crate::base::Base;
use crate::settings::Settings;

/// A CDCS site, and the right to ask it.
pub struct Client {
    http: Http,
    base: Base,
}

impl Client {
    /// A client for this site. Nothing is sent yet.
    pub fn new(settings: &Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        let mut http = Http::new(&settings.connection, env!("CARGO_PKG_VERSION"), pause)?;
        http.authorize("Token", &settings.token)
            .map_err(|_| PluginError::permanent("settings of cdcs: `token` cannot stand in a header"))?;
        http.headers.push((header::ACCEPT, HeaderValue::from_static("application/json")));
        Ok(Self { http, base: settings.base.clone() })
    }

    /// The moment.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.http.pause.now()
    }

    /// The site.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The JSON at a path, with these pairs in the query.
    pub fn get(&self, call: &Call, path: &str, query: &[(&str, &str)]) -> Result<Value, ClientError> {
        let url = self.url(path, query)?;
        self.read(&Method::GET, self.http.get(call, &url)?)
    }

    /// Sends something that changes the site.
    pub fn send(
        &self,
        call: &Call,
        method: &Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let url = self.url(path, &[])?;
        let request = Request::new(method.clone(), &url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.read(method, self.http.send(call, &request)?)
    }

    /// Asks with a body: changes nothing, though it is a POST.
    pub fn ask(
        &self,
        call: &Call,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, ClientError> {
        let url = self.url(path, query)?;
        let sent = self.http.send(call, &Request::new(Method::POST, &url).json(body));
        sent.map_err(ClientError::from)
            .and_then(|answer| self.read(&Method::POST, answer))
            .map_err(|error| error.with_effect(Effect::None))
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, ClientError> {
        let mut url = self.base.at(path).map_err(|error| ClientError::Odd {
            url: format!("{}{path}", self.base.as_str()),
            why: error.to_string(),
            effect: Effect::None,
        })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    fn read(&self, method: &Method, answer: Answer) -> Result<Value, ClientError> {
        let wait = answer.retry_after(self.now());
        error::read(method, answer, wait)
    }
}
