//! Records into LabArchives notebooks.

use std::sync::Arc;

use nexus_plugin_api::manifest::capability;
use nexus_plugin_api::{Instance, Manifest, Plugin, PluginError, PluginKind};
pub use nexus_plugin_http::pause;
use nexus_plugin_http::pause::{Pause, SystemPause};

/// The LabArchives plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct LabArchives;

impl Plugin for LabArchives {
    fn manifest(&self) -> Manifest {
        Manifest::new("labarchives", env!("CARGO_PKG_VERSION"), PluginKind::Destination)
            .with_summary("Delivers records to pages of LabArchives notebooks.")
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

    fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
        Err(PluginError::permanent("labarchives: being built"))
    }
}
