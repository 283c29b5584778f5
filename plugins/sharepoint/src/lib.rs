//! Sessions and reservations from SharePoint calendars.

use std::sync::Arc;

use nexus_plugin_api::{Instance, Manifest, Plugin, PluginError, PluginKind};
pub use nexus_plugin_http::pause;
use nexus_plugin_http::pause::{Pause, SystemPause};

/// The SharePoint plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharePoint;

impl Plugin for SharePoint {
    fn manifest(&self) -> Manifest {
        Manifest::new("sharepoint", env!("CARGO_PKG_VERSION"), PluginKind::Harvester)
            .with_summary("Reads sessions and reservations from SharePoint calendars.")
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

    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Err(PluginError::permanent("sharepoint: being built"))
    }
}
