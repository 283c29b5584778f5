//! Sessions and reservations from SharePoint calendars.
//!
//! ```text
//! settings     the plugin's table of the configuration; address, fields: its parts
//! signin       who asks: an account, a token, an app with its secret or certificate
//! client       questions over HTTP: tries, pauses, pages, errors by class
//! rest, graph  the two interfaces: how a list is asked, and its items as rows
//! about        a list's columns and its page for people
//! row, event   an item, whatever interface it came by; what takes place at one time
//! recurrence   recurring events taken apart
//! calendar     the events of a list in some stretches of time
//! persons      whose an event is
//! reservation  which event belongs to a session: consent and details
//! harvest      events as sessions, where a facility wants that
//! check        what a person is told before the first run
//! ```
//!
//! SharePoint is only ever read.

mod about;
mod address;
mod calendar;
mod check;
mod client;
mod consent;
mod event;
mod fields;
#[doc(hidden)]
pub mod fuzz;
mod graph;
mod harvest;
mod identity;
mod matching;
mod offers;
mod people;
mod persons;
mod recurrence;
mod reservation;
mod rest;
mod row;
mod settings;
mod signin;
mod span;
mod zone;

use std::sync::Arc;

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Call, CheckReport, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentOffer, Manifest, Plugin,
    PluginError, PluginKind, ReservationAnswer, SessionRef,
};
pub use nexus_plugin_http::pause;

use crate::about::Lists;
use crate::calendar::Learnt;
use crate::client::Client;
use crate::pause::{Pause, SystemPause};
use crate::persons::Persons;
use crate::settings::Settings;

/// The SharePoint plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharePoint;

impl Plugin for SharePoint {
    fn manifest(&self) -> Manifest {
        Manifest::new("sharepoint", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Reads reservations, consent and sessions from SharePoint calendars.")
            .with_settings(settings::schema())
            .with_capabilities(&[capability::INSTRUMENTS])
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
        SharePoint.manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let harvester = SharePointHarvester::new(Settings::read(settings)?, Arc::clone(&self.pause))?;
        Ok(Instance::Harvester(Box::new(harvester)))
    }
}

/// One site.
struct SharePointHarvester {
    settings: Settings,
    client: Client,
    lists: Lists,
    persons: Persons,
    learnt: Learnt,
}

impl SharePointHarvester {
    fn new(settings: Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        Ok(Self {
            client: Client::new(&settings, pause)?,
            lists: Lists::default(),
            persons: Persons::default(),
            learnt: Learnt::default(),
            settings,
        })
    }
}

impl Harvester for SharePointHarvester {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        harvest::harvest(self, call, request)
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        Ok(reservation::answers(self, call, sessions))
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        Ok(offers::offers(self, call)?)
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(self, call))
    }
}

#[cfg(test)]
mod tests;
