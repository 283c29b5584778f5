//! Records into a CDCS repository.
//!
//! ```text
//! client    requests over HTTP; what statuses and bodies mean
//! site      template and workspace, looked up once
//! find      the record of a session, by title, verified by `identity`
//! deliver   create or change, publish, give to its user
//! check     what a person is told before the first run
//! account   the account of a user, found by name or made
//! push      the action `push-template`
//! ```
//!
//! A site has no unique key and creates whatever it is sent. So the site is always asked before anything is created,
//! and the key of the session goes along with its record.

mod account;
mod base;
mod check;
mod client;
mod deliver;
mod find;
#[doc(hidden)]
pub mod fuzz;
mod identity;
mod memory;
mod owner;
mod push;
mod record;
mod reply;
mod settings;
mod site;

use std::sync::Arc;

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{
    Action, ActionOutcome, Call, CheckReport, Delivery, Destination, Found, Instance, Manifest, Plugin,
    PluginError, PluginKind, Step, Target,
};
pub use nexus_plugin_http::pause;
use nexus_plugin_http::pause::{Pause, SystemPause};

use crate::account::Accounts;
use crate::client::Client;
use crate::memory::Memory;
use crate::settings::Settings;
use crate::site::Site;

/// Seconds after which a request that was given up can no longer take effect: what the usual server works on one.
const SETTLES_WITHIN: u64 = 120;

/// The CDCS plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cdcs;

impl Plugin for Cdcs {
    fn manifest(&self) -> Manifest {
        Manifest::new("cdcs", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Delivers records to a CDCS repository.")
            .with_settings(settings::schema())
            .with_capabilities(&[capability::FIND, capability::UPDATE, capability::ACTIONS])
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
        Cdcs.manifest()
    }

    fn create(&self, settings: &serde_json::Value) -> Result<Instance, PluginError> {
        let destination = CdcsDestination::new(Settings::read(settings)?, Arc::clone(&self.pause))?;
        Ok(Instance::Destination(Box::new(destination)))
    }
}

/// One site.
struct CdcsDestination {
    settings: Settings,
    client: Client,
    site: Site,
    accounts: Accounts,
    memory: Memory,
}

impl CdcsDestination {
    fn new(settings: Settings, pause: Arc<dyn Pause>) -> Result<Self, PluginError> {
        Ok(Self {
            client: Client::new(&settings, pause)?,
            site: Site::default(),
            accounts: Accounts::default(),
            memory: Memory::default(),
            settings,
        })
    }
}

impl Destination for CdcsDestination {
    fn target(&self, _call: &Call) -> Result<Target, PluginError> {
        let Settings { base, template, workspace, .. } = &self.settings;
        Ok(Target {
            id: format!("{} template={template} workspace={}", base.as_str(), workspace.as_str()),
            can_find: true,
            settle_seconds: SETTLES_WITHIN,
        })
    }

    fn find(&self, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
        find::find(self, call, delivery)
    }

    fn deliver(&self, call: &Call, delivery: &Delivery) -> Result<Step, PluginError> {
        deliver::deliver(self, call, delivery)
    }

    fn check(&self, call: &Call) -> Result<CheckReport, PluginError> {
        Ok(check::check(self, call))
    }

    fn actions(&self) -> Vec<Action> {
        vec![push::action()]
    }

    fn run_action(
        &self,
        call: &Call,
        name: &str,
        arguments: &serde_json::Value,
    ) -> Result<ActionOutcome, PluginError> {
        match name {
            push::NAME => push::run(self, call, arguments),
            other => Err(PluginError::permanent(format!("there is no action `{other}`"))),
        }
    }
}
