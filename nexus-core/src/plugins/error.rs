//! Why a table of the configuration makes no plugin instance.

use std::path::PathBuf;

use nexus_plugin_api::host::LoadError;
use nexus_plugin_api::{PluginError, PluginKind};

use crate::config::{Problem, SecretError};

/// A table of the configuration that makes no instance.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No linked plugin has this name.
    #[error("[{table}]: there is no {kind}plugin `{plugin}`; there are: {known}")]
    Unknown {
        /// The table.
        table: String,
        /// What was wanted: a kind and a blank, or nothing.
        kind: String,
        /// The name.
        plugin: String,
        /// The names there are.
        known: String,
    },
    /// The plugin is of another kind.
    #[error("[{table}]: plugin `{plugin}` is a {is}, not a {wanted}")]
    OtherKind {
        /// The table.
        table: String,
        /// Its name.
        plugin: String,
        /// Its kind.
        is: PluginKind,
        /// The kind the table is for.
        wanted: PluginKind,
    },
    /// Its settings are not as its schema wants them.
    #[error(
        "the settings in [{table}] cannot be used\n\n{}",
        .problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
    )]
    Settings {
        /// The table.
        table: String,
        /// What is wrong.
        problems: Vec<Problem>,
    },
    /// A secret cannot be fetched.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The plugin refuses its settings.
    #[error("[{table}]: plugin `{plugin}` refuses its settings: {error}")]
    Refused {
        /// The table.
        table: String,
        /// Its name.
        plugin: String,
        /// Why.
        error: PluginError,
    },
    /// An extractor that is asked about no file.
    #[error(
        "[{table}]: extractor `{plugin}` names no suffixes, so it would be asked about no file: add suffixes = [\"…\"]"
    )]
    NoSuffixes {
        /// The table.
        table: String,
        /// Its name.
        plugin: String,
    },
    /// The library cannot be loaded.
    #[error("[{table}]: {error}")]
    Load {
        /// The table.
        table: String,
        /// Why.
        error: LoadError,
    },
    /// The library cannot be read.
    #[error("[{table}]: `{}` cannot be read", path.display())]
    Unreadable {
        /// The table.
        table: String,
        /// The library.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The library is not the one that was pinned.
    #[error("[{table}]: `{}` has SHA-256 {found}, not the pinned {wanted}", path.display())]
    Pin {
        /// The table.
        table: String,
        /// The library.
        path: PathBuf,
        /// Its digest.
        found: String,
        /// The digest of the configuration.
        wanted: String,
    },
    /// This version cannot run the plugin that way.
    #[error("[{table}]: this version of nexus cannot run {what}")]
    Carrier {
        /// The table.
        table: String,
        /// What it cannot run, and what to write instead.
        what: &'static str,
    },
}
