//! The messages of protocol 1.0: one request, one reply, both JSON.
//!
//! ```json
//! {"id": 7, "method": "reservations", "params": {"sessions": []}}
//! {"id": 7, "ok": {"answers": []}}
//! {"id": 7, "error": {"class": "transient", "effect": "none", "message": "nemo.example.org refused the connection"}}
//! {"id": 7, "unsupported": true}
//! ```
//!
//! Unknown fields are ignored on both sides, so that minors can add. A reply has the id of its
//! request; id 0 says "your request could not be read". `unsupported` says that the plugin does not
//! have the method: the host then goes on as if the trait's default had answered, where there is one.

pub mod line;
mod reply;
mod version;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Action, InstrumentOffer, PathRef, PluginError, ReservationAnswer, SessionRef, Signal};

pub use reply::{Reply, ReplyError, error_reply, ok_reply, read_reply, unsupported_reply};
pub use version::{VersionError, check_version};

/// The longest message that is read, in bytes. Blobs never travel in messages.
pub const MAX_MESSAGE: usize = 64 << 20;

/// The longest log line of a plugin that is passed on, in bytes; the rest of it is cut off.
pub const MAX_LOG_LINE: usize = 16 << 10;

/// What may be asked. Its params and its answer stand beside each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Nothing → [`crate::Manifest`].
    Manifest,
    /// [`ConfigureParams`] → an empty object.
    Configure,
    /// Nothing → [`crate::CheckReport`].
    Check,
    /// [`crate::HarvestRequest`] → [`crate::HarvestPage`].
    Harvest,
    /// [`ReservationsParams`] → [`ReservationsAnswer`].
    Reservations,
    /// Nothing → [`InstrumentsAnswer`].
    Instruments,
    /// Nothing → [`crate::Target`].
    Target,
    /// [`crate::Delivery`] → [`crate::Found`].
    Find,
    /// [`crate::Delivery`] → [`crate::Step`].
    Deliver,
    /// [`PathParams`] → [`AcceptsAnswer`].
    Accepts,
    /// [`PathParams`] → [`ExtractAnswer`].
    Extract,
    /// Nothing → [`ActionsAnswer`].
    Actions,
    /// [`ActionParams`] → [`crate::ActionOutcome`].
    RunAction,
}

impl Method {
    /// Every method of this protocol version.
    pub const ALL: [Self; 13] = [
        Self::Manifest,
        Self::Configure,
        Self::Check,
        Self::Harvest,
        Self::Reservations,
        Self::Instruments,
        Self::Target,
        Self::Find,
        Self::Deliver,
        Self::Accepts,
        Self::Extract,
        Self::Actions,
        Self::RunAction,
    ];

    /// The word in the message.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::Configure => "configure",
            Self::Check => "check",
            Self::Harvest => "harvest",
            Self::Reservations => "reservations",
            Self::Instruments => "instruments",
            Self::Target => "target",
            Self::Find => "find",
            Self::Deliver => "deliver",
            Self::Accepts => "accepts",
            Self::Extract => "extract",
            Self::Actions => "actions",
            Self::RunAction => "run_action",
        }
    }

    /// Whether a call whose answer was lost may have changed something on the other side.
    /// Such a call is never repeated behind the plugin's back.
    #[must_use]
    pub const fn may_have_effect(self) -> bool {
        matches!(self, Self::Deliver | Self::RunAction)
    }

    /// A permanent failure after which nobody can say what the call did.
    pub(crate) fn unclear(self, message: String) -> PluginError {
        let error = PluginError::permanent(message);
        if self.may_have_effect() { error.maybe_done() } else { error }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|method| method.as_str() == word).ok_or(())
    }
}

/// Params of `configure`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConfigureParams<'a> {
    /// The plugin's own keys, secrets resolved to text.
    pub settings: Cow<'a, serde_json::Value>,
}

/// Params of `reservations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReservationsParams<'a> {
    /// The sessions asked about.
    pub sessions: Cow<'a, [SessionRef]>,
}

/// Answer of `reservations`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReservationsAnswer {
    /// One per session, in the order of the question.
    pub answers: Vec<ReservationAnswer>,
}

