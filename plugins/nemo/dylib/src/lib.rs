//! The loadable form of the NEMO plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_nemo::Nemo);
