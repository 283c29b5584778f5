//! The host's side of the boundary: a library, or an entry of this program, in; safe traits out.
//!
//! A plugin's life, in order:
//!
//! 1. [`open`] looks at the file, loads it and asks for its table; [`from_entry`] starts from a table.
//! 2. The table is checked: layout version, size, functions. Then the manifest: form, name, protocol.
//! 3. [`Plugin::create`] makes instances; each is a proxy that implements the same trait as a
//!    linked plugin's, so the rest of the program cannot tell the difference.
//! 4. An instance is destroyed when its proxy is dropped. The library is never unloaded: threads and
//!    destructors of the plugin may outlive every handle.
//!
//! Linked plugins go through [`Guarded`], which catches their panics at the same edge.
//!
//! A library loaded here shares the process: its abort, segmentation fault or endless loop is ours.

mod error;
mod file;
mod guarded;
mod instance;
mod proxy;
mod table;
mod wire;

use std::path::Path;
use std::sync::Arc;

pub use error::{LoadError, Origin};
pub use file::{inspect, world_writable};
pub use guarded::Guarded;
pub use wire::{Wire, Wired, instance_over};

use crate::export::PluginEntry;
use crate::{Instance, Manifest, Plugin, PluginError, message};
use instance::{LoadedInstance, Who};
use table::Functions;

/// A plugin behind a table: from a library, or from an entry of this program.
#[derive(Debug)]
pub struct LoadedPlugin {
    origin: Origin,
    manifest: Manifest,
    functions: Functions,
    who: Arc<Who>,
}

/// Loads a plugin library. The path must be absolute: no folder is ever searched.
///
/// # Errors
/// [`LoadError`], which names the file and what both sides expected.
pub fn open(path: &Path) -> Result<LoadedPlugin, LoadError> {
    let path = inspect(path)?;
    let entry = table::load(&path)?;
    adopt(entry, Origin::File(path))
}

/// Takes a plugin by its entry, without a library: for tests, and for plugins linked in from another
/// language.
///
/// # Errors
/// [`LoadError`], as for a library.
pub fn from_entry(entry: PluginEntry) -> Result<LoadedPlugin, LoadError> {
    adopt(entry, Origin::Linked)
}

fn adopt(entry: PluginEntry, origin: Origin) -> Result<LoadedPlugin, LoadError> {
    let functions = Functions::read(entry, &origin)?;
    let manifest = instance::manifest(functions, &origin)?;
    check_manifest(&manifest, &origin)?;
    let who = Arc::new(Who { name: manifest.name.clone(), origin: origin.clone() });
    Ok(LoadedPlugin { origin, manifest, functions, who })
}

/// What every manifest must satisfy, on every carrier.
///
/// # Errors
/// [`LoadError::Name`] or [`LoadError::Protocol`].
pub fn check_manifest(manifest: &Manifest, origin: &Origin) -> Result<(), LoadError> {
    let name = &manifest.name;
    let of_the_alphabet =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if name.is_empty() || name.len() > 64 || !name.bytes().all(of_the_alphabet) {
        return Err(LoadError::Name { origin: origin.clone(), name: name.clone() });
    }
    message::check_version(&manifest.protocol).map_err(|source| LoadError::Protocol {
        origin: origin.clone(),
        name: name.clone(),
        source,
    })
}

impl LoadedPlugin {
    /// The library it came from, if it came from one.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Program(_) | Origin::Linked => None,
        }
    }
}

impl Plugin for LoadedPlugin {
    fn manifest(&self) -> Manifest {
        self.manifest.clone()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(instance_over(&self.who.to_string(), self.manifest.kind, self.connect(settings)?))
    }
}

impl Wired for LoadedPlugin {
    fn connect(&self, settings: &serde_json::Value) -> Result<Box<dyn Wire>, PluginError> {
        Ok(Box::new(LoadedInstance::create(self.functions, &self.who, settings)?))
    }
}

/// A harvester answers each session once: more or fewer answers cannot be told apart.
fn one_answer_each<T>(who: &str, sessions: usize, answers: Vec<T>) -> Result<Vec<T>, PluginError> {
    if answers.len() == sessions {
        return Ok(answers);
    }
    Err(PluginError::permanent(format!(
        "{who} was asked for the reservations of {sessions} sessions and gave {} answers",
        answers.len()
    )))
}
