//! What a nexus plugin author needs, and nothing more.
//!
//! A plugin is one of three kinds:
//!
//! * a [`Harvester`] answers *which sessions happened, and what reservation belongs to each?*
//! * a [`Destination`] takes a finished record and says where it went,
//! * an [`Extractor`] reads one instrument file and returns its metadata.
//!
//! The same Rust value runs linked into the host, or behind a C entry symbol in a shared library;
//! both give the host the same answers. Everything that crosses is one of the serialisable types
//! of this crate.

pub mod action;
pub mod call;
pub mod check;
pub mod destination;
pub mod error;
pub mod extractor;
pub mod harvester;
pub mod manifest;
pub mod meta;
pub mod outcome;
pub mod path_ref;
pub mod record;
pub mod reservation;
pub mod time;

pub use action::{Action, ActionOutcome};
pub use call::{Call, Cancel, LogLevel};
pub use check::{CheckItem, CheckReport, CheckResult};
pub use destination::Destination;
pub use error::{Effect, FailureClass, PluginError};
pub use extractor::{Extractor, Signal};
pub use harvester::{
    HarvestPage, HarvestRequest, Harvester, InstrumentOffer, InstrumentProgress, InstrumentQuery, MetUser,
    OutsideEvents, RejectedRow, SessionRef, UsageEvent,
};
pub use manifest::{Manifest, PROTOCOL_VERSION, PluginKind};
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
}