/// Answer of `instruments`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InstrumentsAnswer {
    /// What the source knows.
    pub instruments: Vec<InstrumentOffer>,
}

/// Params of `accepts` and `extract`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PathParams<'a> {
    /// The file.
    pub path: Cow<'a, PathRef>,
}

/// Answer of `accepts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AcceptsAnswer {
    /// Whether the file is one of the plugin's own.
    pub accepts: bool,
}

/// Answer of `extract`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExtractAnswer {
    /// What the file holds.
    pub signals: Vec<Signal>,
}

/// Answer of `actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionsAnswer {
    /// What is on offer.
    pub actions: Vec<Action>,
}

/// Params of `run_action`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActionParams<'a> {
    /// Which one.
    pub name: Cow<'a, str>,
    /// Its arguments; an object.
    #[serde(default)]
    pub arguments: Cow<'a, serde_json::Value>,
}

/// One request as text.
///
/// # Errors
/// Values that JSON cannot hold; none of this crate's types has any.
pub fn request<P: Serialize>(id: u64, method: Method, params: &P) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct Request<'a, P> {
        id: u64,
        method: Method,
        params: &'a P,
    }
    written(&Request { id, method, params })
}

/// A message as text. Most fit into the room they begin with: a text that grows is copied, and again, and each of its
/// former places is a hole in the memory.
pub(crate) fn written(message: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    const ROOM: usize = 8 << 10;
    let mut text = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut text, message)?;
    Ok(text)
}

/// The first look at a request: whose it is and what it wants.
#[derive(Debug, Deserialize)]
pub struct Head<'a> {
    /// To be repeated in the reply.
    pub id: u64,
    /// The method's word, perhaps one that is not known here.
    #[serde(borrow)]
    pub method: Cow<'a, str>,
}

/// Reads id and method, leaving the params for [`params`].
///
/// # Errors
/// A permanent error: the bytes are no request.
pub fn head(request: &[u8]) -> Result<Head<'_>, PluginError> {
    let unreadable = |reason: &str| PluginError::permanent(format!("the request cannot be read: {reason}"));
    if !is_object(request) {
        return Err(unreadable(NO_OBJECT));
    }
    serde_json::from_slice(request).map_err(|error| unreadable(&error.to_string()))
}

/// Id and method of a request that begins as [`request`] writes it, at a glance: what follows has not been looked
/// at, and may not even be JSON.
pub(crate) fn glance(request: &[u8]) -> Option<(u64, Method)> {
    let rest = request.strip_prefix(b"{\"id\":")?;
    let (id, rest) = rest.split_at_checked(rest.iter().position(|byte| *byte == b',')?)?;
    let rest = rest.strip_prefix(b",\"method\":\"")?;
    let word = rest.get(..rest.iter().position(|byte| *byte == b'"')?)?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((text(id)?.parse().ok()?, text(word)?.parse().ok()?))
}

/// The params of a request of which [`glance`] saw this much, and the proof that it saw right, in one reading. `None`
/// if anything at all is wrong with it: [`head`] and [`params`] say what.
pub(crate) fn all_at_once<P: DeserializeOwned>(id: u64, method: Method, request: &[u8]) -> Option<P> {
    #[derive(Deserialize)]
    struct Request<'a, P> {
        id: u64,
        #[serde(borrow)]
        method: Cow<'a, str>,
        params: P,
    }
    let whole: Request<'_, P> = serde_json::from_slice(request).ok()?;
    (whole.id == id && whole.method == method.as_str()).then_some(whole.params)
}

/// What is said of a request that [`is_object`] denies.
pub(crate) const NO_OBJECT: &str = "it is no JSON object";

/// Whether the text can be an object: a list would be read as the fields of a structure in their order.
pub(crate) fn is_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{")
}

