//! Records in a directory tree, one file per session.
//!
//! ```text
//! <root>/2024/TEM-1/<name>.xml      the record
//! <root>/2024/TEM-1/<name>.json     its side-car: whose it is, and the hashes
//! <root>/2024/TEM-1/<name>_files/   preview pictures, if wanted
//! ```
//!
//! The side-car is written first and claims the place, the record last. So a record without a side-car
//! is never ours, a side-car without a record is a claim and nothing more, and a record that does not
//! have the hash of its side-car is being replaced. Whatever the moment of a crash, `find` tells the
//! truth and the next `deliver` completes it.

mod check;
mod deliver;
mod failure;
mod layout;
mod place;
mod previews;
mod settings;
mod side_car;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Call, CheckReport, Delivery, Destination, Found, Instance, Manifest, Plugin, PluginError, PluginKind,
    Step, Target,
};

use crate::place::Root;
use crate::settings::Settings;

/// The folder plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Folder;

impl Plugin for Folder {
    fn manifest(&self) -> Manifest {
        Manifest::new("folder", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Delivers each record as a file into a directory tree.")
            .with_capabilities(&[capability::FIND, capability::UPDATE])
            .with_settings(settings::schema())
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Ok(Instance::Destination(Box::new(FolderDestination::new(Settings::read(settings)?))))
    }
}

/// One directory tree.
struct FolderDestination {
    settings: Settings,
    /// Places with a delivery under way: two sessions may be delivered at once, never to one place.
    busy: Mutex<BTreeSet<PathBuf>>,
}

impl FolderDestination {
    fn new(settings: Settings) -> Self {
        Self { settings, busy: Mutex::default() }
    }

    /// Holds a place until the answer is dropped.
    fn hold(&self, path: PathBuf) -> Result<Held<'_>, PluginError> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.insert(path.clone()) {
            Ok(Held { busy: &self.busy, path })
        } else {
            Err(PluginError::transient(format!("`{}` is just being delivered to", path.display())))
        }
    }
}

struct Held<'a> {
    busy: &'a Mutex<BTreeSet<PathBuf>>,
    path: PathBuf,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

impl Destination for FolderDestination {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        let root = Root::open(&self.settings)?;
        Ok(Target {
            id: format!("{}/ {}", root.url(), self.settings.layout.as_str()),
            can_find: true,
            // A write of ours that comes late puts the same record in the same place.
            settle_seconds: 0,
        })
    }

    fn find(&self, _call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        deliver::find(&Root::open(&self.settings)?, &self.settings, delivery)
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        let root = Root::open(&self.settings)?;
        let place = deliver::place_for(&root, &self.settings, delivery)?;
        let _held = self.hold(place.record().to_owned())?;
        deliver::deliver(call, &root, &place, &self.settings, delivery).map(Step::Done)
    }

    fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(&self.settings))
    }
}

#[cfg(test)]
mod tests;
