//! The loadable form of the LabArchives plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_labarchives::LabArchives);
