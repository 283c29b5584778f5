//! An instance behind a table, in the shape of the traits.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::table::{ForeignBytes, Functions, RawInstance};
use super::{LoadError, Origin, one_answer_each};
use crate::abi::{NEXUS_BAD_ARGUMENT, NEXUS_FAILED, NEXUS_OK, NEXUS_PANICKED, code_name};
use crate::message::{
    self, AcceptsAnswer, ActionParams, ActionsAnswer, ExtractAnswer, InstrumentsAnswer, Method, PathParams,
    Reply, ReplyError, ReservationsAnswer, ReservationsParams,
};
use crate::{
    Action, ActionOutcome, Call, Cancel, CheckReport, Delivery, Destination, Extractor, Found, HarvestPage,
    HarvestRequest, Harvester, InstrumentOffer, Manifest, PathRef, PluginError, ReservationAnswer,
    SessionRef, Signal, Step, Target,
};

/// The plugin's name and file, for messages.
#[derive(Debug)]
pub(super) struct Who {
    pub(super) name: String,
    pub(super) origin: Origin,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::File(path) => write!(f, "plugin `{}` ({})", self.name, path.display()),
            Origin::Linked => write!(f, "plugin `{}`", self.name),
        }
    }
}

/// Asks a table for its manifest.
pub(super) fn manifest(functions: Functions, origin: &Origin) -> Result<Manifest, LoadError> {
    let (code, out) = functions.manifest();
    let refused = |reason: String| LoadError::Manifest { origin: origin.clone(), reason };
    if code != NEXUS_OK {
        return Err(refused(why(code, &out)));
    }
    let Some(bytes) = out.bytes() else { return Err(refused(NO_BYTES.to_owned())) };
    serde_json::from_slice(bytes).map_err(|error| refused(error.to_string()))
}

const NO_BYTES: &str = "its pointer and length do not belong together";

/// What a failed call says of itself.
fn why(code: i32, out: &ForeignBytes) -> String {
    match (told(out), code) {
        (Some(error), NEXUS_PANICKED) => format!("it panicked: {}", error.message),
        (Some(error), _) => error.message,
        (None, _) => format!("it returned {code} ({})", code_name(code)),
    }
}

/// The plugin error in the buffer, if there is one.
fn told(out: &ForeignBytes) -> Option<PluginError> {
    serde_json::from_slice(out.bytes()?).ok()
}

/// One instance of a loaded plugin. It implements all three traits; its manifest decided as which it
/// is handed out.
pub(super) struct Proxy {
    who: Arc<Who>,
    instance: RawInstance,
    last_id: AtomicU64,
}

impl Proxy {
    pub(super) fn create(
        functions: Functions,
        who: &Arc<Who>,
        settings: &serde_json::Value,
    ) -> Result<Self, PluginError> {
        let settings = serde_json::to_vec(settings).map_err(|error| {
            PluginError::permanent(format!("the settings of {who} are not JSON: {error}"))
        })?;
        let (code, instance, out) = functions.create(&settings);
        match (code, instance) {
            (NEXUS_OK, Some(instance)) => {
                Ok(Self { who: Arc::clone(who), instance, last_id: AtomicU64::new(0) })
            }
            (NEXUS_OK, None) => {
                Err(PluginError::permanent(format!("{who} said it made an instance and gave none")))
            }
            (NEXUS_FAILED, _) if let Some(error) = told(&out) => Err(error),
            (NEXUS_PANICKED, _) if let Some(error) = told(&out) => Err(PluginError::permanent(format!(
                "{who} panicked when it was configured: {}",
                error.message
            ))),
            _ => Err(PluginError::permanent(format!("{who} could not be configured: {}", why(code, &out)))),
        }
    }

    /// Asks; a plugin that does not have the method is an error.
    fn ask<T: DeserializeOwned>(
        &self,
        call: &Call,
        method: Method,
        params: &impl Serialize,
    ) -> Result<T, PluginError> {
        self.ask_if_supported(call, method, params)?.ok_or_else(|| {
            PluginError::permanent(format!("{} does not have the method `{method}`", self.who))
        })
    }

