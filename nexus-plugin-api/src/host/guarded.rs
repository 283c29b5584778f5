//! A linked plugin with a net under it: its panic costs one call.

use std::sync::Arc;

use super::wire::Linked;
use super::{LoadError, Origin, Wire, Wired, check_manifest, one_answer_each};
use crate::message::Method;
use crate::panics::catch;
use crate::{
    Action, ActionOutcome, Call, CheckReport, Delivery, Destination, Extractor, Found, HarvestPage,
    HarvestRequest, Harvester, Instance, InstrumentOffer, Manifest, PathRef, Plugin, PluginError,
    ReservationAnswer, SessionRef, Signal, Step, Target,
};

/// A linked plugin whose panics become errors, on itself and on every instance it makes.
pub struct Guarded {
    plugin: Box<dyn Plugin>,
    manifest: Manifest,
    who: Arc<str>,
}

impl Guarded {
    /// Takes a linked plugin, after the checks that a loaded one passes.
    ///
    /// # Errors
    /// [`LoadError`]: its manifest panics, names it badly, or speaks of another protocol.
    pub fn new(plugin: impl Plugin + 'static) -> Result<Self, LoadError> {
        let origin = Origin::Linked;
        let manifest = catch(|| plugin.manifest()).map_err(|message| LoadError::Manifest {
            origin: origin.clone(),
            reason: format!("it panicked: {message}"),
        })?;
        check_manifest(&manifest, &origin)?;
        let who = format!("plugin `{}`", manifest.name).into();
        Ok(Self { plugin: Box::new(plugin), manifest, who })
    }

    fn guard<T: ?Sized>(&self, inner: Box<T>) -> Guard<T> {
        Guard { who: Arc::clone(&self.who), inner: Some(inner) }
    }
}

impl Plugin for Guarded {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let made = catch(|| self.plugin.create(settings)).map_err(|message| {
            PluginError::permanent(format!("{} panicked when it was configured: {message}", self.who))
        })??;
        made.must_be(self.manifest.kind)?;
        Ok(match made {
            Instance::Harvester(inner) => Instance::Harvester(Box::new(self.guard(inner))),
            Instance::Destination(inner) => Instance::Destination(Box::new(self.guard(inner))),
            Instance::Extractor(inner) => Instance::Extractor(Box::new(self.guard(inner))),
        })
    }
}

impl Wired for Guarded {
    fn connect(&self, settings: &serde_json::Value) -> Result<Box<dyn Wire>, PluginError> {
        Ok(Box::new(Linked(self.create(settings)?)))
    }
}

struct Guard<T: ?Sized> {
    who: Arc<str>,
    /// Always there; taken out only to be dropped.
    inner: Option<Box<T>>,
}

impl<T: ?Sized> Guard<T> {
    fn run<R>(
        &self,
        method: Method,
        work: impl FnOnce(&T) -> Result<R, PluginError>,
    ) -> Result<R, PluginError> {
        let Some(inner) = self.inner.as_deref() else {
            return Err(PluginError::permanent(format!("{} is gone", self.who)));
        };
        catch(|| work(inner)).unwrap_or_else(|message| {
            Err(method.unclear(format!("{} panicked in `{method}`: {message}", self.who)))
        })
    }
}

impl<T: ?Sized> Drop for Guard<T> {
    fn drop(&mut self) {
        let inner = self.inner.take();
        // A destructor that panics has nobody to tell.
        let _ = catch(|| drop(inner));
    }
}

/// The methods that the three traits have in common.
macro_rules! of_every_kind {
    () => {
        fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
            self.run(Method::Check, |inner| inner.check(call))
        }

        fn actions(&self) -> Vec<Action> {
            self.run(Method::Actions, |inner| Ok(inner.actions())).unwrap_or_default()
        }

        fn run_action(
            &self,
            call: &Call,
            name: &str,
            arguments: &serde_json::Value,
        ) -> Result<ActionOutcome, PluginError> {
            self.run(Method::RunAction, |inner| inner.run_action(call, name, arguments))
        }
    };
}

impl Harvester for Guard<dyn Harvester> {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        self.run(Method::Harvest, |inner| inner.harvest(call, request))
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        let answers = self.run(Method::Reservations, |inner| inner.reservations(call, sessions))?;
        one_answer_each(&self.who, sessions.len(), answers)
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        self.run(Method::Instruments, |inner| inner.instruments(call))
    }

    of_every_kind!();
}

impl Destination for Guard<dyn Destination> {
    fn target(&self, call: &Call) -> Result<Target, PluginError> {
        self.run(Method::Target, |inner| inner.target(call))
    }

    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        self.run(Method::Find, |inner| inner.find(call, delivery))
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        self.run(Method::Deliver, |inner| inner.deliver(call, delivery))
    }

    of_every_kind!();
}

impl Extractor for Guard<dyn Extractor> {
    fn accepts(&self, call: &Call, path: &PathRef) -> Result<bool, PluginError> {
        self.run(Method::Accepts, |inner| inner.accepts(call, path))
    }

    fn extract(&self, call: &Call, path: &PathRef) -> Result<Vec<Signal>, PluginError> {
        self.run(Method::Extract, |inner| inner.extract(call, path))
    }

    of_every_kind!();
}
