//! The only file that names the linked plugins.

use std::sync::Arc;

use nexus_core::plugins::Catalogue;

/// The plugins that come with nexus.
pub fn catalogue() -> Catalogue {
    Catalogue::new(vec![Arc::new(nexus_plugin_logbook::Logbook), Arc::new(nexus_plugin_folder::Folder)])
}
