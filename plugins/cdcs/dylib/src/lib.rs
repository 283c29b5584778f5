//! The loadable form of the CDCS plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_cdcs::Cdcs);
