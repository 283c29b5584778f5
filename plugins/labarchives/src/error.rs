//! What can go wrong between us and LabArchives, and what to do about it.

use nexus_plugin_api::{Effect, FailureClass, PluginError};
use nexus_plugin_http::{TransportError, Trouble, Wait};

/// A call that did not do what it should. `call` is its class and method, which is all that is ever shown of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// There was no answer.
    #[error("{0}")]
    Transport(TransportError),
    /// The server says why, with a code of its own.
    #[error("LabArchives refused {call}: {said} (code {code}, status {status})")]
    Code {
        /// What was asked.
        call: &'static str,
        /// The status, which says little.
        status: u16,
        /// The code.
        code: u32,
        /// The server's words.
        said: String,
        /// Whether the call may have taken effect.
        effect: Effect,
    },
    /// A status that is no success, without a usable code.
    #[error("LabArchives answered {call} with status {status}{}", .said.as_ref().map(|said| format!(": {said}")).unwrap_or_default())]
    Status {
        /// What was asked.
        call: &'static str,
        /// The status.
        status: u16,
        /// The server's words, if it has any.
        said: Option<String>,
        /// Whether the call may have taken effect.
        effect: Effect,
    },
    /// It wants to be left alone.
    #[error("LabArchives asks for a pause ({call})")]
    Pause {
        /// What was asked.
        call: &'static str,
        /// For how long, if it said.
        wait: Option<Wait>,
        /// Whether the call may have taken effect.
        effect: Effect,
    },
    /// A success that cannot be read: cut off, or a web page.
    #[error("the answer of LabArchives to {call} cannot be read: {why}")]
    Garbled {
        /// What was asked.
        call: &'static str,
        /// What is odd about it.
        why: String,
        /// Whether the call may have taken effect.
        effect: Effect,
    },
    /// A success that does not say what it must.
    #[error("the answer of LabArchives to {call} names no {what}")]
    Lacking {
        /// What was asked.
        call: &'static str,
        /// What is missing.
        what: &'static str,
        /// Whether the call may have taken effect.
        effect: Effect,
    },
}

impl From<TransportError> for ApiError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

/// What the codes mean that mean something to us.
mod code {
    pub const NOT_ALLOWED: [u32; 2] = [4501, 4502];
    pub const TOO_OLD: u32 = 4504;
    pub const NO_KEY: u32 = 4506;
    pub const NO_AUTH: u32 = 4507;
    pub const NO_SIGN_IN: u32 = 4514;
    pub const NO_SIGNATURE: u32 = 4520;
    pub const NO_USER: u32 = 4533;
    pub const UNKNOWN: u32 = 4999;
}

impl ApiError {
    fn code(&self) -> Option<u32> {
        if let Self::Code { code, .. } = self { Some(*code) } else { None }
    }

    fn status(&self) -> Option<u16> {
        if let Self::Status { status, .. } = self { Some(*status) } else { None }
    }

    /// The request was signed at a moment that the server does not believe, or so it may be: the server's clock tells.
    pub fn may_be_the_clock(&self) -> bool {
        matches!(self.code(), Some(code::TOO_OLD | code::NO_SIGNATURE))
    }

    /// The server takes the request for old.
    pub fn is_the_clock(&self) -> bool {
        self.code() == Some(code::TOO_OLD)
    }

    /// The access key is not known.
    pub fn is_the_key(&self) -> bool {
        self.code() == Some(code::NO_KEY)
    }

    /// The signature is wrong.
    pub fn is_the_signature(&self) -> bool {
        self.code() == Some(code::NO_SIGNATURE)
    }

    /// E-mail or token of a sign-in is wrong.
    pub fn is_the_sign_in(&self) -> bool {
        self.code() == Some(code::NO_SIGN_IN)
    }

    /// The account itself is refused, or what it may do; another account may be welcome.
    pub fn refuses_the_account(&self) -> bool {
        self.code().is_some_and(|code| code == code::NO_USER || code::NOT_ALLOWED.contains(&code))
    }

    /// What was named is not there, or not any more. Which code says so is not known: any refusal may.
    pub fn may_be_gone(&self) -> bool {
        match self {
            Self::Status { status, .. } => *status == 404,
            Self::Code { .. } => self.class() == FailureClass::Permanent,
            _ => false,
        }
    }

    /// It does not know itself what went wrong.
    pub fn is_unknown(&self) -> bool {
        self.code() == Some(code::UNKNOWN)
    }

    /// It is more than the server takes.
    pub fn is_too_large(&self) -> bool {
        matches!(self.status(), Some(413 | 414))
    }

