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
    Question { id, method, request }.put_to(instance, call)
}

struct Question<'a> {
    id: u64,
    method: Method,
    request: &'a [u8],
}

impl Question<'_> {
    fn put_to(&self, instance: &Instance, call: &Call) -> Vec<u8> {
        match (instance, self.method) {
            (_, Method::Check) => self.reply(instance.check(call)),
            (_, Method::Actions) => self.reply(Ok(ActionsAnswer { actions: instance.actions() })),
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
                self.reply(harvester.instruments(call).map(|instruments| InstrumentsAnswer { instruments }))
            }
            (Instance::Destination(destination), Method::Target) => self.reply(destination.target(call)),
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
            _ => message::unsupported_reply(self.id),
        }
    }

    fn with<P: DeserializeOwned, T: Serialize>(
        &self,
        work: impl FnOnce(P) -> Result<T, PluginError>,
    ) -> Vec<u8> {
        self.reply(message::params(self.method, self.request).and_then(work))
    }

    fn reply<T: Serialize>(&self, outcome: Result<T, PluginError>) -> Vec<u8> {
        match outcome {
            Ok(answer) => message::ok_reply(self.id, &answer),
            Err(error) => message::error_reply(self.id, &error),
        }
    }
}
