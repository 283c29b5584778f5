//! An instance at the other end of a wire, in the shape of the traits.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Wire, one_answer_each};
use crate::message::{
    self, AcceptsAnswer, ActionParams, ActionsAnswer, ExtractAnswer, InstrumentsAnswer, Method, PathParams,
    Reply, ReservationsAnswer, ReservationsParams,
};
use crate::{
    Action, ActionOutcome, Call, Cancel, CheckReport, Delivery, Destination, Extractor, Found, HarvestPage,
    HarvestRequest, Harvester, InstrumentOffer, PathRef, PluginError, ReservationAnswer, SessionRef, Signal,
    Step, Target,
};

/// One instance of a plugin that is spoken to in messages. It implements all three traits; its manifest
/// decided as which it is handed out.
pub(super) struct Proxy {
    /// The plugin's name and file, for messages.
    who: String,
    wire: Box<dyn Wire>,
    last_id: AtomicU64,
}

impl Proxy {
    pub(super) fn new(who: String, wire: Box<dyn Wire>) -> Self {
        Self { who, wire, last_id: AtomicU64::new(0) }
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
        let reply = self.wire.exchange(call, method, &request)?;
        match message::read_reply(id, &reply) {
            Ok(Reply::Ok(answer)) => Ok(Some(answer)),
            Ok(Reply::Error(error)) => Err(error),
            Ok(Reply::Unsupported) => Ok(None),
            Err(error) => {
                let reason = error.in_full();
                Err(method.unclear(format!("{who} answered `{method}` with something unusable: {reason}")))
            }
        }
    }
}

/// How long a plugin may take to list its actions.
const LISTING_TIME: Duration = Duration::from_secs(10);

/// Params of the methods that have none.
#[derive(Serialize)]
struct Nothing {}

/// The methods that the three traits have in common.
macro_rules! of_every_kind {
    () => {
        fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
            self.ask(call, Method::Check, &Nothing {})
        }

        /// The trait has no way to say that this failed: a plugin that cannot tell offers none.
        fn actions(&self) -> Vec<Action> {
            let deadline = Instant::now().checked_add(LISTING_TIME);
            let call = Call::new(deadline, Cancel::new(), PathBuf::new(), Arc::new(|_, _| {}));
            self.ask_if_supported(&call, Method::Actions, &Nothing {})
                .ok()
                .flatten()
                .map_or_else(Vec::new, |answer: ActionsAnswer| answer.actions)
        }

        fn run_action(
            &self,
            call: &Call,
            name: &str,
            arguments: &serde_json::Value,
        ) -> Result<ActionOutcome, PluginError> {
            let params = ActionParams { name: name.into(), arguments: Cow::Borrowed(arguments) };
            self.ask_if_supported(call, Method::RunAction, &params)?
                .ok_or_else(|| PluginError::permanent(format!("there is no action `{name}`")))
        }
    };
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
        one_answer_each(&self.who, sessions.len(), answer.answers)
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        let answer: Option<InstrumentsAnswer> =
            self.ask_if_supported(call, Method::Instruments, &Nothing {})?;
        Ok(answer.map_or_else(Vec::new, |answer| answer.instruments))
    }

    of_every_kind!();
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

    of_every_kind!();
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

    of_every_kind!();
}