    /// Whether something may have been done all the same.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Transport(error) => error.effect,
            Self::Code { effect, .. }
            | Self::Status { effect, .. }
            | Self::Pause { effect, .. }
            | Self::Garbled { effect, .. }
            | Self::Lacking { effect, .. } => *effect,
        }
    }

    /// Whether the same question may be answered a moment later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Transport(error) => error.may_pass(),
            Self::Code { .. } => self.is_unknown(),
            Self::Status { status, .. } => matches!(status, 408 | 500..),
            Self::Pause { .. } | Self::Garbled { .. } => true,
            Self::Lacking { .. } => false,
        }
    }

    /// When to try again.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Transport(error) => error.class(),
            Self::Code { code, .. } => match *code {
                code::TOO_OLD
                | code::NO_KEY
                | code::NO_AUTH
                | code::NO_SIGN_IN
                | code::NO_SIGNATURE
                | code::NO_USER => FailureClass::Auth,
                code if code::NOT_ALLOWED.contains(&code) => FailureClass::Auth,
                code::UNKNOWN => FailureClass::Transient,
                _ => FailureClass::Permanent,
            },
            Self::Status { status, .. } => match status {
                401 | 403 => FailureClass::Auth,
                408 | 500.. => FailureClass::Transient,
                _ => FailureClass::Permanent,
            },
            Self::Pause { wait, .. } => FailureClass::RateLimited { until: wait.map(|wait| wait.until) },
            // What cannot be read may be read next time; what it did is asked first.
            Self::Garbled { .. } | Self::Lacking { effect: Effect::Maybe, .. } => FailureClass::Transient,
            Self::Lacking { .. } => FailureClass::Permanent,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Transport(error) => return error.hint("url"),
            Self::Code { code, .. } => match *code {
                code::NO_KEY => {
                    "`access_key_id` is not known there: is it right, and is `url` the API of the key's region?"
                }
                code::NO_AUTH => {
                    "do `access_key_id`, `user_id` and the region of `url` belong together? a user id is good for the \
                     access key and the region it was made for"
                }
                code::NO_SIGNATURE => "`access_password` is not the one that belongs to `access_key_id`",
                code::TOO_OLD => "the clock of this machine is wrong, and the server did not tell its own",
                code::NO_USER => {
                    "the user id was revoked, or belongs to another access key or region: get it anew with `nexus \
                     plugins run NAME enrol`, and set `user_id` if it is the facility's"
                }
                code::NO_SIGN_IN => {
                    "e-mail address or token are wrong, or the token is older than an hour: take a new one from the \
                     user's profile menu in LabArchives, under External App authentication"
                }
                code if code::NOT_ALLOWED.contains(&code) => {
                    "the account may not do this there: let the owner of the notebook share it with the account, with \
                     the right to write"
                }
                _ => return None,
            },
            Self::Status { status: 413 | 414, .. } => {
                "the server takes nothing of this size: it is the institution's limit, or that of a proxy on the way"
            }
            Self::Status { status: 401 | 403, .. } => {
                "is `url` the API of the access key's region, and may this machine use it?"
            }
            Self::Status { status: 404, .. }
            | Self::Garbled { .. }
            | Self::Lacking { effect: Effect::None, .. } => {
                "`url` must be the address of the API, such as https://api.labarchives.com/api"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// There is no connection, or no LabArchives at its other end.
    pub fn is_about_the_address(&self) -> bool {
        match self {
            Self::Transport(error) => error.trouble == Trouble::Elsewhere,
            Self::Status { status, .. } => *status == 404,
            Self::Garbled { .. } | Self::Lacking { .. } => true,
            _ => false,
        }
    }

    /// The answer did not come, for a reason that passes.
    pub fn passes(&self) -> bool {
        matches!(self.class(), FailureClass::Transient | FailureClass::RateLimited { .. })
            && !matches!(self, Self::Transport(_) | Self::Garbled { .. })
    }

    /// The failure and what to do about it, in one line.
    pub fn told(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }
}

impl From<ApiError> for PluginError {
    fn from(error: ApiError) -> Self {
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

/// What stops a delivery: the server, or something here.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabError {
    /// A call failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Something else.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

impl From<LabError> for PluginError {
    fn from(error: LabError) -> Self {
        match error {
            LabError::Api(error) => error.into(),
            LabError::Plugin(error) => error,
        }
    }
}

impl LabError {
    /// The account itself is refused; see [`ApiError::refuses_the_account`].
    pub fn refuses_the_account(&self) -> bool {
        matches!(self, Self::Api(error) if error.refuses_the_account())
    }
}
