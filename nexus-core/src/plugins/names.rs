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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use nexus_plugin_api::{Call, CheckReport, Delivery, Destination, Found, Instance, Manifest, Plugin};
    use nexus_plugin_api::{PluginError, Step, Target};

    use super::*;
    use crate::plugins::{Catalogue, Surroundings};

    /// The linked plugin of the name.
    struct Share;

    impl Plugin for Share {
        fn manifest(&self) -> Manifest {
            Manifest::new("share", "1", PluginKind::Destination)
        }

        fn create(&self, _settings: &serde_json::Value) -> Result<Instance, PluginError> {
            Ok(Instance::Destination(Box::new(Self)))
        }
    }

    impl Destination for Share {
        fn target(&self, _call: &Call) -> Result<Target, PluginError> {
            Err(PluginError::permanent("not asked"))
        }

        fn find(&self, _call: &Call, _delivery: &Delivery) -> Result<Found, PluginError> {
            Err(PluginError::permanent("not asked"))
        }

        fn deliver(&self, _call: &Call, _delivery: &Delivery) -> Result<Step, PluginError> {
            Err(PluginError::permanent("not asked"))
        }

        fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
            Ok(CheckReport::default())
        }
    }

    const PROGRAM: &str = "import json, sys\nfor line in sys.stdin:\n    r = json.loads(line)\n    \
        ok = {'name': 'share', 'version': '1', 'kind': 'destination', 'protocol': '1.0'}\n    \
        print(json.dumps({'id': r['id'], 'ok': ok}), flush=True)\n";

    /// What is said about these tables; a blank line stands between two of them.
    fn told(destinations: &str) -> Vec<String> {
        let home = tempfile::tempdir().unwrap();
        for name in ["a.py", "b.py"] {
            fs::write(home.path().join(name), PROGRAM).unwrap();
        }
        std::os::unix::fs::symlink("a.py", home.path().join("link.py")).unwrap();
        let text = format!(
            "[database]\npath = \"x\"\n[storage]\ninstrument_data = \"in\"\ndata = \"out\"\n{destinations}"
        );
        let config = Config::from_text(&text, home.path(), "nexus.toml").unwrap();
        let surroundings = Surroundings::of(&config, home.path().to_owned());
        let catalogue = Catalogue::new(vec![Arc::new(Share)]);
        match catalogue.open(&config, &surroundings) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn two_files_of_one_name_are_refused_with_both() {
        let a = "[destinations.a]\ncommand = [\"python3\", \"a.py\"]\n";
        let b = "[destinations.b]\ncommand = [\"python3\", \"b.py\"]\n";
        let linked = "[destinations.c]\nplugin = \"share\"\n";
        let again = "[destinations.d]\ncommand = [\"python3\", \"-u\", \"link.py\"]\n";
        assert!(told(&[a, again].concat()).is_empty(), "one file may be used twice");
        let two = told(&[a, b].concat());
        let [error] = two.as_slice() else { panic!("{two:?}") };
        assert!(error.starts_with("[destinations.b]: destination plugin `share` is `"), "{error}");
        for part in ["/b.py`, and in [destinations.a] it is `", "/a.py`: two plugins of one name"] {
            assert!(error.contains(part), "{error}");
        }
        let two = told(&[linked, a].concat());
        let [error] = two.as_slice() else { panic!("{two:?}") };
        assert!(error.contains("it is the one that comes with nexus"), "{error}");
    }
}
