//! Settings: one file, `nexus.toml`, read and checked once.
//!
//! The keys are listed in one place ([`keys`]); from it come the reader, the sample, the JSON Schema and
//! the reference page. Reading goes in three steps: the text is parsed with positions, every key is
//! checked by itself, then the keys are compared with each other. All mistakes are told together, each
//! with its line and column. Plugins' own keys are kept until the plugin can say what it wants
//! ([`check_settings`]); secrets are fetched when they are needed ([`PluginSettings::resolve`]).

mod check;
mod digest;
mod effective;
pub mod keys;
mod model;
mod pieces;
mod plugin;
mod problem;
mod read;
mod relations;
mod sample;
mod schema;
mod source;
mod suggest;
mod value;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{DestinationName, ExtractorName, HarvesterName, InstrumentPid};

pub use check::check_settings;
pub use effective::{Effective, Origin};
pub use model::{
    BuildConfig, Carrier, Config, DatabaseConfig, DestinationConfig, ExportConfig, ExportStrategy,
    ExtractorConfig, FileStrategy, HarvesterConfig, HistoryConfig, Isolation, OnRevision, StorageConfig,
};
pub use plugin::{Environment, PluginSettings, SecretError, SecretSource, process_environment};
pub use problem::{ConfigError, Problem};
pub use sample::reference;
pub use schema::json_schema;

use read::Checked;
use value::Value;

