//! The plugin host: which plugins there are, which instances the configuration makes of them, and how they
//! are called.
//!
//! ```text
//! catalogue (linked plugins)  ┐
//! shared libraries            ┴→ instance per [harvesters.x], [extractors.x], [destinations.x] → called within a deadline
//! ```

mod call;
mod catalogue;
mod destination;
mod error;
mod extractor;
mod harvester;
mod instances;
mod matching;

pub use call::{CallError, Limits};
pub use catalogue::{Catalogue, Surroundings};
pub use destination::DestinationInstance;
pub use error::OpenError;
pub use extractor::ExtractorInstance;
pub use harvester::HarvesterInstance;
pub use instances::Plugins;
pub use matching::{NoHarvester, harvester_of};
