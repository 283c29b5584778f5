//! The loadable form of the folder plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_folder::Folder);