/// Reads the params of a request.
///
/// # Errors
/// A permanent error that names the method and the field.
pub fn params<P: DeserializeOwned>(method: Method, request: &[u8]) -> Result<P, PluginError> {
    #[derive(Deserialize)]
    struct Body<P> {
        params: P,
    }
    serde_json::from_slice(request)
        .map(|body: Body<P>| body.params)
        .map_err(|error| PluginError::permanent(format!("the params of `{method}` cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_serialised_form() {
        for method in Method::ALL {
            assert_eq!(serde_json::to_string(&method).unwrap(), format!("\"{method}\""));
            assert_eq!(method.as_str().parse(), Ok(method));
        }
        assert_eq!("harvets".parse::<Method>(), Err(()));
    }

    #[test]
    fn a_request_is_read_back_and_unknown_fields_are_ignored() {
        let text = request(
            7,
            Method::RunAction,
            &ActionParams { name: "enrol".into(), arguments: Cow::Owned(serde_json::json!({"user": "ada"})) },
        )
        .unwrap();
        assert_eq!(
            text,
            br#"{"id":7,"method":"run_action","params":{"name":"enrol","arguments":{"user":"ada"}}}"#
        );
        let newer =
            br#"{"trace":[1],"id":7,"method":"run_action","params":{"name":"enrol","by":"bob"},"x":{}}"#;
        let head = head(newer).unwrap();
        assert_eq!((head.id, head.method.as_ref()), (7, "run_action"));
        let params: ActionParams<'_> = params(Method::RunAction, newer).unwrap();
        assert_eq!((params.name.as_ref(), params.arguments.as_ref()), ("enrol", &serde_json::Value::Null));
    }

    #[test]
    fn a_glance_sees_what_is_written_here_and_is_never_believed() {
        let path = PathRef::new("/a \"b\".dm4");
        for method in Method::ALL {
            let text = request(u64::MAX, method, &PathParams { path: Cow::Borrowed(&path) }).unwrap();
            assert_eq!(glance(&text), Some((u64::MAX, method)));
            let read: Option<PathParams<'_>> = all_at_once(u64::MAX, method, &text);
            assert_eq!(read.unwrap().path.as_ref(), &path);
            let other: Option<PathParams<'_>> = all_at_once(7, method, &text);
            assert_eq!(other, None);
        }
        let fine = r#"{"id":7,"method":"extract","params":{"path":"/x"}}"#;
        assert!(all_at_once::<PathParams<'_>>(7, Method::Extract, fine.as_bytes()).is_some());
        assert!(all_at_once::<PathParams<'_>>(7, Method::Accepts, fine.as_bytes()).is_none());
        for seen in [
            r#"{"id":7,"method":"extract","params":{"path":"/x"}"#,
            r#"{"id":7,"method":"extract","params":{"path":"/x"}} {}"#,
            r#"{"id":7,"method":"extract","params":{"path":"/x"},"id":7}"#,
            r#"{"id":07,"method":"extract","params":{"path":"/x"}}"#,
            r#"{"id":+7,"method":"extract","params":{"path":"/x"}}"#,
            r#"{"id":7,"method":"extract","params":{}}"#,
            r#"{"id":7,"method":"extract"}"#,
            r#"{"id":7,"method":"extract"#,
        ] {
            if let Some((id, method)) = glance(seen.as_bytes()) {
                assert_eq!((id, method), (7, Method::Extract));
            }
            assert_eq!(all_at_once::<PathParams<'_>>(7, Method::Extract, seen.as_bytes()), None, "{seen}");
        }
        for unseen in [
            "",
            "{}",
            "{\"id\":",
            r#"{"id":7}"#,
            r#"{ "id":7,"method":"extract"}"#,
            r#"{"id":-7,"method":"extract"}"#,
        ] {
            assert_eq!(glance(unseen.as_bytes()), None, "{unseen}");
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        let error = params::<PathParams<'_>>(Method::Extract, br#"{"id":1,"method":"extract","params":{}}"#)
            .unwrap_err();
        assert!(error.message.contains("`extract`"), "{error}");
        assert!(error.message.contains("`path`"), "{error}");
        assert!(head(b"{\"id\":1").unwrap_err().message.contains("cannot be read"));
        assert!(head(br#"[1,"check"]"#).unwrap_err().message.ends_with("it is no JSON object"));
    }
}
