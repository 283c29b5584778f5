//! The plugin host: which plugins there are, which instances the configuration makes of them, and how they
//! are called.
//!
//! ```text
//! catalogue (linked plugins)  ┐
//! shared libraries            ┴→ instance per [harvesters.x], [extractors.x], [destinations.x] → called within a deadline
//! ```

mod any;
mod call;
mod catalogue;
pub mod conformance;
mod destination;
mod error;
mod extractor;
mod harvester;
mod instances;
mod matching;

pub use any::AnyInstance;
pub use call::{CallError, Limits};
pub use catalogue::{Catalogue, Surroundings};
pub use destination::DestinationInstance;
pub use error::OpenError;
pub use extractor::ExtractorInstance;
pub use harvester::HarvesterInstance;
pub use instances::Plugins;
pub use matching::{NoHarvester, harvester_of};
