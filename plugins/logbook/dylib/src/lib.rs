//! The loadable form of the logbook plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_logbook::Logbook);
