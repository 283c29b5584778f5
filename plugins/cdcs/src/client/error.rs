//! What can go wrong between us and a CDCS site, and what to do about it.

use nexus_plugin_api::{Effect, FailureClass, PluginError};
use nexus_plugin_http::{Answer, Method, NoJson, TransportError, Trouble, Wait};
use serde_json::Value;

/// Longest piece of an answer that is repeated, in characters.
const LONGEST_QUOTE: usize = 500;

/// A request that did not do what it should.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// There was no answer.
    #[error("{0}")]
    Transport(TransportError),
    /// 401, or 403 that is about the token. Most sites answer a wrong token with 403.
    #[error("{url} does not accept the token ({status}: {said})")]
    Credentials {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
    /// 403 that is about what the account may do.
    #[error("the account of the token has no right to do this at {url} ({said})")]
    Right {
        /// What was asked.
        url: String,
        /// The server's words.
        said: String,
        /// Whether it is about the one record only.
        one_record: bool,
    },
    /// 404 by the application: no such record, workspace or user.
    #[error("{url}: {said}")]
    NotFound {
        /// What was asked.
        url: String,
        /// The server's words.
        said: String,
    },
    /// 404 by the web server: no such address.
    #[error("there is no CDCS at {url} (404)")]
    NoSuchPage {
        /// What was asked.
        url: String,
    },
    /// 400, or 500 with a reason: final, the same request would fail again.
    #[error("{url} refused it ({status}: {said})")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
        /// The fields it complains about.
        fields: Vec<String>,
    },
    /// Larger than the site takes.
    #[error("the record is too large for {url} ({status}: {said})")]
    TooLarge {
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
        /// Whether the request may have been carried out.
        effect: Effect,
    },
    /// A server error without a reason: a proxy, or a worker that died.
    #[error("{url} is not available for the moment ({status})")]
    Unavailable {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// Whether the request may have been carried out.
        effect: Effect,
    },
    /// A success that cannot be read, or is not what was asked for.
    #[error("{url} {why}")]
    Odd {
        /// What was asked.
        url: String,
        /// What is odd about it: goes on after the address.
        why: String,
        /// Whether the request may have been carried out.
        effect: Effect,
    },
    /// Any other status.
    #[error("{url} failed ({status}: {said})")]
    Failed {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The server's words.
        said: String,
    },
}

impl From<TransportError> for ClientError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// The JSON of an answer that is a success, or what kind of failure it is.
pub(super) fn read(method: &Method, answer: Answer, wait: Option<Wait>) -> Result<Value, ClientError> {
    let maybe = if method.is_safe() { Effect::None } else { Effect::Maybe };
    let status = answer.status.as_u16();
    let json = answer.json();
    let url = answer.url;
    if answer.status.is_success() {
        return match json {
            Ok(value) => Ok(value),
            Err(_) if answer.body.is_empty() => Ok(Value::Null),
            Err(NoJson::Other { .. }) if method.is_safe() => {
                Err(ClientError::Odd { url, why: "answered with a web page".to_owned(), effect: maybe })
            }
            Err(error) => Err(ClientError::Odd { url, why: error.to_string(), effect: maybe }),
        };
    }
    let said = json.ok().and_then(|body| Said::of(&body));
    Err(of_status(url, status, said, wait, maybe))
}

/// What a body complains about.
struct Said {
    text: String,
    fields: Vec<String>,
    /// From the framework: authentication and rights by kind of account.
    framework: bool,
}

