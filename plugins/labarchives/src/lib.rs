//! Records into LabArchives notebooks.
//!
//! ```text
//! client      calls: signed (`sign`), at their pace (`pace`), by the server's clock; what answers hold (`reply`)
//! owner       whose notebook a session's record goes to
//! tree        folders and pages; `name`: what they are called
//! page        what a page holds for a session; `marker`: the line that says whose it is
//! find        the page of a session
//! deliver     page, summary, record: what is missing, one in each step
//! summary     what people read, with pictures as far as they fit
//! inbox       without a notebook
//! check       what a person is told before the first run
//! enrol       the actions: a user's id, and the notebooks of an account
//! ```
//!
//! A notebook has no unique names and no way to delete. So it is always read before anything is made, a change is
//! sent once, and whoever does not hear how it ended reads again.

mod attachment;
mod base;
mod check;
mod client;
mod deliver;
mod enrol;
mod error;
mod find;
#[doc(hidden)]
pub mod fuzz;
mod inbox;
mod marker;
mod memory;
mod name;
mod owner;
mod pace;
mod page;
mod record;
mod reply;
#[cfg(test)]
mod sample;
mod settings;
mod sign;
mod summary;
mod tree;

use std::sync::Arc;

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Action, ActionOutcome, Call, CheckReport, Delivery, Destination, Found, Instance, Manifest, Plugin,
    PluginError, PluginKind, Step, Target,
};
pub use nexus_plugin_http::pause;
use nexus_plugin_http::pause::{Pause, SystemPause};

use crate::attachment::Limits;
use crate::client::Client;
use crate::error::LabError;
use crate::memory::Memory;
use crate::owner::{Goal, People};
use crate::settings::{Place, Settings};
use crate::tree::{Folders, Shelf};

/// Seconds after which a request that was given up can no longer take effect.
const SETTLES_WITHIN: u64 = 120;

/// The LabArchives plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct LabArchives;

impl Plugin for LabArchives {
    fn manifest(&self) -> Manifest {
        Manifest::new("labarchives", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Delivers records to pages of LabArchives notebooks.")
            .with_settings(settings::schema())
            .with_capabilities(&[
                capability::FIND,
                capability::STEPS,
                capability::UPDATE,
                capability::ACTIONS,
            ])
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Tuned { pause: Arc::new(SystemPause) }.create(settings)
    }
}

/// The plugin with another clock, for tests.
#[derive(Clone)]
pub struct Tuned {
    /// Its clock.
    pub pause: Arc<dyn Pause>,
}

impl Plugin for Tuned {
    fn manifest(&self) -> Manifest {
        LabArchives.manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let destination = LabArchivesDestination::new(Settings::read(settings)?, Arc::clone(&self.pause))?;
        Ok(Instance::Destination(Box::new(destination)))
    }
}

/// One access key, one facility.
struct LabArchivesDestination {
    settings: Settings,
    client: Client,
    folders: Folders,
    people: People,
    limits: Limits,
    memory: Memory,
}

impl LabArchivesDestination {
    fn new(settings: Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        Ok(Self {
            client: Client::new(&settings, pause)?,
            folders: Folders::default(),
            people: People::default(),
            limits: Limits::default(),
            memory: Memory::default(),
            settings,
        })
    }

    /// The facility's notebook.
    fn facility(&self) -> Result<Shelf, PluginError> {
        owner::facility(&self.settings)
            .ok_or_else(|| PluginError::permanent("an Inbox has no folders and cannot be looked through"))
    }

    /// The notebook for a session.
    fn goal(&self, call: &Call, delivery: &Delivery) -> Result<Goal, LabError> {
        owner::goal(&self.settings, &self.client, &self.people, call, delivery, self.facility()?)
    }
}

impl Destination for LabArchivesDestination {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        let base = self.client.base().as_str();
        let users = if self.settings.own.is_some() { " users=own" } else { "" };
        let (id, can_find) = match &self.settings.place {
            Place::Notebook(nbid) => (format!("{base} notebook={nbid}{users}"), true),
            Place::Inbox(_) => (format!("{base} inbox"), false),
        };
        Ok(Target { id, can_find, settle_seconds: SETTLES_WITHIN })
    }

    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        find::find(self, call, delivery)
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        match self.settings.place {
            Place::Notebook(_) => deliver::deliver(self, call, delivery),
            Place::Inbox(inbox) => inbox::deliver(self, call, delivery, inbox),
        }
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(self, call))
    }

    fn actions(&self) -> Vec<Action> {
        enrol::actions()
    }

    fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        match name {
            enrol::ENROL => enrol::enrol(self, call, arguments),
            enrol::NOTEBOOKS => enrol::notebooks(self, call, arguments),
            other => Err(PluginError::permanent(format!("there is no action `{other}`"))),
        }
    }
}
