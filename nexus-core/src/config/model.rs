//! The settings as the rest of the program sees them: typed, checked, complete.

use std::path::PathBuf;
use std::time::Duration;

use super::{Effective, PluginSettings};
use crate::ids::{DestinationName, ExtractorName, HarvesterName, InstrumentPid};

/// The settings of a facility. All paths are absolute.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file they were read from, as it was named.
    pub file: PathBuf,
    /// Its folder: relative paths start here, and so do plugins that are programs.
    pub folder: PathBuf,
    /// `[database]`
    pub database: DatabaseConfig,
    /// `[storage]`
    pub storage: StorageConfig,
    /// `[build]`
    pub build: BuildConfig,
    /// `[export]`
    pub export: ExportConfig,
    /// `[history]`
    pub history: HistoryConfig,
    /// `[harvesters.…]`, in the order of the file.
    pub harvesters: Vec<HarvesterConfig>,
    /// `[extractors.…]`, in the order of the file.
    pub extractors: Vec<ExtractorConfig>,
    /// `[destinations.…]`, in the order of the file.
    pub destinations: Vec<DestinationConfig>,
    pub(super) effective: Vec<Effective>,
}

/// Where the sessions are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// The SQLite file.
    pub path: PathBuf,
}

/// Where files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageConfig {
    /// The instruments' files; never written.
    pub instrument_data: PathBuf,
    /// All that nexus makes; also holds the run lock.
    pub data: PathBuf,
    /// Records; below `data` unless set apart.
    pub records: PathBuf,
    /// Log files; below `data` unless set apart.
    pub logs: PathBuf,
}

/// Which of a session's files belong to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileStrategy {
    /// Only those with a suffix of the list.
    Exclusive,
    /// Every file.
    Inclusive,
}

/// What becomes of a session whose usage event is changed after the session was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRevision {
    /// It stays as it is, and somebody is told.
    Report,
    /// It follows: its record is built again; one that was settled without a record is to be built.
    Rebuild,
}

/// How a session becomes a record.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildConfig {
    /// Which files belong to a record.
    pub file_strategy: FileStrategy,
    /// Lower case, without the dot.
    pub exclusive_suffixes: Vec<String>,
    /// Patterns of file names; each compiles as a glob and holds no `/`.
    pub ignore: Vec<String>,
    /// How long after a session's end its files may still arrive.
    pub file_delay: Duration,
    /// Zero or more; 1 is usual.
    pub clustering_sensitivity: f64,
    /// How long files must have been left alone before their session is built.
    pub quiet_period: Duration,
    /// What a change of its usage event makes of a session that is settled.
    pub on_revision: OnRevision,
    /// Whether previews are made.
    pub previews: bool,
    /// Whether links out of an instrument's folder are followed.
    pub follow_outside_links: bool,
    /// Sessions built at the same time; 0 is one per core.
    pub threads: usize,
}

/// When a session counts as exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportStrategy {
    /// Once one destination has the record; the others stay due.
    BestEffort,
    /// Once every destination has it.
    All,
    /// Once one has it; the others are not asked.
    FirstSuccess,
}

/// How records reach their destinations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// When a session is COMPLETED.
    pub strategy: ExportStrategy,
    /// How long a run goes on delivering.
    pub time_budget: Duration,
}

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryConfig {
    /// How long events and runs are kept.
    pub keep: Duration,
}

/// Where a library plugin runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// In a process of its own.
    Process,
    /// Inside this one.
    None,
}

/// Where a plugin's code is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// Linked into the program.
    Linked {
        /// The name in its manifest.
        plugin: String,
    },
    /// In a shared library.
    Library {
        /// The file.
        path: PathBuf,
        /// What its SHA-256 must be (lower-case hexadecimal).
        sha256: Option<String>,
        /// Where it runs.
        isolation: Isolation,
        /// How many processes of it may work at the same time; without a meaning inside this one.
        processes: usize,
    },
    /// A program.
    Command {
        /// The program and its arguments; never empty.
        words: Vec<String>,
        /// What the SHA-256 of the script, or of a program without one, must be (lower-case hexadecimal).
        sha256: Option<String>,
        /// How many processes of it may work at the same time.
        processes: usize,
    },
}

impl Carrier {
    /// A program with its arguments, in one process.
    pub fn command(words: Vec<String>) -> Self {
        Self::Command { words, sha256: None, processes: 1 }
    }

    /// How many calls the plugin can answer at the same time, if its processes limit them.
    pub fn at_once(&self) -> Option<usize> {
        match self {
            Self::Command { processes, .. }
            | Self::Library { processes, isolation: Isolation::Process, .. } => Some(*processes),
            Self::Library { .. } | Self::Linked { .. } => None,
        }
    }

    /// A library, in one process of its own.
    pub fn library(path: PathBuf) -> Self {
        Self::Library { path, sha256: None, isolation: Isolation::Process, processes: 1 }
    }
}

impl std::fmt::Display for Carrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linked { plugin } => write!(f, "plugin {plugin}"),
            Self::Library { path, .. } => write!(f, "library {}", path.display()),
            Self::Command { words, .. } => write!(f, "command {}", words.join(" ")),
        }
    }
}

/// Where sessions come from.
#[derive(Debug, Clone)]
pub struct HarvesterConfig {
    /// Its name in the file.
    pub name: HarvesterName,
    /// Where its plugin is.
    pub carrier: Carrier,
    /// The instruments it is asked about; `None`: those whose address begins with `address` or an alias.
    pub instruments: Option<Vec<InstrumentPid>>,
    /// Address of the source; also in `settings`.
    pub address: Option<String>,
    /// Earlier addresses of the same source.
    pub aliases: Vec<String>,
    /// Another harvester that knows the reservations of its sessions.
    pub reservations_from: Option<HarvesterName>,
    /// The plugin's own keys.
    pub settings: PluginSettings,
}

/// Who reads files.
#[derive(Debug, Clone)]
pub struct ExtractorConfig {
    /// Its name in the file.
    pub name: ExtractorName,
    /// Where its plugin is.
    pub carrier: Carrier,
    /// The suffixes it is asked about, lower case, without the dot; `None`: those of the plugin's manifest.
    pub suffixes: Option<Vec<String>>,
    /// Higher is asked first; `None`: that of the plugin's manifest.
    pub priority: Option<i32>,
    /// The plugin's own keys.
    pub settings: PluginSettings,
}

/// Where records go.
#[derive(Debug, Clone)]
pub struct DestinationConfig {
    /// Its name in the file; stored with every delivery.
    pub name: DestinationName,
    /// Where its plugin is.
    pub carrier: Carrier,
    /// Higher is served first.
    pub priority: i32,
    /// Destinations whose first attempt of the run it waits for. Without cycles.
    pub after: Vec<DestinationName>,
    /// How many records are delivered to it at the same time; `None`: as the destination's nature allows.
    pub concurrency: Option<usize>,
    /// The shortest time between the beginnings of two deliveries.
    pub interval: Duration,
    /// How long after a lost answer the record may still be stored; `None`: as the destination says of itself.
    pub settle: Option<Duration>,
    /// The plugin's own keys.
    pub settings: PluginSettings,
}
