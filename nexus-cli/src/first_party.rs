//! The only file that names the linked plugins.

use std::sync::Arc;

use nexus_core::plugins::Catalogue;

/// The plugins that come with nexus, and this very program as the one that runs libraries.
pub fn catalogue() -> Catalogue {
    let catalogue = Catalogue::new(vec![
        Arc::new(nexus_plugin_logbook::Logbook),
        Arc::new(nexus_plugin_nemo::Nemo),
        Arc::new(nexus_plugin_folder::Folder),
        Arc::new(nexus_plugin_cdcs::Cdcs),
        Arc::new(nexus_plugin_labarchives::LabArchives),
        Arc::new(nexus_plugin_sharepoint::SharePoint),
    ]);
    match std::env::current_exe() {
        Ok(program) => catalogue.with_plugin_host(vec![program.into(), "plugin-host".into()]),
        // Without it libraries are refused, by name, where one is asked for.
        Err(_) => catalogue,
    }
}
