//! What can go wrong between us and a NEMO server, and what to do about it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_plugin_api::{FailureClass, PluginError};
use nexus_plugin_http::{Again, NoJson, TransportError, Trouble, Wait};
use serde_json::Value;

/// A question that was not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// No connection, or one that broke.
    #[error("no answer from {url}: {why}")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The system's words.
        why: String,
    },
    /// The server's certificate is not trusted.
    #[error("no secure connection to {url}: {why}")]
    Untrusted {
        /// What was asked.
        url: String,
        /// Why not.
        why: String,
    },
    /// The answer took too long.
    #[error("{url} did not answer in time ({why})")]
    Slow {
        /// What was asked.
        url: String,
        /// Which of the time-outs.
        why: String,
    },
    /// 401, or 403 that is about the token.
    #[error("{url} does not accept the token ({status}: {detail})")]
    Credentials {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        detail: String,
    },
    /// 403 that is about rights.
    #[error("the account of the token may not read {url} ({detail})")]
    Right {
        /// What was asked.
        url: String,
        /// The server's words.
        detail: String,
    },
    /// 400: a filter was refused.
    #[error("{url} refused the question: {body}")]
    Refused {
        /// What was asked.
        url: String,
        /// The server's words, by parameter.
        body: String,
    },
    /// 404.
    #[error("there is nothing at {url} ({detail})")]
    NotFound {
        /// What was asked.
        url: String,
        /// The server's words.
        detail: String,
    },
    /// 429, or 503 with a wish to be left alone for a while.
    #[error("{url} asks for a pause ({status})")]
    Pause {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// Until when (UTC).
        until: Option<DateTime<Utc>>,
        /// How long that was at the moment of the answer.
        length: Option<Duration>,
    },
    /// 502, 503, 504: the server is not there for the moment.
    #[error("{url} is not available for the moment ({status})")]
    Unavailable {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
    },
    /// 500 and other statuses.
    #[error("{url} failed ({status}: {detail})")]
    Broken {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        detail: String,
    },
    /// A web page instead of JSON.
    #[error("{url} answered with {content_type} instead of JSON")]
    NotJson {
        /// What was asked.
        url: String,
        /// What came.
        content_type: String,
    },
    /// JSON of another shape than a list has.
    #[error("the answer of {url} is neither a list nor a page of one")]
    NoList {
        /// What was asked.
        url: String,
    },
    /// It says JSON and is none.
    #[error("the answer of {url} cannot be read: {why}")]
    Garbage {
        /// What was asked.
        url: String,
        /// Where it stops to make sense.
        why: String,
    },
    /// A redirect to another origin, or too many of them.
    #[error("{url} sends elsewhere: to {to}")]
    Elsewhere {
        /// What was asked.
        url: String,
        /// Where it sends.
        to: String,
    },
    /// The host does not want the answer any more.
    #[error("asking NEMO was stopped")]
    Stopped,
}

impl ClientError {
    /// An answer that should have been JSON.
    pub(super) fn of_body(url: String, error: NoJson) -> Self {
        match error {
            NoJson::Other { content_type } => Self::NotJson { url, content_type },
            NoJson::Garbage { why } => Self::Garbage { url, why },
        }
    }

    /// What a status other than 200 means.
    pub(super) fn of_status(url: String, status: u16, body: &Value, wait: Option<Wait>) -> Self {
        let detail = match body.get("detail").and_then(Value::as_str) {
            Some(detail) => detail.to_owned(),
            None if body.is_null() => "a web page".to_owned(),
            None => body.to_string().chars().take(300).collect(),
        };
        match (status, wait) {
            // NEMO's own refusals are JSON. Its pages send who is not logged in to a page that refuses with 400.
            (400, _) if body.is_null() => Self::NotFound { url, detail },
            (403, _) if detail.contains("permission") => Self::Right { url, detail },
            (401 | 403, _) => Self::Credentials { url, status, detail },
            (400, _) => Self::Refused { url, body: detail },
            (404, _) => Self::NotFound { url, detail },
            (429, wait) | (503, wait @ Some(_)) => {
                let (length, until) = wait.map(|wait| (wait.length, wait.until)).unzip();
                Self::Pause { url, status, until, length }
            }
            (502..=504, _) => Self::Unavailable { url, status },
            _ => Self::Broken { url, status, detail },
        }
    }

    /// Whether the same question may be answered a moment later.
    pub fn again(&self) -> Again {
        match self {
            Self::Pause { length: Some(length), .. } => Again::After(*length),
            Self::Unreachable { .. }
            | Self::Slow { .. }
            | Self::Pause { .. }
            | Self::Unavailable { .. }
            | Self::Garbage { .. } => Again::Soon,
            _ => Again::Never,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable { .. } => "is `address` right, and can this machine reach it?",
            Self::Untrusted { .. } => {
                "put the certificates of the server's issuer into a PEM file and set `ca_bundle`"
            }
            Self::Credentials { .. } => {
                "set `token` to the API token of an active account (detailed administration, Tokens)"
            }
            Self::Right { .. } => {
                "give the account the rights to view usage events, reservations, tools and users \
                 (NEMO.view_usageevent, view_reservation, view_tool, view_user)"
            }
            Self::NotFound { .. } | Self::NotJson { .. } | Self::NoList { .. } => {
                "`address` must be the root of the API, with its slash: https://nemo.example.org/api/"
            }
            Self::Elsewhere { .. } => {
                "the token is sent to `address` only: set `address` to where the API is, with https:// if it \
                 is there"
            }
            Self::Broken { status: 500.., .. } => "the log of the NEMO server says what went wrong in it",
            Self::Slow { .. } => "`timeout` says how long an answer may take",
            _ => return None,
        })
    }
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> Self {
        let TransportError { trouble, url, why, .. } = error;
        match trouble {
            Trouble::Unreachable => Self::Unreachable { url, why },
            Trouble::Untrusted => Self::Untrusted { url, why },
            Trouble::Slow => Self::Slow { url, why },
            Trouble::TooLong => Self::Garbage { url, why },
            Trouble::Elsewhere => Self::Elsewhere { url, to: why },
            Trouble::Stopped => Self::Stopped,
        }
    }
}

impl From<ClientError> for PluginError {
    fn from(error: ClientError) -> Self {
        let class = match &error {
            ClientError::Unreachable { .. }
            | ClientError::Slow { .. }
            | ClientError::Unavailable { .. }
            | ClientError::Garbage { .. }
            | ClientError::Broken { status: 500.., .. }
            | ClientError::Stopped => FailureClass::Transient,
            ClientError::Pause { until, .. } => FailureClass::RateLimited { until: *until },
            ClientError::Credentials { .. } | ClientError::Right { .. } => FailureClass::Auth,
            _ => FailureClass::Permanent,
        };
        let plugin = Self::new(class, error.to_string());
        match error.hint() {
            Some(hint) => plugin.with_hint(hint),
            None => plugin,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_that_refuses_is_no_api_and_a_refused_filter_is() {
        let told = |body: &Value| ClientError::of_status("https://x/login/".to_owned(), 400, body, None);
        let page = told(&Value::Null);
        assert!(matches!(page, ClientError::NotFound { .. }), "{page}");
        assert!(page.hint().unwrap().contains("root of the API"));
        let filter = told(&json!({ "start": ["Enter a valid date/time."] }));
        assert!(matches!(filter, ClientError::Refused { .. }), "{filter}");
    }
}
