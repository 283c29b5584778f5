mod documents;
mod mistakes;
mod plugin_schema;
mod plugin_settings;
mod relations;
mod texts;

use std::ffi::OsString;

use serde_json::json;

use super::*;
use crate::secret::Redactor;

const GOOD: &str = r#"
[database]
path = "nexus.db"
[storage]
instrument_data = "/mnt/instruments"
data = "made"
"#;

const PLUGINS: &str = r#"
[harvesters.log]
plugin = "logbook"
path = "log.csv"
instruments = ["A"]
[destinations.cdcs]
plugin = "cdcs"
url = "https://cdcs.example.org"
token = { env = "CDCS_TOKEN" }
workspace = { value = "hunter2" }
retries = 3
[destinations.share]
command = ["python3", "plugins/share.py"]
after = ["cdcs"]
priority = 10
"#;

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_text(text, "/srv/facility".as_ref(), "nexus.toml")
}

fn good(extra: &str) -> Config {
    read(&format!("{GOOD}{extra}")).unwrap_or_else(|error| panic!("{error}"))
}

/// The mistakes that `extra` brings into a good file, as they are shown; lines are counted in `extra`.
fn mistakes(extra: &str) -> Vec<String> {
    // The good part on one line of its own number: line 1 of `extra` is line 3 of the file.
    let text = format!(
        "database.path = \"nexus.db\"\nstorage = {{ instrument_data = \"/mnt/instruments\", data = \"made\" }}\n{extra}"
    );
    read(&text).unwrap_err().problems().iter().map(ToString::to_string).collect()
}

fn mistake(extra: &str) -> String {
    let mut all = mistakes(extra);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}

fn message(extra: &str) -> String {
    mistake(extra).lines().next().unwrap().to_owned()
}

fn environment(name: &str) -> Option<OsString> {
    (name == "CDCS_TOKEN").then(|| "t0ken-from-env".into())
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let config = good("");
    assert_eq!(config.database.path, Path::new("/srv/facility/nexus.db"));
    assert_eq!(config.storage.instrument_data, Path::new("/mnt/instruments"));
    assert_eq!(config.storage.data, Path::new("/srv/facility/made"));
    assert_eq!(config.storage.records, Path::new("/srv/facility/made/records"));
    assert_eq!(config.storage.logs, Path::new("/srv/facility/made/logs"));
    assert_eq!(
        config.build,
        BuildConfig {
            file_strategy: FileStrategy::Exclusive,
            exclusive_suffixes: ["dm3", "dm4", "h5", "msa", "ser", "spc", "tif", "tiff"]
                .map(str::to_owned)
                .into(),
            ignore: ["*.mib", "*.db", "*.emi", "*.hdr"].map(str::to_owned).into(),
            file_delay: Duration::from_hours(48),
            clustering_sensitivity: 1.0,
            quiet_period: Duration::from_mins(1),
            on_revision: OnRevision::Report,
            previews: true,
            follow_outside_links: false,
            threads: 0,
        }
    );
    assert_eq!(config.export.strategy, ExportStrategy::BestEffort);
    assert_eq!(config.export.time_budget, Duration::from_mins(30));
    assert!(config.history.keep > Duration::from_hours(24 * 365));
    assert!(config.harvesters.is_empty() && config.destinations.is_empty());
}

#[test]
fn every_default_fits_its_key() {
    for table in keys::TABLES {
        for key in table.keys {
            let (keys::Absent::Required(text) | keys::Absent::Default(text) | keys::Absent::Means(_, text)) =
                key.absent;
            assert!(read::default_value(key, text).is_some(), "{}.{} = {text}", table.name, key.name);
        }
    }
}

#[test]
fn values_are_read() {
    let config = good(
        "[build]\nfile_strategy = \"inclusive\"\nexclusive_suffixes = [\".TIF\", \"*.dm3\"]\nignore = []\n\
         file_delay = \"36 hours\"\nclustering_sensitivity = 2\nthreads = 4\non_revision = \"rebuild\"\n\
         [export]\nstrategy = \"all\"\ntime_budget = \"2h 30m\"\n[history]\nkeep = \"90 days\"\n",
    );
    assert_eq!(config.build.file_strategy, FileStrategy::Inclusive);
    assert_eq!(config.build.exclusive_suffixes, ["tif", "dm3"]);
    assert!(config.build.ignore.is_empty());
    assert_eq!(config.build.file_delay, Duration::from_hours(36));
    assert!((config.build.clustering_sensitivity - 2.0).abs() < f64::EPSILON);
    assert_eq!(config.build.threads, 4);
    assert_eq!(config.build.on_revision, OnRevision::Rebuild);
    assert_eq!(config.export.strategy, ExportStrategy::All);
    assert_eq!(config.export.time_budget, Duration::from_mins(150));
    assert_eq!(config.history.keep, Duration::from_hours(90 * 24));
}

