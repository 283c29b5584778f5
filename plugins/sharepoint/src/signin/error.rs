//! Why there is no token, and what to do about it.

use nexus_plugin_api::FailureClass;
use nexus_plugin_http::{Again, TransportError, Wait};

/// No token was given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// There was no answer.
    #[error("no token: {0}")]
    Transport(TransportError),
    /// The app was refused.
    #[error("{url} gives this app no token ({said})")]
    Refused {
        /// Who was asked.
        url: String,
        /// Its words.
        said: String,
    },
    /// Not there for the moment, or it wants a pause.
    #[error("{url} gives no tokens for the moment ({status})")]
    Unavailable {
        /// Who was asked.
        url: String,
        /// The status.
        status: u16,
        /// What it wishes.
        wait: Option<Wait>,
    },
    /// No token in the answer.
    #[error("the answer of {url} holds no token: {why}")]
    Unreadable {
        /// Who was asked.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate cannot sign.
    #[error("failed to sign in by certificate: {why}")]
    Signature {
        /// Why not.
        why: String,
    },
}

/// What Microsoft's numbers mean, for whoever has to do something.
const NUMBERS: [(&str, &str); 11] = [
    ("AADSTS7000215", "`client_secret` is not the app's: it takes the value of the secret, not its ID"),
    ("AADSTS7000222", "the client secret has expired: make a new one in the app registration"),
    ("AADSTS700016", "`client_id` is no app of this `tenant`"),
    ("AADSTS90002", "`tenant` does not exist: it is the number or the domain of your organisation's tenant"),
    ("AADSTS900023", "`tenant` is neither a number nor a domain"),
    ("AADSTS700027", "the certificate of `cert_file` is not the one in the app registration, or has expired"),
    ("AADSTS700024", "the signature is not valid now: is the clock of this machine right?"),
    ("AADSTS700030", "the certificate of `cert_file` is not the one in the app registration"),
    ("AADSTS500011", "`scope` names a resource that this tenant does not have: is `address` right?"),
    ("AADSTS1002012", "`scope` must end with /.default"),
    ("AADSTS53003", "a rule of conditional access keeps the app out: ask who administers the tenant"),
];

impl SignInError {
    /// Whether the same question may be answered a moment later.
    pub fn again(&self) -> Again {
        match self {
            Self::Transport(error) if error.may_pass() => Again::Soon,
            Self::Unavailable { wait: Some(wait), .. } => Again::After(wait.length),
            Self::Unavailable { .. } => Again::Soon,
            _ => Again::Never,
        }
    }

    /// When to try again.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Transport(error) => error.class(),
            Self::Refused { .. } | Self::Signature { .. } => FailureClass::Auth,
            Self::Unavailable { wait: Some(wait), .. } => {
                FailureClass::RateLimited { until: Some(wait.until) }
            }
            Self::Unavailable { .. } => FailureClass::Transient,
            Self::Unreadable { .. } => FailureClass::Permanent,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Transport(error) => error.hint("token_url"),
            Self::Refused { said, .. } => {
                let known = NUMBERS.iter().find(|(number, _)| {
                    said.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == *number)
                });
                Some(
                    known
                        .map_or(
                            "compare tenant, client_id and secret or certificate with the app registration",
                            |known| known.1,
                        )
                        .to_owned(),
                )
            }
            Self::Unreadable { .. } => Some("is `token_url` where tokens are given out?".to_owned()),
            Self::Unavailable { .. } | Self::Signature { .. } => None,
        }
    }
}

impl From<TransportError> for SignInError {
    fn from(error: TransportError) -> Self {
        Self::Transport(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microsofts_numbers_are_explained() {
        let hint = |said: &str| SignInError::Refused { url: "u".into(), said: said.into() }.hint().unwrap();
        assert!(
            hint("invalid_client: AADSTS7000215: Invalid client secret provided.").contains("not its ID")
        );
        assert!(hint("AADSTS700016: not found").contains("client_id"));
        assert!(hint("something else").contains("app registration"));
    }
}
