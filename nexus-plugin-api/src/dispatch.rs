//! A request in, a trait call on an instance, a reply out: the same on every carrier.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::message::{
    self, AcceptsAnswer, ActionParams, ActionsAnswer, ExtractAnswer, InstrumentsAnswer, Method, PathParams,
    ReservationsAnswer, ReservationsParams,
};
use crate::{Call, Instance, PluginError};

/// Answers one request of a configured instance. Always returns a reply, whatever the bytes are;
/// a panic of the plugin passes through and is the carrier's to catch.
#[must_use]
pub fn answer(instance: &Instance, call: &Call, request: &[u8]) -> Vec<u8> {
    // What a host of this crate writes is read once; whatever that meets with is read again in order, for the
    // sake of what is said about it.
    let at_once = message::glance(request).and_then(|(id, method)| {
        Question { id, method, request, head_was_read: false }.put_to(instance, call)
    });
    if let Some(reply) = at_once {
        return reply;
    }
    let head = match message::head(request) {
        Ok(head) => head,
        Err(error) => return message::error_reply(0, &error),
    };
    let Ok(method) = head.method.parse::<Method>() else {
        return message::unsupported_reply(head.id);
    };
    answer_known(instance, call, head.id, method, request)
}

/// The same for a request whose head has been read.
pub(crate) fn answer_known(
    instance: &Instance,
    call: &Call,
    id: u64,
    method: Method,
    request: &[u8],
) -> Vec<u8> {
    Question { id, method, request, head_was_read: true }
        .put_to(instance, call)
        .unwrap_or_else(|| message::unsupported_reply(id))
}

struct Question<'a> {
    id: u64,
    method: Method,
    request: &'a [u8],
    /// Whether the request is known to be one, with this id and method.
    head_was_read: bool,
}

impl Question<'_> {
    /// The reply; `None`, and nothing was asked, if the head must be read first.
    fn put_to(&self, instance: &Instance, call: &Call) -> Option<Vec<u8>> {
        match (instance, self.method) {
            (_, Method::Check) => self.without(|| instance.check(call)),
            (_, Method::Actions) => self.without(|| Ok(ActionsAnswer { actions: instance.actions() })),
            (_, Method::RunAction) => self
                .with(|params: ActionParams<'_>| instance.run_action(call, &params.name, &params.arguments)),
            (Instance::Harvester(harvester), Method::Harvest) => {
                self.with(|request| harvester.harvest(call, &request))
            }
            (Instance::Harvester(harvester), Method::Reservations) => {
                self.with(|params: ReservationsParams<'_>| {
                    let answers = harvester.reservations(call, &params.sessions)?;
                    Ok(ReservationsAnswer { answers })
                })
            }
            (Instance::Harvester(harvester), Method::Instruments) => {
                self.without(|| Ok(InstrumentsAnswer { instruments: harvester.instruments(call)? }))
            }
            (Instance::Destination(destination), Method::Target) => self.without(|| destination.target(call)),
            (Instance::Destination(destination), Method::Find) => {
                self.with(|delivery| destination.find(call, &delivery))
            }
            (Instance::Destination(destination), Method::Deliver) => {
                self.with(|delivery| destination.deliver(call, &delivery))
            }
            (Instance::Extractor(extractor), Method::Accepts) => self.with(|params: PathParams<'_>| {
                Ok(AcceptsAnswer { accepts: extractor.accepts(call, &params.path)? })
            }),
            (Instance::Extractor(extractor), Method::Extract) => self.with(|params: PathParams<'_>| {
                Ok(ExtractAnswer { signals: extractor.extract(call, &params.path)? })
            }),
            _ => self.head_was_read.then(|| message::unsupported_reply(self.id)),
        }
    }

    /// A method that has no params: there is little to read, and the order of it matters more than time.
    fn without<T: Serialize>(&self, work: impl FnOnce() -> Result<T, PluginError>) -> Option<Vec<u8>> {
        self.head_was_read.then(|| self.reply(work()))
    }

    fn with<P: DeserializeOwned, T: Serialize>(
        &self,
        work: impl FnOnce(P) -> Result<T, PluginError>,
    ) -> Option<Vec<u8>> {
        let params = if self.head_was_read {
            message::params(self.method, self.request)
        } else {
            Ok(message::all_at_once(self.id, self.method, self.request)?)
        };
        Some(self.reply(params.and_then(work)))
    }

    fn reply<T: Serialize>(&self, outcome: Result<T, PluginError>) -> Vec<u8> {
        match outcome {
            Ok(answer) => message::ok_reply(self.id, &answer),
            Err(error) => message::error_reply(self.id, &error),
        }
    }
}
