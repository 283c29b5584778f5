//! Sessions, reservations and consent from NEMO and NEMO-CE.
//!
//! ```text
//! client       questions over HTTP: pages, tries, errors by class
//! harvest      usage events since the cursors; events still open
//! reservation  run_data, pre_run_data, the booking: consent and details
//! check        what a person is told before the first run
//! ```
//!
//! NEMO is only ever read. One server is one instance; instruments belong to it by the exact base of their `api_url`.

mod answers;
mod base;
mod check;
mod client;
mod consent;
#[doc(hidden)]
pub mod fuzz;
mod harvest;
mod matching;
mod model;
mod people;
mod reservation;
mod settings;
mod time;
mod tools;

pub use nexus_plugin_http::pause;

use std::sync::{Arc, Mutex};

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Call, CheckReport, HarvestPage, HarvestRequest, Harvester, Instance, InstrumentOffer, Manifest, Plugin,
    PluginError, PluginKind, ReservationAnswer, SessionRef,
};

use crate::client::Client;
use crate::harvest::Walk;
use crate::pause::{Pause, SystemPause};
use crate::people::People;
use crate::settings::Settings;

/// The NEMO plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nemo;

impl Plugin for Nemo {
    fn manifest(&self) -> Manifest {
        Manifest::new("nemo", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Harvests usage events, reservations and consent from a NEMO or NEMO-CE server.")
            .with_settings(settings::schema())
            .with_capabilities(&[capability::INSTRUMENTS])
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let harvester = NemoHarvester::new(Settings::read(settings)?, Arc::new(SystemPause))?;
        Ok(Instance::Harvester(Box::new(harvester)))
    }
}

/// The plugin with another clock and smaller pages, for tests.
#[derive(Clone)]
pub struct Tuned {
    /// Its clock.
    pub pause: Arc<dyn Pause>,
    /// Rows of one page of a list.
    pub page_size: usize,
    /// Events after which a page of a harvest is full.
    pub page_events: usize,
}

impl Plugin for Tuned {
    fn manifest(&self) -> Manifest {
        Nemo.manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let mut harvester = NemoHarvester::new(Settings::read(settings)?, Arc::clone(&self.pause))?;
        harvester.client.page_size = self.page_size;
        harvester.page_events = self.page_events;
        Ok(Instance::Harvester(Box::new(harvester)))
    }
}

/// One server.
struct NemoHarvester {
    settings: Settings,
    client: Client,
    people: People,
    /// Events after which a page of a harvest is full.
    page_events: usize,
    /// The harvest that is being asked for page by page.
    walk: Mutex<Option<Walk>>,
}

impl NemoHarvester {
    const PAGE_EVENTS: usize = 5_000;

    fn new(settings: Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        Ok(Self {
            client: Client::new(&settings, pause)?,
            people: People::default(),
            page_events: Self::PAGE_EVENTS,
            walk: Mutex::new(None),
            settings,
        })
    }
}

impl Harvester for NemoHarvester {
    fn harvest(&self, call: &Call, request: &HarvestRequest) -> Result<HarvestPage, PluginError> {
        harvest::harvest(self, call, request)
    }

    fn reservations(
        &self,
        call: &Call,
        sessions: &[SessionRef],
    ) -> Result<Vec<ReservationAnswer>, PluginError> {
        reservation::answers(self, call, sessions)
    }

    fn instruments(&self, call: &Call) -> Result<Vec<InstrumentOffer>, PluginError> {
        Ok(tools::offers(&self.client, call, &self.settings)?)
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(self, call))
    }
}