impl Config {
    /// Reads and checks a file. Relative paths in it start at its folder. Neither the paths nor the
    /// secrets are looked at yet.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let bytes = fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::Missing { path: path.to_owned() },
            _ => ConfigError::Unreadable { path: path.to_owned(), source },
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = good.split(|byte| *byte == b'\n').count();
            ConfigError::NotText { path: path.to_owned(), line }
        })?;
        let absolute = std::path::absolute(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let base = absolute.parent().unwrap_or(&absolute);
        Self::from_text(&text, base, &path.display().to_string())
    }

    /// Checks a text. Relative paths in it start at `base_dir`; messages call the file `name`.
    ///
    /// ```
    /// use nexus_core::config::Config;
    ///
    /// let text = "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"in\"\ndata = \"out\"\n\
    ///             [build]\nthread = 2\n";
    /// let error = Config::from_text(text, "/srv/nexus".as_ref(), "nexus.toml").unwrap_err();
    /// assert!(error.to_string().contains("nexus.toml:7:1: unknown key `thread` in [build]"));
    /// assert!(error.to_string().contains("did you mean `threads`?"));
    /// ```
    pub fn from_text(text: &str, base_dir: &Path, name: &str) -> Result<Self, ConfigError> {
        let base = std::path::absolute(base_dir).unwrap_or_else(|_| base_dir.to_owned());
        let source = Arc::new(source::Source::new(name.to_owned(), text.to_owned(), base));
        let mut document = read::read(&source);
        relations::check(&source, &document.tables, &document.plugins, &mut document.problems);
        if !document.problems.is_empty() {
            let mut problems = document.problems;
            problems.sort_by_key(|problem| (problem.line(), problem.column()));
            problems.dedup();
            return Err(ConfigError::Invalid { problems });
        }
        Ok(Self::from_document(document, &source))
    }

    /// Only after a reading without problems: then every key with a default is there.
    fn from_document(document: read::Document, source: &Arc<source::Source>) -> Self {
        let read::Document { tables, plugins, mut effective, .. } = document;
        let at = |table: &str, key: &str| tables.get(table).and_then(|table| table.get(key));
        let path = |table: &str, key: &str| as_path(at(table, key));
        let data = path("storage", "data").unwrap_or_default();
        let below_data = |key: &str, effective: &mut Vec<Effective>| {
            path("storage", key).unwrap_or_else(|| {
                let path = data.join(key);
                let value = Value::Path(path.clone()).to_string();
                effective.push(Effective { key: format!("storage.{key}"), value, origin: Origin::Default });
                path
            })
        };
        let storage = StorageConfig {
            instrument_data: path("storage", "instrument_data").unwrap_or_default(),
            records: below_data("records", &mut effective),
            logs: below_data("logs", &mut effective),
            data: data.clone(),
        };
        let build = BuildConfig {
            file_strategy: match as_text(at("build", "file_strategy")) {
                Some("inclusive") => FileStrategy::Inclusive,
                _ => FileStrategy::Exclusive,
            },
            exclusive_suffixes: as_texts(at("build", "exclusive_suffixes")),
            ignore: as_texts(at("build", "ignore")),
            file_delay: as_duration(at("build", "file_delay")),
            clustering_sensitivity: match at("build", "clustering_sensitivity") {
                Some(Value::Number(number)) => *number,
                _ => 1.0,
            },
            quiet_period: as_duration(at("build", "quiet_period")),
            on_revision: match as_text(at("build", "on_revision")) {
                Some("rebuild") => OnRevision::Rebuild,
                _ => OnRevision::Report,
            },
            previews: as_boolean(at("build", "previews")),
            follow_outside_links: as_boolean(at("build", "follow_outside_links")),
            threads: as_integer(at("build", "threads")),
        };
        let export = ExportConfig {
            strategy: match as_text(at("export", "strategy")) {
                Some("all") => ExportStrategy::All,
                Some("first_success") => ExportStrategy::FirstSuccess,
                _ => ExportStrategy::BestEffort,
            },
            time_budget: as_duration(at("export", "time_budget")),
        };
        let (mut harvesters, mut extractors, mut destinations) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, name, mut table) in plugins {
            let settings = table.take_settings(source);
            match kind {
                "harvesters" => harvesters.push(harvester(&name, &table, settings)),
                "extractors" => extractors.push(extractor(&name, &table, settings, build.threads)),
                _ => destinations.push(destination(&name, &table, settings)),
            }
        }
        Self {
            file: PathBuf::from(&source.name),
            folder: source.base.clone(),
            database: DatabaseConfig { path: path("database", "path").unwrap_or_default() },
            storage,
            build,
            export,
            history: HistoryConfig { keep: as_duration(at("history", "keep")) },
            harvesters,
            extractors,
            destinations,
            effective: effective::in_table_order(effective),
        }
    }

    /// The destination of this name.
    pub fn destination(&self, name: &DestinationName) -> Option<&DestinationConfig> {
        self.destinations.iter().find(|destination| destination.name == *name)
    }

    /// The harvester of this name.
    pub fn harvester(&self, name: &HarvesterName) -> Option<&HarvesterConfig> {
        self.harvesters.iter().find(|harvester| harvester.name == *name)
    }

    /// The extractor of this name.
    pub fn extractor(&self, name: &ExtractorName) -> Option<&ExtractorConfig> {
        self.extractors.iter().find(|extractor| extractor.name == *name)
    }

    /// A SHA-256 (hexadecimal) over all that decides how a destination behaves: where its plugin is and
    /// the plugin's settings, secrets among them. A changed token changes it, and no secret can be found
    /// from it. Order, priority and `after` do not count.
    pub fn digest_of(&self, destination: &DestinationConfig) -> Result<String, SecretError> {
        digest::of(destination, &process_environment)
    }

    /// The same with an environment of the caller's.
    pub fn digest_from(
        &self,
        destination: &DestinationConfig,
        environment: Environment<'_>,
    ) -> Result<String, SecretError> {
        digest::of(destination, environment)
    }

    /// Every secret that any plugin is given, with its key: `destinations.cdcs.token`.
    pub fn secrets(&self) -> Vec<(String, &SecretSource)> {
        let harvesters = self.harvesters.iter().map(|harvester| &harvester.settings);
        let destinations = self.destinations.iter().map(|destination| &destination.settings);
        let extractors = self.extractors.iter().map(|extractor| &extractor.settings);
        harvesters.chain(extractors).chain(destinations).flat_map(PluginSettings::secrets).collect()
    }

    /// All settings that hold, and where each comes from; secrets masked.
    pub fn effective(&self) -> &[Effective] {
        &self.effective
    }

    /// The commented file that `nexus init` writes.
    pub fn sample() -> String {
        sample::sample()
    }
}

