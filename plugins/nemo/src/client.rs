//! Questions to a NEMO API: one at a time, read only, tried again where that can help.

mod error;
mod list;

use std::sync::Arc;

use nexus_plugin_api::{Call, PluginError};
use nexus_plugin_http::{Answer, HeaderValue, Http, StatusCode, header};
use serde_json::Value;
use url::Url;

pub use error::ClientError;
pub use list::{Page, Query};

use crate::base::ApiBase;
use crate::pause::Pause;
use crate::settings::Settings;

/// A NEMO API, and the right to ask it.
pub struct Client {
    http: Http,
    base: ApiBase,
    /// Rows of one page.
    pub page_size: usize,
}

impl Client {
    /// Rows of one page, unless told otherwise.
    const PAGE_SIZE: usize = 1_000;

    /// A client for this server. Nothing is sent yet.
    pub fn new(settings: &Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        let mut http = Http::new(&settings.connection, env!("CARGO_PKG_VERSION"), pause)?;
        http.authorize("Token", &settings.token)
            .map_err(|_| PluginError::permanent("settings of nemo: `token` cannot stand in a header"))?;
        http.headers.push((header::ACCEPT, HeaderValue::from_static("application/json")));
        // Filters by number and time: nothing secret.
        http.log_queries = true;
        Ok(Self { http, base: settings.base.clone(), page_size: Self::PAGE_SIZE })
    }

    /// The moment, for cursors.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.http.pause.now()
    }

    /// The JSON at an address of this API, tried again while that can help and the call lasts.
    pub fn get(&self, call: &Call, url: &Url) -> Result<Value, ClientError> {
        self.http.while_it_helps(call, ClientError::again, || self.get_once(call, url))
    }

    /// The JSON at an address of this API, tried once.
    pub fn get_once(&self, call: &Call, url: &Url) -> Result<Value, ClientError> {
        self.read(self.http.get(call, url)?)
    }

    fn read(&self, answer: Answer) -> Result<Value, ClientError> {
        let json = answer.json();
        if answer.status == StatusCode::OK {
            return json.map_err(|error| ClientError::of_body(answer.url, error));
        }
        let wait = answer.retry_after(self.now());
        Err(ClientError::of_status(answer.url, answer.status.as_u16(), &json.unwrap_or_default(), wait))
    }
}
