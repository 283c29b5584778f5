//! The plugin host: which plugins there are, which instances the configuration makes of them, and how they
//! are called.
//!
//! ```text
//! catalogue (linked plugins)       ┐
//! shared libraries in this process ┼→ instance per [harvesters.x], [extractors.x], [destinations.x] → called within a deadline
//! programs, libraries in their own ┘
//! ```

mod any;
pub(crate) mod bounds;
mod call;
mod catalogue;
pub mod conformance;
mod destination;
mod error;
mod extractor;
mod files;
mod groups;
mod harvester;
mod instances;
mod matching;
mod names;
pub(crate) mod process;
mod threads;
mod turns;
mod unserved;

pub use any::AnyInstance;
pub use call::{CallError, Limits};
pub use catalogue::{Catalogue, Surroundings};
pub use destination::DestinationInstance;
pub use error::OpenError;
pub use extractor::ExtractorInstance;
pub use files::{FileError, Program};
pub use groups::{Groups, Reaped};
pub use harvester::HarvesterInstance;
pub use instances::Plugins;
pub(crate) use matching::below as lies_below;
pub use matching::{NoHarvester, harvester_of, harvester_table_of, served};
pub use process::{Launch, ProcessPlugin, StartError};
pub use unserved::Unserved;
