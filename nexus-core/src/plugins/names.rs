//! Two plugins of one name: nobody could tell whose deliveries and whose records they are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nexus_plugin_api::PluginKind;

use super::files::Program;
use super::{OpenError, Plugins};
use crate::config::{Carrier, Config};

/// A plugin in use: where it is, and the table that names it.
struct Used<'c> {
    table: String,
    kind: PluginKind,
    name: &'c str,
    place: Place,
}

/// Where the code of a plugin is.
#[derive(PartialEq, Eq)]
enum Place {
    Linked,
    File(PathBuf),
}

impl Place {
    fn of(carrier: &Carrier, folder: &Path, search: Option<&OsString>) -> Self {
        let file = match carrier {
            Carrier::Linked { .. } => return Self::Linked,
            Carrier::Library { path, .. } => path.clone(),
            Carrier::Command { words, .. } => match Program::find(words, folder, search) {
                Ok(program) => program.identity().to_owned(),
                Err(_) => words.join(" ").into(),
            },
        };
        Self::File(file.canonicalize().unwrap_or(file))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Linked => f.write_str("the one that comes with nexus"),
            Self::File(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// Tells of every plugin whose name and kind are those of another file's plugin in use.
pub(super) fn twice(config: &Config, plugins: &Plugins) -> Vec<OpenError> {
    let search = std::env::var_os("PATH");
    let place = |carrier: &Carrier| Place::of(carrier, &config.folder, search.as_ref());
    let mut all: Vec<Used<'_>> = Vec::new();
    for instance in &plugins.harvesters {
        if let Some(table) = config.harvester(&instance.name) {
            let (table, place) = (table.settings.table().to_owned(), place(&table.carrier));
            all.push(Used { table, kind: PluginKind::Harvester, name: &instance.plugin, place });
        }
    }
    for instance in &plugins.extractors {
        if let Some(table) = config.extractor(&instance.name) {
            let (table, place) = (table.settings.table().to_owned(), place(&table.carrier));
            all.push(Used { table, kind: PluginKind::Extractor, name: &instance.plugin, place });
        }
    }
    for instance in &plugins.destinations {
        if let Some(table) = config.destination(&instance.name) {
            let (table, place) = (table.settings.table().to_owned(), place(&table.carrier));
            all.push(Used { table, kind: PluginKind::Destination, name: &instance.plugin, place });
        }
    }
    let mut errors = Vec::new();
    for (at, used) in all.iter().enumerate() {
        let earlier = all.iter().take(at);
        let other = earlier
            .filter(|other| other.kind == used.kind && other.name == used.name)
            .find(|other| other.place != used.place);
        if let Some(other) = other {
            errors.push(OpenError::Twice {
                table: used.table.clone(),
                kind: used.kind,
                plugin: used.name.to_owned(),
                place: used.place.to_string(),
                other: other.place.to_string(),
                other_table: other.table.clone(),
            });
        }
    }
    errors
}
