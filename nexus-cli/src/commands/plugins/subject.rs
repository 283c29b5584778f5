//! Which plugin a word of the command line means.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use nexus_core::config::{Carrier, Config, ConfigError, PluginSettings};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::{Plugin, PluginKind};

use crate::args::{DEFAULT_CONFIG, Global};
use crate::commands::config;
use crate::exit_code::{ExitCode, Stop};

/// A plugin's table of the configuration, whatever its kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'c> {
    pub(super) kind: PluginKind,
    pub(super) carrier: &'c Carrier,
    pub(super) settings: &'c PluginSettings,
}

impl Table<'_> {
    /// Its name without the kind before it.
    pub(super) fn short_name(&self) -> &str {
        let table = self.settings.table();
        table.split_once('.').map_or(table, |(_, name)| name)
    }

    /// Whether a person who writes this word means it.
    pub(super) fn is_called(&self, word: &str) -> bool {
        word == self.settings.table() || word == self.short_name()
    }
}

/// All plugin tables, in the order of their kinds.
pub(super) fn tables(config: &Config) -> Vec<Table<'_>> {
    let harvesters = config.harvesters.iter().map(|table| Table {
        kind: PluginKind::Harvester,
        carrier: &table.carrier,
        settings: &table.settings,
    });
    let destinations = config.destinations.iter().map(|table| Table {
        kind: PluginKind::Destination,
        carrier: &table.carrier,
        settings: &table.settings,
    });
    let extractors = config.extractors.iter().map(|table| Table {
        kind: PluginKind::Extractor,
        carrier: &table.carrier,
        settings: &table.settings,
    });
    harvesters.chain(extractors).chain(destinations).collect()
}

/// The settings, for a command that can do without.
pub(in crate::commands) fn config_if_any(global: &Global) -> Result<Option<Config>, Stop> {
    match Config::read(&global.config) {
        // Nobody asked for a file of this name: without it there is no configuration, and that is all.
        Err(ConfigError::Missing { .. }) if global.config == Path::new(DEFAULT_CONFIG) => Ok(None),
        _ => config::load(global).map(Some),
    }
}

/// What plugins need around them.
pub(in crate::commands) fn surroundings(config: Option<&Config>) -> Surroundings {
    let scratch = std::env::temp_dir();
    if let Some(config) = config {
        return Surroundings::of(config, scratch);
    }
    let folder = std::env::current_dir().unwrap_or_default();
    Surroundings { scratch, folder, ..Surroundings::default() }
}

/// What plugins need around them, with a folder of their own for files that is gone afterwards.
#[derive(Debug)]
pub(in crate::commands) struct Workplace {
    surroundings: Surroundings,
}

impl Workplace {
    /// Makes the folder: nobody else's, and not there before.
    pub(in crate::commands) fn new(config: &Config) -> anyhow::Result<Self> {
        let scratch = std::env::temp_dir().join(format!("nexus-plugins-{}", std::process::id()));
        private(&scratch).with_context(|| {
            format!("the folder `{}` for files of plugins cannot be made", scratch.display())
        })?;
        Ok(Self { surroundings: Surroundings { scratch, ..surroundings(Some(config)) } })
    }

    /// What plugins are opened with.
    pub(in crate::commands) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }
}

fn private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.surroundings.scratch);
    }
}

/// The same settings with no plugin tables but these.
pub(in crate::commands) fn only(config: &Config, names: &[&str]) -> Config {
    let mut narrowed = config.clone();
    let is_one = |settings: &PluginSettings| names.contains(&settings.table());
    narrowed.harvesters.retain(|table| is_one(&table.settings));
    narrowed.extractors.retain(|table| is_one(&table.settings));
    narrowed.destinations.retain(|table| is_one(&table.settings));
    narrowed
}

/// The table of an instance that a person named.
pub(super) fn table_called<'c>(config: &'c Config, word: &str) -> Result<Table<'c>, Stop> {
    let all = tables(config);
    let mut called = all.iter().filter(|table| table.is_called(word));
    match (called.next(), called.next()) {
        (Some(table), None) => Ok(*table),
        (Some(one), Some(other)) => Err(ambiguous(word, one, other)),
        (None, _) => {
            let names: Vec<&str> = all.iter().map(|table| table.settings.table()).collect();
            let error = anyhow!("there is no plugin table `{word}` in `{}`", config.file.display());
            let hint = if names.is_empty() {
                "a plugin is configured in a table such as [destinations.NAME]".to_owned()
            } else {
                format!("there are: {}", names.join(", "))
            };
            Err(Stop::new(ExitCode::Usage, error).with_hint(hint))
        }
    }
}

fn ambiguous(word: &str, one: &Table<'_>, other: &Table<'_>) -> Stop {
    let error = anyhow!("`{word}` can be `{}` or `{}`", one.settings.table(), other.settings.table());
    Stop::new(ExitCode::Usage, error).with_hint("write the whole name of the table")
}

/// A plugin that a person named.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) carrier: Carrier,
    /// The kind that tells linked plugins of one name apart.
    pub(super) kind: Option<PluginKind>,
    /// The settings of its table, if one was named.
    pub(super) settings: Option<PluginSettings>,
}

impl Subject {
    fn of_table(table: &Table<'_>) -> Self {
        Self {
            carrier: table.carrier.clone(),
            kind: Some(table.kind),
            settings: Some(table.settings.clone()),
        }
    }

    /// What errors call it.
    pub(super) fn place(&self, word: &OsStr) -> String {
        let table = self.settings.as_ref().map(|settings| settings.table().to_owned());
        table.unwrap_or_else(|| word.to_string_lossy().into_owned())
    }
}

