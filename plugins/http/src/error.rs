//! Why there was no answer.

use nexus_plugin_api::{Effect, FailureClass};
use ureq::Timeout;
use ureq::http::Method;

/// What kind of trouble it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No connection, or one that broke.
    Unreachable,
    /// The server's certificate is not trusted.
    Untrusted,
    /// The answer took too long.
    Slow,
    /// The answer is longer than any that makes sense.
    TooLong,
    /// A redirect that is not followed.
    Elsewhere,
    /// The host does not want the answer any more.
    Stopped,
}

/// A request without an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.told())]
pub struct TransportError {
    /// What kind of trouble.
    pub trouble: Trouble,
    /// Who was asked, as it is shown.
    pub url: String,
    /// The system's words; for [`Trouble::Elsewhere`], where it sends.
    pub why: String,
    /// Whether the request may have taken effect: never for one that only reads.
    pub effect: Effect,
}

impl TransportError {
    /// What ureq says, in our words.
    pub(crate) fn of(method: &Method, url: String, error: &ureq::Error) -> Self {
        let why = match error.to_string() {
            // How rustls names bytes that are none of TLS, mostly the words of a server that expects http.
            words if words.contains("InvalidContentType") => {
                "what answers there does not speak TLS; is it http:// instead of https://?".to_owned()
            }
            words => words,
        };
        let trouble = match error {
            ureq::Error::Timeout(_) => Trouble::Slow,
            ureq::Error::BodyExceedsLimit(_) => Trouble::TooLong,
            ureq::Error::Pem(_) | ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Trouble::Untrusted,
            _ if why.to_lowercase().contains("certificate") => Trouble::Untrusted,
            _ => Trouble::Unreachable,
        };
        let lost = !method.is_safe() && trouble != Trouble::Untrusted && !surely_unsent(error);
        let effect = if lost { Effect::Maybe } else { Effect::None };
        Self { trouble, url, why, effect }
    }

    /// The host does not want the answer of `url` any more.
    #[must_use]
    pub fn stopped(url: String) -> Self {
        Self { trouble: Trouble::Stopped, url, why: String::new(), effect: Effect::None }
    }

    fn told(&self) -> String {
        let Self { trouble, url, why, effect: _ } = self;
        match trouble {
            Trouble::Unreachable => format!("no answer from {url}: {why}"),
            Trouble::Untrusted => format!("no secure connection to {url}: {why}"),
            Trouble::Slow => format!("{url} did not answer in time ({why})"),
            Trouble::TooLong => format!("the answer of {url} is too long: {why}"),
            Trouble::Elsewhere => format!("{url} sends elsewhere: to {why}"),
            Trouble::Stopped => format!("asking {url} was stopped"),
        }
    }

    /// Whether the same request may be answered a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.trouble, Trouble::Unreachable | Trouble::Slow)
    }

    /// When to try again.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match self.trouble {
            Trouble::Unreachable | Trouble::Slow | Trouble::TooLong | Trouble::Stopped => {
                FailureClass::Transient
            }
            Trouble::Untrusted | Trouble::Elsewhere => FailureClass::Permanent,
        }
    }

    /// What to do about it, in words that fit any server. `address` is the name of the setting that says where it is.
    #[must_use]
    pub fn hint(&self, address: &str) -> Option<String> {
        Some(match self.trouble {
            Trouble::Unreachable => format!("is `{address}` right, and can this machine reach it?"),
            Trouble::Untrusted => {
                "put the certificates of the server's issuer into a PEM file and set `ca_bundle`".to_owned()
            }
            Trouble::Slow => "`timeout` says how long an answer may take".to_owned(),
            Trouble::Elsewhere => format!(
                "credentials are sent to `{address}` only: set `{address}` to where the server is, with https:// \
                 if it is there"
            ),
            Trouble::TooLong | Trouble::Stopped => return None,
        })
    }
}

/// Whether it failed before there was a connection to send anything on.
fn surely_unsent(error: &ureq::Error) -> bool {
    use std::io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable,
    };
    match error {
        ureq::Error::Timeout(part) => matches!(part, Timeout::Resolve | Timeout::Connect),
        ureq::Error::Io(error) => matches!(
            error.kind(),
            AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkDown | NetworkUnreachable
        ),
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::RequireHttpsOnly(_)
        | ureq::Error::TlsRequired => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    fn effect(method: &Method, error: &ureq::Error) -> Effect {
        TransportError::of(method, "https://x/".to_owned(), error).effect
    }

    #[test]
    fn only_what_was_sent_and_writes_may_have_done_something() {
        let broken = ureq::Error::Io(ErrorKind::ConnectionReset.into());
        let refused = ureq::Error::Io(ErrorKind::ConnectionRefused.into());
        assert_eq!(effect(&Method::POST, &broken), Effect::Maybe);
        assert_eq!(effect(&Method::PATCH, &ureq::Error::Timeout(Timeout::Global)), Effect::Maybe);
        assert_eq!(effect(&Method::POST, &ureq::Error::BodyExceedsLimit(1)), Effect::Maybe);
        assert_eq!(effect(&Method::GET, &broken), Effect::None);
        assert_eq!(effect(&Method::POST, &refused), Effect::None);
        assert_eq!(effect(&Method::POST, &ureq::Error::Timeout(Timeout::Connect)), Effect::None);
        assert_eq!(effect(&Method::POST, &ureq::Error::HostNotFound), Effect::None);
    }

    #[test]
    fn https_to_a_server_of_http_is_told_in_words() {
        let error = std::io::Error::other("received corrupt message of type InvalidContentType");
        let error = TransportError::of(&Method::GET, "https://x/".to_owned(), &ureq::Error::Io(error));
        assert_eq!(
            error.to_string(),
            "no answer from https://x/: what answers there does not speak TLS; is it http:// instead of https://?"
        );
    }
}
