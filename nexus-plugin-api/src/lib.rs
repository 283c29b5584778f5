#![doc = include_str!("../README.md")]
// Unsafe code lives in the three rooms of the boundary, and each use is argued.
#![deny(unsafe_code)]

pub mod abi;
pub mod action;
pub mod call;
pub mod check;
pub mod destination;
pub mod dispatch;
pub mod error;
#[allow(unsafe_code, reason = "an entry is a pointer that crosses threads")]
pub mod export;
pub mod extractor;
#[allow(unsafe_code, reason = "C calls in")]
pub mod guest;
pub mod harvester;
#[cfg(feature = "host")]
#[allow(unsafe_code, reason = "C calls out")]
pub mod host;
pub mod manifest;
pub mod message;
pub mod meta;
pub mod outcome;
mod panics;
pub mod path_ref;
pub mod record;
pub mod reservation;
#[cfg(feature = "schema")]
pub mod schema;
pub mod serve;
pub mod time;

pub use action::{Action, ActionOutcome};
pub use call::{Call, Cancel, LogLevel};
pub use check::{CheckItem, CheckReport, CheckResult};
pub use destination::Destination;
pub use error::{Effect, FailureClass, PluginError};
pub use export::PluginEntry;
pub use extractor::{Extractor, Signal};
pub use harvester::{
    HarvestPage, HarvestRequest, Harvester, InstrumentOffer, InstrumentProgress, InstrumentQuery, MetUser,
    OutsideEvents, RejectedRow, SessionRef, UsageEvent,
};
pub use manifest::{Manifest, PROTOCOL_VERSION, PluginKind, capability};
pub use meta::{MetaMap, MetaNode, MetaValue};
pub use outcome::{Checkpoint, Found, Remote, Step, Target};
pub use path_ref::PathRef;
pub use record::{ActivityRef, DatasetRef, Delivery, InstrumentRef, OtherResult, RecordRef, SessionFacts};
pub use reservation::{Project, Reservation, ReservationAnswer, Sample};
pub use time::EventTime;

/// A plugin: what it is, and how an instance of it is made from its settings.
///
/// One plugin serves any number of instances (two NEMO servers are two instances of `nemo`).
pub trait Plugin: Send + Sync {
    /// What this plugin is. Constant: the same answer at every call.
    fn manifest(&self) -> Manifest;

    /// Makes an instance from its table in the configuration, secrets already resolved to text.
    ///
    /// `settings` holds only the plugin's own keys; the ones the host reads itself
    /// (`plugin`, `library`, `command`, `priority`, `after`, `instruments`, …) are taken out.
    ///
    /// # Errors
    /// A [`FailureClass::Permanent`] error that names the offending key.
    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError>;
}

/// A configured plugin, of whichever kind it is.
pub enum Instance {
    /// Brings sessions and reservations.
    Harvester(Box<dyn Harvester>),
    /// Takes records.
    Destination(Box<dyn Destination>),
    /// Reads files.
    Extractor(Box<dyn Extractor>),
}

impl Instance {
    /// The kind of this instance; equal to its manifest's.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        match self {
            Self::Harvester(_) => PluginKind::Harvester,
            Self::Destination(_) => PluginKind::Destination,
            Self::Extractor(_) => PluginKind::Extractor,
        }
    }

    /// Asks the instance whether it could work now.
    ///
    /// # Errors
    /// The plugin's.
    pub fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        match self {
            Self::Harvester(inner) => inner.check(call),
            Self::Destination(inner) => inner.check(call),
            Self::Extractor(inner) => inner.check(call),
        }
    }

    /// The actions the instance offers.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        match self {
            Self::Harvester(inner) => inner.actions(),
            Self::Destination(inner) => inner.actions(),
            Self::Extractor(inner) => inner.actions(),
        }
    }

    /// Runs one of its actions.
    ///
    /// # Errors
    /// The plugin's.
    pub fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        match self {
            Self::Harvester(inner) => inner.run_action(call, name, arguments),
            Self::Destination(inner) => inner.run_action(call, name, arguments),
            Self::Extractor(inner) => inner.run_action(call, name, arguments),
        }
    }

    /// Whether the plugin made what its manifest says.
    ///
    /// # Errors
    /// A permanent error that names both kinds.
    pub fn must_be(&self, kind: PluginKind) -> Result<(), PluginError> {
        if self.kind() == kind {
            return Ok(());
        }
        Err(PluginError::permanent(format!(
            "the manifest says {kind}, the instance that was made is of kind {}",
            self.kind()
        )))
    }
}

impl<P: Plugin + ?Sized> Plugin for Box<P> {
    fn manifest(&self) -> Manifest {
        (**self).manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        (**self).create(settings)
    }
}

impl<P: Plugin + ?Sized> Plugin for std::sync::Arc<P> {
    fn manifest(&self) -> Manifest {
        (**self).manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        (**self).create(settings)
    }
}
