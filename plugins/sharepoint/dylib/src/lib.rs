//! The loadable form of the SharePoint plugin.

nexus_plugin_api::export_plugin!(nexus_plugin_sharepoint::SharePoint);