impl Said {
    /// `{"detail": …}`, `{"message": …}`, `{"message": {field: […]}}` or `{field: […]}`.
    fn of(body: &Value) -> Option<Self> {
        let body = body.as_object()?;
        if let Some(text) = body.get("detail").and_then(Value::as_str) {
            return Some(Self { text: quote(text), fields: Vec::new(), framework: true });
        }
        let fields = match body.get("message") {
            Some(Value::String(text)) => {
                return Some(Self { text: quote(text), fields: Vec::new(), framework: false });
            }
            Some(Value::Object(fields)) => fields,
            Some(_) => return None,
            None => body,
        };
        let text = |complaints: &Value| match complaints {
            Value::Array(complaints) => {
                complaints.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        let told: Vec<String> =
            fields.iter().map(|(field, complaints)| format!("{field}: {}", text(complaints))).collect();
        if told.is_empty() {
            return None;
        }
        let fields = fields.keys().cloned().collect();
        Some(Self { text: quote(&told.join("; ")), fields, framework: false })
    }
}

/// The words of a refusal, as they are repeated.
pub fn complaint(body: &Value) -> Option<String> {
    Said::of(body).map(|said| said.text)
}

fn quote(text: &str) -> String {
    let mut quote: String = text.chars().take(LONGEST_QUOTE).collect();
    if quote.len() < text.len() {
        quote.push('…');
    }
    quote
}

fn of_status(
    url: String,
    status: u16,
    said: Option<Said>,
    wait: Option<Wait>,
    effect: Effect,
) -> ClientError {
    let text = |said: Option<Said>| said.map_or_else(|| "a web page".to_owned(), |said| said.text);
    match (status, said) {
        (401, said) => ClientError::Credentials { url, status, said: text(said) },
        (403, Some(said)) if said.framework && !said.text.contains("permission") => {
            ClientError::Credentials { url, status, said: said.text }
        }
        (403, Some(said)) => {
            // Other addresses speak as the application does, too, and mean the account.
            let one_record = !said.framework && url.contains("/rest/data/") && !said.text.contains("publish");
            ClientError::Right { url, one_record, said: said.text }
        }
        (403, None) => ClientError::Failed { url, status, said: "a web page".to_owned() },
        (404, Some(said)) => ClientError::NotFound { url, said: said.text },
        (404, None) => ClientError::NoSuchPage { url },
        (413, said) => ClientError::TooLarge { url, status, said: text(said) },
        // Refused before anything was done.
        (429, _) => ClientError::Pause { url, status, wait, effect: Effect::None },
        (503, _) if wait.is_some() => ClientError::Pause { url, status, wait, effect },
        (502..=504, _) | (500.., None) => ClientError::Unavailable { url, status, effect },
        (500.., Some(said)) if is_busy(&said.text) => ClientError::Unavailable { url, status, effect },
        (400 | 500.., Some(said)) => refused(url, status, said),
        (status, said) => ClientError::Failed { url, status, said: text(said) },
    }
}

/// What databases say when too many ask at once, or when they are being restarted: the one reason with status 500
/// that passes.
fn is_busy(said: &str) -> bool {
    let said = said.to_lowercase();
    [
        "database is locked",
        "deadlock detected",
        "could not serialize access",
        "too many clients",
        "remaining connection slots",
        "connection to server",
        "server closed the connection",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// The site says 500 to most of what it does not like, so its words decide.
fn refused(url: String, status: u16, said: Said) -> ClientError {
    let Said { text, fields, .. } = said;
    let lower = text.to_lowercase();
    if lower.contains("too long for tsvector") || lower.contains("resource limit exceeded") {
        ClientError::TooLarge { url, status, said: text }
    } else if lower.contains("enough rights") {
        ClientError::Right { url, said: text, one_record: false }
    } else {
        ClientError::Refused { url, status, said: text, fields }
    }
}

impl ClientError {
    /// The same with another effect.
    #[must_use]
    pub fn with_effect(mut self, new: Effect) -> Self {
        match &mut self {
            Self::Transport(error) => error.effect = new,
            Self::Pause { effect, .. } | Self::Unavailable { effect, .. } | Self::Odd { effect, .. } => {
                *effect = new;
            }
            _ => {}
        }
        self
    }

    /// Whether something may have been done all the same.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Transport(error) => error.effect,
            Self::Pause { effect, .. } | Self::Unavailable { effect, .. } | Self::Odd { effect, .. } => {
                *effect
            }
            _ => Effect::None,
        }
    }

    /// Whether the site complains about this field of what was sent.
    pub fn complains_about(&self, field: &str) -> bool {
        matches!(self, Self::Refused { status: 400, fields, .. } if fields.iter().any(|name| name == field))
    }

    fn class(&self) -> FailureClass {
        match self {
            Self::Transport(error) => error.class(),
            // What cannot be read may be read next time; what it did is asked first.
            Self::Unavailable { .. } | Self::Odd { .. } => FailureClass::Transient,
            Self::Pause { wait, .. } => FailureClass::RateLimited { until: wait.map(|wait| wait.until) },
            Self::Credentials { .. } | Self::Right { one_record: false, .. } => FailureClass::Auth,
            Self::Right { .. }
            | Self::NotFound { .. }
            | Self::NoSuchPage { .. }
            | Self::Refused { .. }
            | Self::TooLarge { .. }
            | Self::Failed { .. } => FailureClass::Permanent,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Transport(error) => return error.hint("url"),
            Self::Credentials { .. } => {
                "set `token` to the API token of an active account; an administrator of the site makes it in the \
                 admin pages, under Tokens"
            }
            Self::Right { said, .. } if said.contains("publish") => {
                "let an administrator of the site put the account into the group `default`, which may publish data, \
                 or set `workspace = \"none\"`"
            }
            Self::Right { one_record: true, .. } => {
                "the record belongs to another account: only a superuser's token may see and change it"
            }
            Self::Right { .. } => {
                "this takes a superuser's token (user_owned_records) or a staff account's (push-template)"
            }
            Self::NoSuchPage { .. } | Self::Odd { effect: Effect::None, .. } => {
                "`url` must be the start page of the CDCS site, with the path it lies at, if any: \
                 https://host.example.org/cdcs/"
            }
            Self::TooLarge { status: 413, .. } => {
                "the web server in front of the site limits the size of requests; let its administrator raise it"
            }
            Self::TooLarge { .. } => {
                "the site's text index takes at most 1 MiB of distinct words a record, and 10 MB a text: this record \
                 never fits; leave metadata out of it, for example by `ignore` in [build]"
            }
            Self::Refused { said, .. }
                if said.contains("global declaration") || said.contains("Element '") =>
            {
                "the template does not fit the record: is `template` the title of the right one? `nexus plugins run \
                 NAME push-template` gives the site the schema of this program"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

impl From<ClientError> for PluginError {
    fn from(error: ClientError) -> Self {
        let plugin = Self::new(error.class(), error.to_string());
        let plugin = match error.effect() {
            Effect::Maybe => plugin.maybe_done(),
            Effect::None => plugin,
        };
        match error.hint() {
            Some(hint) => plugin.with_hint(hint),
            None => plugin,
        }
    }
}

impl ClientError {
    /// There is no site there, or another one.
    pub fn is_about_the_address(&self) -> bool {
        match self {
            Self::Transport(error) => error.trouble == Trouble::Elsewhere,
            Self::NoSuchPage { .. } | Self::NotFound { .. } | Self::Odd { .. } => true,
            _ => false,
        }
    }

    /// The token is not good.
    pub fn is_about_the_token(&self) -> bool {
        matches!(self, Self::Credentials { .. })
    }
}