/// The plugin behind a path. A relative one starts where the command was typed.
pub(super) fn at_path(path: &Path) -> Result<Subject, Stop> {
    let usage = |text: String| Stop::new(ExitCode::Usage, anyhow!(text));
    let shown = path.display();
    let absolute = std::path::absolute(path).map_err(|error| usage(format!("`{shown}`: {error}")))?;
    let metadata = std::fs::metadata(&absolute).map_err(|error| usage(format!("`{shown}`: {error}")))?;
    if !metadata.is_file() {
        return Err(usage(format!("`{shown}` is not a file")).with_hint("name the plugin's file itself"));
    }
    let carrier = if is_library(&absolute) {
        Carrier::library(absolute)
    } else {
        let Some(words) = words(&absolute) else {
            return Err(usage(format!(
                "`{shown}` is neither a shared library nor a program nor a Python file"
            ))
            .with_hint(how_to_make_one(&absolute)));
        };
        Carrier::command(words)
    };
    Ok(Subject { carrier, kind: None, settings: None })
}

/// What turns a file that is no plugin into one.
fn how_to_make_one(path: &Path) -> &'static str {
    match path.extension().and_then(OsStr::to_str) {
        Some("rlib" | "rmeta") => {
            "that is a library for Rust alone; in Cargo.toml, `[lib] crate-type = [\"cdylib\"]` makes a `.so` beside it"
        }
        Some("a" | "o") => "that has still to be linked: `cc -shared -fPIC -o libNAME.so …`",
        _ => "a program must be executable: `chmod +x`",
    }
}

/// `libx.so`, `libx.so.1`, `libx.dylib`, `x.dll`.
fn is_library(path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    name.contains(".so.")
        || [".so", ".dylib", ".dll"].iter().any(|end| name.len() > end.len() && name.ends_with(end))
}

/// How the program is started: by itself if it can be, else by the interpreter for its suffix.
fn words(path: &Path) -> Option<Vec<String>> {
    let word = path.to_str()?.to_owned();
    if can_be_started(path) {
        return Some(vec![word]);
    }
    (path.extension() == Some(OsStr::new("py"))).then(|| vec!["python3".to_owned(), word])
}

#[cfg(unix)]
fn can_be_started(path: &Path) -> bool {
    use std::io::Read as _;
    use std::os::unix::fs::PermissionsExt as _;
    let executable = std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
    let mut start = [0; 2];
    let readable = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok();
    // A Python file may be executable by accident; one that names no interpreter cannot start itself.
    executable && (path.extension() != Some(OsStr::new("py")) || readable && &start == b"#!")
}

#[cfg(not(unix))]
fn can_be_started(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("exe"))
}

/// Whether the word is a path: names have neither slash nor dot, and tables begin with their kind.
pub(super) fn is_path(word: &OsStr) -> bool {
    let Some(word) = word.to_str() else { return true };
    let table = ["harvesters.", "destinations.", "extractors."].iter().any(|kind| word.starts_with(kind));
    word.contains(std::path::is_separator) || word.contains('.') && !table
}

/// The plugin that a word means: a path, a table of the configuration, or a plugin's own name.
pub(super) fn named(word: &OsStr, catalogue: &Catalogue, config: Option<&Config>) -> Result<Subject, Stop> {
    if is_path(word) {
        return at_path(Path::new(word));
    }
    let word = word.to_string_lossy();
    let all = config.map(tables).unwrap_or_default();
    let mut called = all.iter().filter(|table| table.is_called(&word));
    let linked = catalogue.linked().iter().map(Plugin::manifest).find(|m| m.name == word);
    match (called.next(), called.next(), linked) {
        (Some(table), None, _) => Ok(Subject::of_table(table)),
        (_, _, Some(manifest)) => {
            let carrier = Carrier::Linked { plugin: manifest.name };
            Ok(Subject { carrier, kind: Some(manifest.kind), settings: None })
        }
        (Some(one), Some(other), None) => Err(ambiguous(&word, one, other)),
        (None, _, None) => {
            let mut names: Vec<String> =
                catalogue.linked().iter().map(|plugin| plugin.manifest().name).collect();
            names.extend(all.iter().map(|table| table.settings.table().to_owned()));
            let error = anyhow!("there is no plugin `{word}`; there are: {}", names.join(", "));
            let hint = format!("a plugin's file is named with its folder: ./{word}");
            Err(Stop::new(ExitCode::Usage, error).with_hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_names() {
        for path in ["./x", "x/y", "/x", "x.py", "libx.so", "../destinations.x", "x.y"] {
            assert!(is_path(OsStr::new(path)), "{path}");
        }
        for name in ["x", "group-share", "a_1", "destinations.x", "harvesters.x"] {
            assert!(!is_path(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn what_compilers_leave_beside_a_library_is_told_apart() {
        assert!(how_to_make_one(Path::new("a/libx.rlib")).contains("cdylib"));
        assert!(how_to_make_one(Path::new("a/x.o")).contains("-shared"));
        assert!(how_to_make_one(Path::new("a/share")).contains("chmod"));
    }

    #[test]
    fn libraries_are_told_by_their_names() {
        for name in ["libx.so", "libx.so.1.2", "/a/libx.dylib", "x.dll"] {
            assert!(is_library(Path::new(name)), "{name}");
        }
        for name in ["libx.py", "so", ".so", "x.sock", "share"] {
            assert!(!is_library(Path::new(name)), "{name}");
        }
    }
}