    /// Asks; `None` if the plugin does not have the method.
    fn ask_if_supported<T: DeserializeOwned>(
        &self,
        call: &Call,
        method: Method,
        params: &impl Serialize,
    ) -> Result<Option<T>, PluginError> {
        let who = &self.who;
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let request = message::request(id, method, params).map_err(|error| {
            PluginError::permanent(format!("`{method}` cannot be put to {who} as JSON: {error}"))
        })?;
        let (code, out) = self.instance.call(call, &request);
        match code {
            NEXUS_OK => {}
            NEXUS_BAD_ARGUMENT => {
                return Err(PluginError::permanent(format!(
                    "{who} refused the arguments of `{method}` ({})",
                    code_name(code)
                )));
            }
            NEXUS_PANICKED if let Some(error) = told(&out) => {
                let message = format!("{who} panicked in `{method}`: {}", error.message);
                return Err(unclear(method, message));
            }
            _ => return Err(unclear(method, format!("{who} failed in `{method}`: {}", why(code, &out)))),
        }
        let reply = out.bytes().ok_or_else(|| NO_BYTES.to_owned()).and_then(|bytes| {
            message::read_reply(id, bytes).map_err(|error| match error {
                ReplyError::NotAnAnswer(source) => {
                    format!("it does not have the form of an answer: {source}")
                }
                other => other.to_string(),
            })
        });
        match reply {
            Ok(Reply::Ok(answer)) => Ok(Some(answer)),
            Ok(Reply::Error(error)) => Err(error),
            Ok(Reply::Unsupported) => Ok(None),
            Err(reason) => {
                Err(unclear(method, format!("{who} answered `{method}` with something unusable: {reason}")))
            }
        }
    }
}

/// A permanent failure after which nobody can say what the call did.
fn unclear(method: Method, message: String) -> PluginError {
    let error = PluginError::permanent(message);
    if method.may_have_effect() { error.maybe_done() } else { error }
}

/// How long a plugin may take to list its actions.
const LISTING_TIME: Duration = Duration::from_secs(10);

/// Params of the methods that have none.
#[derive(Serialize)]
struct Nothing {}

/// What all three kinds share.
impl Proxy {
    fn ask_check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        self.ask(call, Method::Check, &Nothing {})
    }

    /// The trait has no way to say that this failed: a plugin that cannot tell offers none.
    fn ask_actions(&self) -> Vec<Action> {
        let deadline = Instant::now().checked_add(LISTING_TIME);
        let call = Call::new(deadline, Cancel::new(), PathBuf::new(), Arc::new(|_, _| {}));
        self.ask_if_supported(&call, Method::Actions, &Nothing {})
            .ok()
            .flatten()
            .map_or_else(Vec::new, |answer: ActionsAnswer| answer.actions)
    }

    fn ask_run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        let params = ActionParams { name: name.into(), arguments: Cow::Borrowed(arguments) };
        self.ask_if_supported(call, Method::RunAction, &params)?
            .ok_or_else(|| PluginError::permanent(format!("there is no action `{name}`")))
    }
}

impl Harvester for Proxy {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        self.ask(call, Method::Harvest, request)
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let params = ReservationsParams { sessions: Cow::Borrowed(sessions) };
        let answer: ReservationsAnswer = self.ask(call, Method::Reservations, &params)?;
        one_answer_each(&self.who.to_string(), sessions.len(), answer.answers)
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        let answer: Option<InstrumentsAnswer> =
            self.ask_if_supported(call, Method::Instruments, &Nothing {})?;
        Ok(answer.map_or_else(Vec::new, |answer| answer.instruments))
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        self.ask_check(call)
    }

    fn actions(&self) -> Vec<Action> {
        self.ask_actions()
    }

    fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        self.ask_run_action(call, name, arguments)
    }
}

impl Destination for Proxy {
    fn target(&self, call: &Call) -> Result<Target, PluginError> {
        self.ask(call, Method::Target, &Nothing {})
    }

    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        self.ask(call, Method::Find, delivery)
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        self.ask(call, Method::Deliver, delivery)
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        self.ask_check(call)
    }

    fn actions(&self) -> Vec<Action> {
        self.ask_actions()
    }

    fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        self.ask_run_action(call, name, arguments)
    }
}

impl Extractor for Proxy {
    fn accepts(&self, call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        let answer: AcceptsAnswer =
            self.ask(call, Method::Accepts, &PathParams { path: Cow::Borrowed(path) })?;
        Ok(answer.accepts)
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        let answer: ExtractAnswer =
            self.ask(call, Method::Extract, &PathParams { path: Cow::Borrowed(path) })?;
        Ok(answer.signals)
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        self.ask_check(call)
    }

    fn actions(&self) -> Vec<Action> {
        self.ask_actions()
    }

    fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        self.ask_run_action(call, name, arguments)
    }
}
