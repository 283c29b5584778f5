//! Why a table of the configuration makes no plugin instance.

use nexus_plugin_api::host::LoadError;
use nexus_plugin_api::{PluginError, PluginKind};

use super::process::StartError;
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
    /// Another file's plugin of this kind has the same name.
    #[error(
        "[{table}]: {kind} plugin `{plugin}` is {place}, and in [{other_table}] it is {other}: two plugins of one name \
         cannot be told apart; give one of them another name in its manifest"
    )]
    Twice {
        /// The table.
        table: String,
        /// The kind of both.
        kind: PluginKind,
        /// The name of both.
        plugin: String,
        /// Where this one is.
        place: String,
        /// Where the other one is.
        other: String,
        /// The table of the other one.
        other_table: String,
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
    /// The program cannot be used, or a file is not the one that was pinned.
    #[error("[{table}]: {error}")]
    Start {
        /// The table.
        table: String,
        /// Why.
        error: StartError,
    },
}

impl OpenError {
    /// The table, or the key whose secret cannot be had.
    pub fn place(&self) -> &str {
        match self {
            Self::Unknown { table, .. }
            | Self::OtherKind { table, .. }
            | Self::Twice { table, .. }
            | Self::Settings { table, .. }
            | Self::Refused { table, .. }
            | Self::NoSuffixes { table, .. }
            | Self::Load { table, .. }
            | Self::Start { table, .. } => table,
            Self::Secret(error) => error.key(),
        }
    }
}
