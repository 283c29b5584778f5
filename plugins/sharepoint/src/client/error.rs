//! What can go wrong between us and SharePoint, and what to do about it.

use nexus_plugin_api::{FailureClass, PluginError};
use nexus_plugin_http::{
    Again, Answer, NoJson, StatusCode, TransportError, Trouble, Wait, header, shown, xml,
};
use serde_json::Value;
use url::Url;

use crate::signin::SignInError;

/// Longest piece of an answer that is repeated, in characters.
const LONGEST_QUOTE: usize = 300;

/// Where SharePoint names the columns that a filter may not use in a long list.
const NOT_INDEXED: &str = "-2147024860";

/// A question that was not answered.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// There was no answer.
    #[error("{0}")]
    Transport(TransportError),
    /// There is no token.
    #[error("{0}")]
    SignIn(#[from] SignInError),
    /// 401.
    #[error("{url} does not accept the credentials (401{said})")]
    Credentials {
        /// What was asked.
        url: String,
        /// The server's words.
        said: String,
    },
    /// A page to sign in at, instead of an answer.
    #[error("{url} wants somebody to sign in {how}")]
    LoginPage {
        /// What was asked.
        url: String,
        /// How it showed.
        how: String,
    },
    /// 403.
    #[error("the account may not read {url} (403{said})")]
    Right {
        /// What was asked.
        url: String,
        /// The server's words.
        said: String,
    },
    /// 404, or a list that does not exist.
    #[error("there is nothing at {url} ({status}{said})")]
    NotFound {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// The list is too long for a filter on a column without an index.
    #[error("{url} refuses to search a column without an index ({status}{said})")]
    NotIndexed {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// 400 and the like: the question is wrong.
    #[error("{url} refused the question ({status}{said})")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// 429, or 503 with a wish to be left alone for a while.
    #[error("{url} asks for a pause ({status})")]
    Pause {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it wishes.
        wait: Option<Wait>,
    },
    /// 5xx: not there for the moment, or failed.
    #[error("{url} is not available for the moment ({status}{said})")]
    Unavailable {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// It says JSON and is none.
    #[error("the answer of {url} cannot be read: {why}")]
    Garbage {
        /// What was asked.
        url: String,
        /// Where it stops to make sense.
        why: String,
    },
    /// Something else than was asked for.
    #[error("the answer of {url} is not what was asked for: {why}")]
    Odd {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The body of an answer, or what its status means.
pub(super) fn read(url: String, answer: &Answer, wait: Option<Wait>) -> Result<Value, ClientError> {
    let body = answer.json();
    let status = answer.status.as_u16();
    if answer.status == StatusCode::OK {
        return body.map_err(|error| match error {
            NoJson::Other { content_type } if content_type.to_ascii_lowercase().contains("html") => {
                ClientError::LoginPage { url, how: "(it answers with a web page)".to_owned() }
            }
            NoJson::Other { .. } => ClientError::Odd { url, why: error.to_string() },
            NoJson::Garbage { why } => ClientError::Garbage { url, why },
        });
    }
    let Said { code, message } = match &body {
        Ok(body) => Said::of_json(body),
        Err(_) => Said::of_other(answer),
    };
    let whole = format!("{code} {message}");
    let said = match (code.as_str(), message.as_str()) {
        ("", "") => String::new(),
        ("", message) => format!(": {message}"),
        (code, "") => format!(": {code}"),
        (code, message) => format!(": {code}: {message}"),
    };
    let said: String = said.chars().take(LONGEST_QUOTE).collect();
    let not_indexed = whole.contains(NOT_INDEXED)
        || whole.contains("SPQueryThrottledException")
        || whole.contains("HonorNonIndexedQueriesWarningMayFailRandomly");
    let lower = whole.to_lowercase();
    Err(match status {
        _ if not_indexed => ClientError::NotIndexed { url, status, said },
        401 => ClientError::Credentials { url, said },
        403 => ClientError::Right { url, said },
        404 | 410 => ClientError::NotFound { url, status, said },
        400 | 500
            if lower.contains("does not exist") && lower.contains("list") && !lower.contains("field") =>
        {
            ClientError::NotFound { url, status, said }
        }
        429 => ClientError::Pause { url, status, wait },
        503 if wait.is_some() => ClientError::Pause { url, status, wait },
        500.. => ClientError::Unavailable { url, status, said },
        _ => ClientError::Refused { url, status, said },
    })
}

/// What the body of a refusal says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    code: String,
    message: String,
}

impl Said {
    /// `odata.error` or `error`; the message is a text, or one with its language.
    fn of_json(body: &Value) -> Self {
        let error = body.get("odata.error").or_else(|| body.get("error")).unwrap_or(body);
        let text = |value: Option<&Value>| match value {
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(Value::Object(one)) => {
                one.get("value").and_then(Value::as_str).unwrap_or_default().trim().to_owned()
            }
            _ => String::new(),
        };
        // OAuth's form, which gateways use, and SharePoint of a token it does not take, without a code then.
        if let Some(why) = body.get("error_description") {
            return Self { code: error.as_str().unwrap_or_default().to_owned(), message: text(Some(why)) };
        }
        Self { code: text(error.get("code")), message: text(error.get("message")) }
    }

    /// `<m:error>` of an answer in XML; else the first line of plain text.
    fn of_other(answer: &Answer) -> Self {
        let text = String::from_utf8_lossy(&answer.body);
        let content_type = answer.header(&header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        if content_type.contains("xml")
            && let Ok(document) = xml::parse(&text)
        {
            let of = |name: &str| {
                let node = document.descendants().find(|node| node.tag_name().name() == name);
                node.and_then(|node| node.text()).unwrap_or_default().trim().to_owned()
            };
            return Self { code: of("code"), message: of("message") };
        }
        if content_type.contains("plain") {
            let line = text.lines().next().unwrap_or_default().trim();
            return Self { code: String::new(), message: line.to_owned() };
        }
        Self::default()
    }
}

/// What the body of a refusal says: its code and its message.
pub fn complaint(body: &Value) -> (String, String) {
    let Said { code, message } = Said::of_json(body);
    (code, message)
}

impl ClientError {
    /// A question without an answer. A redirect is a page to sign in at, mostly.
    pub(super) fn of_transport(url: &Url, error: TransportError) -> Self {
        if error.trouble != Trouble::Elsewhere {
            return Self::Transport(error);
        }
        let secure = Url::parse(&error.why)
            .ok()
            .filter(|to| to.scheme() != url.scheme() && to.host() == url.host() && to.path() == url.path());
        if secure.is_some() {
            return Self::Transport(error);
        }
        Self::LoginPage { url: shown(url), how: format!("at {}", error.why) }
    }

    /// The same with other words of the server.
    #[must_use]
    pub(super) fn map_said(mut self, change: impl Fn(&str) -> String) -> Self {
        match &mut self {
            Self::Credentials { said, .. }
            | Self::Right { said, .. }
            | Self::NotFound { said, .. }
            | Self::NotIndexed { said, .. }
            | Self::Refused { said, .. }
            | Self::Unavailable { said, .. } => *said = change(said),
            _ => {}
        }
        self
    }

    /// Whether the same question may be answered a moment later.
    pub fn again(&self) -> Again {
        match self {
            Self::Transport(error) if error.may_pass() => Again::Soon,
            Self::Pause { wait: Some(wait), .. } => Again::After(wait.length),
            Self::Pause { .. } | Self::Unavailable { .. } | Self::Garbage { .. } => Again::Soon,
            _ => Again::Never,
        }
    }

    /// Whether it is about the one list (or item) only, so that others may be read all the same.
    pub fn is_of_the_list(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. } | Self::Refused { .. } | Self::NotIndexed { .. } | Self::Odd { .. }
        )
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Transport(error) => return error.hint("address"),
            Self::SignIn(error) => return error.hint(),
            Self::Credentials { said, .. } if said.to_lowercase().contains("unsupported app only token") => {
                "SharePoint takes tokens of apps that signed in by certificate: set `auth` to \"client_certificate\", or \
                 read the site by Microsoft Graph"
            }
            Self::Credentials { .. } => {
                "compare `user` and `password`, or the app registration and its `scope`, with what the site's \
                 administrator gave you; a site that takes NTLM only needs a local proxy that signs in"
            }
            Self::LoginPage { .. } => {
                "the site takes another way to sign in than `auth` says, or `address` is not its own: ask the site's \
                 administrator which one it takes"
            }
            Self::Right { .. } => {
                "give the account the right to read the site and the list (an app: Sites.Read.All, or Sites.Selected \
                 granted on this site; for the calendar of a mailbox Calendars.Read), with the consent of an administrator"
            }
            Self::NotFound { .. } => {
                "compare `address`, and the list's title under `lists` or in the instrument's api_url, with the site"
            }
            Self::NotIndexed { .. } => "let the owner of the list index the columns EventDate and EndDate",
            Self::Refused { .. } => {
                "a column under `fields` may be another one now: `nexus plugins check` lists the columns there are"
            }
            Self::Odd { .. } => "`address` must be the site: https://sp.example.org/sites/microscopy",
            Self::Pause { .. } | Self::Unavailable { .. } | Self::Garbage { .. } => return None,
        };
        Some(text.to_owned())
    }

    /// When to try again.
    fn class(&self) -> FailureClass {
        match self {
            Self::Transport(error) => error.class(),
            Self::SignIn(error) => error.class(),
            Self::Credentials { .. } | Self::LoginPage { .. } | Self::Right { .. } => FailureClass::Auth,
            Self::Pause { wait, .. } => FailureClass::RateLimited { until: wait.map(|wait| wait.until) },
            Self::Unavailable { .. } | Self::Garbage { .. } => FailureClass::Transient,
            Self::NotFound { .. } | Self::NotIndexed { .. } | Self::Refused { .. } | Self::Odd { .. } => {
                FailureClass::Permanent
            }
        }
    }
}

impl From<ClientError> for PluginError {
    fn from(error: ClientError) -> Self {
        let plugin = Self::new(error.class(), error.to_string());
        match error.hint() {
            Some(hint) => plugin.with_hint(hint),
            None => plugin,
        }
    }
}

#[cfg(test)]
mod tests;