fn carrier(table: &Checked) -> Carrier {
    let sha256 = as_text(table.get("sha256")).map(str::to_owned);
    let processes = as_integer::<usize>(table.get("processes")).max(1);
    if let Some(words @ [_, ..]) = table.get("command").and_then(texts) {
        return Carrier::Command { words: words.to_vec(), sha256, processes };
    }
    if let Some(path) = as_path(table.get("library")) {
        let isolation = match as_text(table.get("isolation")) {
            Some("none") => Isolation::None,
            _ => Isolation::Process,
        };
        return Carrier::Library { path, sha256, isolation, processes };
    }
    Carrier::Linked { plugin: as_text(table.get("plugin")).unwrap_or_default().to_owned() }
}

fn harvester(name: &str, table: &Checked, settings: PluginSettings) -> HarvesterConfig {
    HarvesterConfig {
        name: name.into(),
        carrier: carrier(table),
        instruments: table
            .get("instruments")
            .and_then(texts)
            .map(|pids| pids.iter().map(|pid| InstrumentPid::new(pid.as_str())).collect()),
        address: as_text(table.get("address")).map(str::to_owned),
        aliases: as_texts(table.get("aliases")),
        reservations_from: as_text(table.get("reservations_from")).map(HarvesterName::from),
        settings,
    }
}

/// `threads`: how many sessions are built at the same time, 0 one per core.
fn extractor(name: &str, table: &Checked, settings: PluginSettings, threads: usize) -> ExtractorConfig {
    let mut carrier = carrier(table);
    if let Carrier::Command { processes, .. } | Carrier::Library { processes, .. } = &mut carrier
        && table.span("processes").is_none()
    {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        *processes = if threads == 0 { cores() } else { threads };
    }
    let priority = table.get("priority").map(|priority| as_integer(Some(priority)));
    ExtractorConfig {
        name: name.into(),
        carrier,
        suffixes: table.get("suffixes").and_then(texts).map(<[String]>::to_vec),
        priority,
        settings,
    }
}

fn destination(name: &str, table: &Checked, settings: PluginSettings) -> DestinationConfig {
    DestinationConfig {
        name: name.into(),
        carrier: carrier(table),
        priority: as_integer(table.get("priority")),
        after: as_texts(table.get("after")).into_iter().map(DestinationName::from).collect(),
        concurrency: table.get("concurrency").map(|concurrency| as_integer(Some(concurrency))),
        interval: as_duration(table.get("interval")),
        settle: table.get("settle").map(|settle| as_duration(Some(settle))),
        settings,
    }
}

fn as_path(value: Option<&Value>) -> Option<PathBuf> {
    match value {
        Some(Value::Path(path)) => Some(path.clone()),
        _ => None,
    }
}

fn as_text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

fn texts(value: &Value) -> Option<&[String]> {
    match value {
        Value::Texts(texts) => Some(texts),
        _ => None,
    }
}

fn as_texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(texts).map(<[String]>::to_vec).unwrap_or_default()
}

fn as_duration(value: Option<&Value>) -> Duration {
    match value {
        Some(Value::Duration(duration)) => *duration,
        _ => Duration::ZERO,
    }
}

fn as_boolean(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Boolean(true)))
}

fn as_integer<T: TryFrom<i64> + Default>(value: Option<&Value>) -> T {
    match value {
        Some(Value::Integer(number)) => T::try_from(*number).unwrap_or_default(),
        _ => T::default(),
    }
}

#[cfg(test)]
mod tests;