#[test]
fn plugins_are_read_in_the_order_of_the_file() {
    let config = good(PLUGINS);
    let log = &config.harvesters[0];
    assert_eq!(log.carrier, Carrier::Linked { plugin: "logbook".to_owned() });
    assert_eq!(log.instruments, Some(vec![InstrumentPid::from("A")]));
    let share = config.destination(&"share".into()).unwrap();
    let words = ["python3", "plugins/share.py"].map(str::to_owned).into();
    assert_eq!(share.carrier, Carrier::command(words));
    assert_eq!((share.priority, share.after.as_slice()), (10, ["cdcs".into()].as_slice()));
    assert_eq!(config.destinations[0].priority, 100);
}

#[test]
fn an_extractor_may_say_its_suffixes_and_priority() {
    let config = good(
        "[extractors.own]\nplugin = \"dm\"\nlevel = 2\n\
         [extractors.other]\ncommand = [\"python3\", \"em.py\"]\nsuffixes = [\".EMD\", \"*.emi\"]\npriority = -7\n\
         key = { env = \"KEY\" }\n",
    );
    let [own, other] = config.extractors.as_slice() else { panic!("{:?}", config.extractors) };
    assert_eq!((own.name.as_str(), &own.suffixes, own.priority), ("own", &None, None));
    assert_eq!(own.carrier, Carrier::Linked { plugin: "dm".to_owned() });
    assert_eq!(own.settings.resolve(&json!({}), &Redactor::default()).unwrap(), json!({"level": 2}));
    assert_eq!(other.suffixes, Some(vec!["emd".to_owned(), "emi".to_owned()]));
    assert_eq!(other.priority, Some(-7));
    let processes = |extra: &str| match &good(extra).extractors[0].carrier {
        Carrier::Command { processes, .. } | Carrier::Library { processes, .. } => *processes,
        Carrier::Linked { .. } => 0,
    };
    let table = "[extractors.x]\ncommand = [\"x\"]\n";
    assert_eq!(processes(&format!("[build]\nthreads = 7\n{table}")), 7, "as many as threads");
    assert_eq!(processes(&format!("[build]\nthreads = 7\n{table}processes = 2\n")), 2);
    assert!(processes(table) >= 1);
    assert_eq!(config.secrets().first().unwrap().0, "extractors.other.key");
    assert_eq!(config.build.exclusive_suffixes.len(), 8, "no wider than before");
    assert!(config.extractor(&"other".into()).is_some() && config.extractor(&"share".into()).is_none());
    assert!(message("[extractors.x]\nsuffixes = [\"tif\"]").ends_with("[extractors.x] names no plugin"));
    assert!(message("[extractors.x]\nplugin = \"dm\"\npriority = 1001").contains("from -1000 to 1000"));
}

#[test]
fn a_program_has_its_pin_and_its_processes() {
    let pin = "AB".repeat(32);
    let with = |more: &str| good(&format!("[destinations.x]\ncommand = [\"x\"]\n{more}"));
    let config = with(&format!("sha256 = \"{pin}\"\nprocesses = 3\n"));
    let carrier = &config.destinations[0].carrier;
    let words = vec!["x".to_owned()];
    assert_eq!(*carrier, Carrier::Command { words, sha256: Some("ab".repeat(32)), processes: 3 });
    assert_eq!((carrier.at_once(), with("").destinations[0].carrier.at_once()), (Some(3), Some(1)));
    let digest = |config: &Config| config.digest_of(&config.destinations[0]).unwrap();
    assert_eq!(digest(&with("processes = 3\n")), digest(&with("")));
    assert_ne!(digest(&config), digest(&with("")));
}

#[test]
fn a_library_has_its_pin_and_its_isolation() {
    let pin = "AB".repeat(32);
    let config = good(&format!(
        "[destinations.x]\nlibrary = \"p/libx.so\"\nsha256 = \"{pin}\"\nisolation = \"none\"\n"
    ));
    assert_eq!(
        config.destinations[0].carrier,
        Carrier::Library {
            path: "/srv/facility/p/libx.so".into(),
            sha256: Some("ab".repeat(32)),
            isolation: Isolation::None,
            processes: 1,
        }
    );
}
