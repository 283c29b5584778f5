use std::ffi::OsString;

use proptest::prelude::*;
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
         file_delay = \"36 hours\"\nclustering_sensitivity = 2\nthreads = 4\n\
         [export]\nstrategy = \"all\"\ntime_budget = \"2h 30m\"\n[history]\nkeep = \"90 days\"\n",
    );
    assert_eq!(config.build.file_strategy, FileStrategy::Inclusive);
    assert_eq!(config.build.exclusive_suffixes, ["tif", "dm3"]);
    assert!(config.build.ignore.is_empty());
    assert_eq!(config.build.file_delay, Duration::from_hours(36));
    assert!((config.build.clustering_sensitivity - 2.0).abs() < f64::EPSILON);
    assert_eq!(config.build.threads, 4);
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

#[test]
fn an_unknown_key_is_pointed_at() {
    assert_eq!(
        mistake("[build]\n  file_strateg = \"exclusive\"\n"),
        "nexus.toml:4:3: unknown key `file_strateg` in [build]\n\
         \x20 |\n\
         4 |   file_strateg = \"exclusive\"\n\
         \x20 |   ^^^^^^^^^^^^\n\
         \x20 = help: did you mean `file_strategy`?"
    );
}

#[test]
fn an_unknown_key_without_a_likeness_lists_the_known_ones() {
    assert!(
        mistake("[export]\ncolour = 1\n")
            .ends_with("= help: the keys of [export] are `strategy`, `time_budget`")
    );
    assert!(
        mistake("[export]\nfile_delay = \"1 day\"\n").ends_with("= help: `file_delay` belongs in [build]")
    );
}

#[test]
fn an_unknown_table_is_pointed_at() {
    let text = mistake("[destination.cdcs]\nplugin = \"cdcs\"\n");
    assert!(
        text.starts_with("nexus.toml:3:2: unknown name `destination` at the top of the file\n"),
        "{text}"
    );
    assert!(text.ends_with("= help: did you mean `destinations`?"), "{text}");
    let text = read(&format!("strategy = \"all\"\n{GOOD}")).unwrap_err().to_string();
    assert!(text.ends_with("= help: `strategy` belongs in [export]"), "{text}");
    let text = format!("[databse]\n{}", GOOD.replace("[database]", ""));
    assert_eq!(read(&text).unwrap_err().problems().len(), 1);
    assert!(mistake("[zzz]\n").contains("the tables are [database], [storage], [build], "));
}

#[test]
fn a_wrong_type_is_pointed_at() {
    assert_eq!(
        mistake("[build]\nthreads = \"four\"\n"),
        "nexus.toml:4:11: `build.threads` must be a whole number, not text\n\
         \x20 |\n\
         4 | threads = \"four\"\n\
         \x20 |           ^^^^^^"
    );
    assert_eq!(
        mistake("[build]\nignore = \"*.mib\"\n"),
        "nexus.toml:4:10: `build.ignore` must be a list, not text\n\
         \x20 |\n\
         4 | ignore = \"*.mib\"\n\
         \x20 |          ^^^^^^^\n\
         \x20 = help: write [\"*.mib\"]"
    );
    for (extra, expected) in [
        ("[build]\nfile_delay = 2\n", "nexus.toml:4:14: `build.file_delay` must be text, not a whole number"),
        ("[build]\nignore = [1]\n", "nexus.toml:4:11: `build.ignore` must be text, not a whole number"),
        (
            "[build]\nclustering_sensitivity = true\n",
            "nexus.toml:4:26: `build.clustering_sensitivity` must be a number, not true or false",
        ),
        ("build = 3\n", "nexus.toml:3:9: [build] must be a table, not a whole number"),
        (
            "[[destinations]]\nname = \"cdcs\"\n",
            "nexus.toml:3:1: [destinations.NAME] must be a table, not a list",
        ),
        ("[destinations]\ncdcs = \"x\"\n", "nexus.toml:4:8: [destinations.cdcs] must be a table, not text"),
    ] {
        assert_eq!(message(extra), expected);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for (extra, expected) in [
        (
            "[build]\nfile_strategy = \"exclusiv\"\n",
            "`build.file_strategy` must be one of `exclusive`, `inclusive`",
        ),
        ("[build]\nthreads = -1\n", "`build.threads` must be from 0 to 1024"),
        ("[build]\nthreads = 99999999999999999999\n", "`build.threads` must be from 0 to 1024"),
        (
            "[build]\nfile_delay = \"2 dayz\"\n",
            "`build.file_delay` is not a length of time (unknown time unit",
        ),
        (
            "[build]\nfile_delay = \"-2 days\"\n",
            "`build.file_delay` is not a length of time (expected number at 0)",
        ),
        ("[build]\nfile_delay = \"5000 years\"\n", "`build.file_delay` is longer than a thousand years"),
        (
            "[build]\nclustering_sensitivity = -0.1\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        (
            "[build]\nclustering_sensitivity = nan\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        (
            "[build]\nclustering_sensitivity = inf\n",
            "`build.clustering_sensitivity` must be a number that is zero or more",
        ),
        ("[build]\nignore = [\"[a\"]\n", "`build.ignore` is not a pattern: unclosed character class"),
        (
            "[build]\nignore = [\"a/*\"]\n",
            "`build.ignore` holds a `/`, but patterns are compared with file names",
        ),
        (
            "[build]\nexclusive_suffixes = [\"tif*\"]\n",
            "`build.exclusive_suffixes` is not a suffix such as \"tif\"",
        ),
        ("[export]\ntime_budget = \"0s\"\n", "`export.time_budget` must be longer than nothing"),
        ("[history]\nkeep = \"\"\n", "`history.keep` is not a length of time (value was empty)"),
        ("[destinations.Cdcs]\nplugin = \"x\"\n", "`Cdcs` is not a name"),
        ("[destinations.\"\"]\nplugin = \"x\"\n", "`` is not a name"),
        ("[destinations.a]\nplugin = \"x y\"\n", "`destinations.a.plugin` is not a name"),
        ("[destinations.a]\ncommand = []\n", "`destinations.a.command` must begin with a program"),
        (
            "[destinations.a]\nlibrary = \"~/x.so\"\n",
            "`destinations.a.library` begins with `~`, which is not expanded here",
        ),
        (
            "[harvesters.a]\nplugin = \"x\"\naddress = \"nemo.example.org\"\n",
            "`harvesters.a.address` must be an address that begins with `https://` or `http://`",
        ),
    ] {
        let text = message(extra);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_command_in_one_text_is_taken_apart_for_the_writer() {
    let text = mistake("[destinations.a]\ncommand = \"python3 share.py\"\n");
    assert!(text.contains("`destinations.a.command` must be a list, not text"), "{text}");
    assert!(text.ends_with("= help: write [\"python3\", \"share.py\"]"), "{text}");
}

#[test]
fn missing_keys_are_named() {
    assert_eq!(
        read("[storage]\ndata = \"d\"\n").unwrap_err().to_string(),
        "the configuration has 2 mistakes\n\n\
         nexus.toml: [database] has no key `path`\n = help: add path = \"nexus.db\"\n\n\
         nexus.toml:1:2: [storage] has no key `instrument_data`\n\
         \x20 |\n\
         1 | [storage]\n\
         \x20 |  ^^^^^^^\n\
         \x20 = help: add instrument_data = \"instrument_data\""
    );
    assert_eq!(read("").unwrap_err().problems().len(), 3);
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let found = mistakes("[export]\nstrategi = \"all\"\n[build]\nthreads = -1\nfile_delay = 2\n");
    let lines: Vec<_> = found.iter().map(|text| text.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["4", "6", "7"]);
}

#[test]
fn a_broken_file_is_pointed_at() {
    assert_eq!(
        mistake("[build]\nthreads = = 2\n").lines().take(3).collect::<Vec<_>>()[..2],
        ["nexus.toml:4:11: this is not TOML: extra `=`, expected nothing", "  |"]
    );
    assert!(message("[build]\nthreads = 1\nthreads = 2\n").contains("5:1: this is not TOML: duplicate key"));
    assert!(!read("[build").unwrap_err().problems().is_empty());
    assert_eq!(mistakes("a = = 1\nb = = 1\nc = = 1\nd = = 1\n").len(), 3);
}

#[test]
fn a_plugin_is_named_once() {
    for (extra, expected) in [
        ("[destinations.a]\nurl = \"x\"\n", "nexus.toml:3:15: [destinations.a] names no plugin"),
        (
            "[destinations.a]\nplugin = \"x\"\ncommand = [\"y\"]\n",
            "nexus.toml:5:11: [destinations.a] has `plugin` and `command`, but a plugin is named once",
        ),
        (
            "[destinations.a]\nplugin = \"x\"\nisolation = \"none\"\n",
            "nexus.toml:5:13: `destinations.a.isolation` is for plugins that `library` names",
        ),
        (
            "[destinations.a]\nplugin = \"x\"\nprocesses = 2\n",
            "nexus.toml:5:13: `destinations.a.processes` is for plugins that have a process of their own",
        ),
        (
            "[destinations.a]\nlibrary = \"x.so\"\nisolation = \"none\"\nprocesses = 2\n",
            "nexus.toml:6:13: `destinations.a.processes` is for plugins that have a process of their own",
        ),
        (
            "[destinations.a]\ncommand = [\"x\"]\nprocesses = 0\n",
            "nexus.toml:5:13: `destinations.a.processes` must be from 1 to 64",
        ),
    ] {
        assert_eq!(message(extra), expected);
    }
}

#[test]
fn keys_that_differ_from_ours_in_writing_only_are_mistakes() {
    let text = mistake("[harvesters.a]\nplugin = \"x\"\nreservations-from = \"b\"\n");
    assert!(text.ends_with("= help: did you mean `reservations_from`?"), "{text}");
}

#[test]
fn after_names_destinations_without_circles() {
    let table = |name: &str, after: &str| format!("[destinations.{name}]\nplugin = \"x\"\nafter = {after}\n");
    let text = mistake(&format!("{}{}", table("cdcs", "[]"), table("b", "[\"cdc\"]")));
    assert!(
        text.contains("`destinations.b.after` names `cdc`, but there is no [destinations.cdc]"),
        "{text}"
    );
    assert!(text.ends_with("= help: did you mean `cdcs`?"), "{text}");

    let text = message(&table("a", "[\"a\"]"));
    assert_eq!(text, "nexus.toml:5:9: `destinations.a.after` goes round in a circle: `a` → `a`");
    let three =
        [table("a", "[\"b\"]"), table("b", "[\"c\"]"), table("c", "[\"d\", \"b\"]"), table("d", "[]")];
    assert_eq!(
        message(&three.concat()),
        "nexus.toml:8:9: `destinations.b.after` goes round in a circle: `b` → `c` → `b`"
    );
    assert!(
        read(&format!("{GOOD}{}{}{}", table("a", "[\"b\", \"c\"]"), table("b", "[\"c\"]"), table("c", "[]")))
            .is_ok()
    );
}

#[test]
fn reservations_come_from_a_harvester() {
    let text = message("[harvesters.a]\nplugin = \"x\"\nreservations_from = \"b\"\n");
    assert!(
        text.ends_with("`harvesters.a.reservations_from` names `b`, but there is no [harvesters.b]"),
        "{text}"
    );
}

#[test]
fn an_instrument_has_one_source() {
    let text = message(
        "[harvesters.a]\nplugin = \"x\"\ninstruments = [\"T\"]\n[harvesters.b]\nplugin = \"x\"\ninstruments = [\"T\"]\n",
    );
    assert!(
        text.ends_with("`harvesters.b.instruments` names `T`, which belongs to [harvesters.a] already"),
        "{text}"
    );
}

#[test]
fn nothing_is_written_into_the_instruments_folder() {
    for (line, key) in [
        ("data = \"/mnt/instruments/made\"", "storage.data"),
        ("data = \"/mnt/x/../instruments\"", "storage.data"),
        ("data = \"/d\"\nlogs = \"/mnt/instruments/./logs\"", "storage.logs"),
    ] {
        let text = format!(
            "[database]\npath = \"/db\"\n[storage]\ninstrument_data = \"/mnt/instruments\"\n{line}\n"
        );
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}` is inside `storage.instrument_data`")), "{error}");
    }
    // A name that only begins alike is another folder.
    let text = "[database]\npath = \"/db\"\n[storage]\ninstrument_data = \"/mnt/i\"\ndata = \"/mnt/i2\"\n";
    read(text).unwrap();
}

#[test]
fn settings_reach_the_plugin_with_their_secrets() {
    let config = good(PLUGINS);
    let redactor = Redactor::default();
    let schema = json!({"properties": {"path": {"type": "string", "format": "path"}}});
    let settings = config.destinations[0].settings.resolve_from(&schema, &redactor, &environment).unwrap();
    assert_eq!(
        settings,
        json!({"url": "https://cdcs.example.org", "token": "t0ken-from-env", "workspace": "hunter2", "retries": 3})
    );
    assert_eq!(redactor.mask("t0ken-from-env, hunter2"), "***, ***");
    let log = config.harvesters[0].settings.resolve_from(&schema, &redactor, &environment).unwrap();
    assert_eq!(log, json!({"path": "/srv/facility/log.csv"}));
}

#[test]
fn the_addresses_are_the_hosts_and_the_plugins() {
    let config = good(
        "[harvesters.n]\nplugin = \"nemo\"\naddress = \"https://n.example.org/api/\"\n\
         aliases = [\"https://old.example.org/api/\"]\n",
    );
    assert_eq!(config.harvesters[0].address.as_deref(), Some("https://n.example.org/api/"));
    assert_eq!(config.harvesters[0].aliases, ["https://old.example.org/api/"]);
    let settings = config.harvesters[0].settings.resolve(&json!({}), &Redactor::default()).unwrap();
    let both = json!({"address": "https://n.example.org/api/", "aliases": ["https://old.example.org/api/"]});
    assert_eq!(settings, both);
}

#[test]
fn every_toml_type_reaches_the_plugin() {
    let config = good(
        "[destinations.a]\nplugin = \"x\"\na = 0x1F\nb = 1_000\nc = 1.5\nd = true\ne = 2024-03-05\n\
         f = [1, \"two\", [3]]\ng = { h = { i = 1 } }\n",
    );
    assert_eq!(
        config.destinations[0].settings.resolve(&json!({}), &Redactor::default()).unwrap(),
        json!({"a": 31, "b": 1000, "c": 1.5, "d": true, "e": "2024-03-05", "f": [1, "two", [3]], "g": {"h": {"i": 1}}})
    );
}

#[test]
fn a_missing_secret_names_key_and_place() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("good", b"from-file\n");
    write("two", b"two\n\n");
    write("dos", b"dos\r\n");
    write("empty", b"\n");
    write("binary", b"\xff\xfe");
    write("large", &vec![b'x'; 70_000]);
    let config = |source: &str| {
        let text = format!("{GOOD}[destinations.a]\nplugin = \"x\"\ntoken = {source}\n");
        Config::from_text(&text, folder.path(), "nexus.toml").unwrap()
    };
    let resolve = |source: &str| {
        config(source).destinations[0].settings.resolve_from(&json!({}), &Redactor::default(), &|name| {
            match name {
                "EMPTY" => Some(OsString::new()),
                other => environment(other),
            }
        })
    };
    assert_eq!(resolve("{ file = \"good\" }").unwrap(), json!({"token": "from-file"}));
    assert_eq!(resolve("{ file = \"two\" }").unwrap(), json!({"token": "two\n"}));
    assert_eq!(resolve("{ file = \"dos\" }").unwrap(), json!({"token": "dos"}));
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (source, expected) in [
        (
            "{ env = \"NOT_SET\" }",
            "`destinations.a.token`: the environment variable `NOT_SET` is not set".to_owned(),
        ),
        ("{ env = \"EMPTY\" }", "`destinations.a.token`: the environment variable EMPTY is empty".to_owned()),
        ("{ file = \"empty\" }", format!("`destinations.a.token`: the file {} is empty", at("empty"))),
        ("{ file = \"gone\" }", format!("`destinations.a.token`: failed to read the file {}", at("gone"))),
        (
            "{ file = \"binary\" }",
            format!("`destinations.a.token`: the file {} does not hold UTF-8 text", at("binary")),
        ),
        (
            "{ file = \"large\" }",
            format!(
                "`destinations.a.token`: the file {} is larger than 64 KiB, so it does not hold a secret alone",
                at("large")
            ),
        ),
    ] {
        assert_eq!(resolve(source).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_secret_has_one_source() {
    let text = mistake("[destinations.a]\nplugin = \"x\"\ntoken = { env = \"A\", value = \"hunter2\" }\n");
    assert!(text.contains("`destinations.a.token` says more than once where the secret is"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let text = mistake("[destinations.a]\nplugin = \"x\"\ntoken = { value = 5 }\n");
    assert!(text.contains("`destinations.a.token.value` must be text, not a whole number"), "{text}");
    assert!(text.contains("| token = { value = *** }"), "{text}");
    assert!(
        message("[destinations.a]\nplugin = \"x\"\ntoken = { env = \"\" }\n").contains("must not be empty")
    );
}

#[test]
fn no_message_shows_a_secret() {
    for broken in [
        "token = \"s3cret",
        "token = { value = \"s3cret }",
        "token = { value = \"s3cret\", env = \"X\" }",
        "token = { value = 's3cret', }x",
        "token = \"\"\"s3cret\n\\q more",
        "token = \"\"\"\n \\q s3cret\"\"\"",
        "token = s3cret",
        "token s3cret",
        "plugin = 3 # s3cret",
        "address = \"https://user:s3cret@example.org/\"",
        "aliases = [\"https://user:s3cret@example.org/\"]",
        "command = \"x\" # s3cret",
        "token = { value = [\"s3cret\"] }",
        "token = 1e999 # s3cret",
    ] {
        let text = format!("{GOOD}[harvesters.a]\nplugin = \"x\"\n{broken}\n");
        let error = read(&text).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("s3cret"), "{broken}: {shown}");
        }
    }
}

#[test]
fn debug_and_effective_show_no_secret() {
    let config = good(&format!(
        "{PLUGINS}api_token = \"s3cret\"\nurl = \"https://user:s3cret@example.org/x\"\nnested = {{ password = [\"s3cret\"] }}\n"
    ));
    let shown = format!("{config:?} {:?}", config.effective());
    assert!(!shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn effective_settings_say_where_they_come_from() {
    let config = good(&format!("[build]\nthreads = 2\n{PLUGINS}"));
    let shown: Vec<_> =
        config.effective().iter().map(|s| format!("{} = {} ({})", s.key, s.value, s.origin)).collect();
    for expected in [
        "database.path = \"/srv/facility/nexus.db\" (line 3)",
        "storage.records = \"/srv/facility/made/records\" (default)",
        "build.threads = 2 (line 8)",
        "build.file_delay = \"2 days\" (default)",
        "build.exclusive_suffixes = [\"dm3\", \"dm4\", \"h5\", \"msa\", \"ser\", \"spc\", \"tif\", \"tiff\"] (default)",
        "export.time_budget = \"30 min\" (default)",
        "harvesters.log.path = \"log.csv\" (line 12)",
        "destinations.cdcs.token = *** (environment variable CDCS_TOKEN) (line 17)",
        "destinations.cdcs.workspace = *** (written in the configuration) (line 18)",
        "destinations.cdcs.priority = 100 (default)",
    ] {
        assert!(shown.iter().any(|line| line == expected), "{expected}\n{shown:#?}");
    }
}

#[test]
fn the_digest_follows_what_matters() {
    let digest = |text: &str, token: &str| {
        let config = good(text);
        config.digest_from(&config.destinations[0], &|_| Some(token.into())).unwrap()
    };
    let first = digest(PLUGINS, "one");
    assert_eq!(first.len(), 64);
    assert_eq!(first, digest(PLUGINS, "one"));
    assert_ne!(first, digest(PLUGINS, "two"), "a changed token");
    assert_ne!(first, digest(&PLUGINS.replace("cdcs.example.org", "other.example.org"), "one"));
    assert_ne!(first, digest(&PLUGINS.replace("plugin = \"cdcs\"", "command = [\"cdcs\"]"), "one"));
    let reordered = PLUGINS.replace("retries = 3\n", "").replace("url =", "retries = 3\nurl =");
    assert_eq!(first, digest(&reordered, "one"), "the order of the keys");
    let elsewhere = PLUGINS.replace("{ env = \"CDCS_TOKEN\" }", "{ value = \"one\" }");
    assert_eq!(first, digest(&elsewhere, "one"), "where the secret is kept");
    assert_eq!(first, digest(&PLUGINS.replace("retries = 3", "retries = 3\npriority = 7"), "one"));
    let config = good(PLUGINS);
    assert!(config.digest_from(&config.destinations[0], &|_| None).is_err());
}

fn checked(table: &str, schema: &serde_json::Value) -> Vec<String> {
    let config = good(&format!("[destinations.a]\nplugin = \"x\"\n{table}"));
    check_settings(&config.destinations[0].settings, schema).iter().map(ToString::to_string).collect()
}

fn schema() -> serde_json::Value {
    json!({
        "type": "object",
        "properties": {
            "url": {"type": "string", "description": "Address of the server."},
            "token": {"type": "string", "secret": true},
            "format": {"type": "string", "enum": ["csv", "jsonl"]},
            "retries": {"type": "integer", "minimum": 0, "maximum": 9},
            "tags": {"type": "array", "items": {"type": "string"}},
            "page": {"type": "object", "properties": {"title": {"type": "string"}}},
            "either": {"type": ["string", "integer"]},
            "level": {"enum": [1, 2, "all"]},
            "name": {"type": "string", "minLength": 1},
        },
        "required": ["url"],
    })
}

#[test]
fn settings_that_fit_have_no_problems() {
    let table = "url = \"u\"\ntoken = { env = \"X\" }\nformat = \"csv\"\nretries = 9\ntags = [\"a\"]\npage.title = \"t\"\neither = 1\nlevel = 2\n";
    assert!(checked(table, &schema()).is_empty(), "{:?}", checked(table, &schema()));
    assert!(checked("anything = 1\n", &json!({"additionalProperties": true})).is_empty());
}

#[test]
fn settings_that_do_not_fit_are_pointed_at() {
    let one = |table: &str| {
        let mut all = checked(&format!("url = \"u\"\n{table}"), &schema());
        assert_eq!(all.len(), 1, "{all:#?}");
        all.remove(0)
    };
    assert_eq!(
        one("retires = 3\n"),
        "nexus.toml:10:1: unknown key `retires` in [destinations.a]\n\
         \x20  |\n\
         10 | retires = ***\n\
         \x20  | ^^^^^^^\n\
         \x20  = help: did you mean `retries`?"
    );
    assert_eq!(
        one("retries = 12\n"),
        "nexus.toml:10:11: `destinations.a.retries` must be 9 or less\n\
         \x20  |\n\
         10 | retries = 12\n\
         \x20  |           ^^"
    );
    for (table, expected) in [
        ("retries = \"3\"\n", "`destinations.a.retries` must be a whole number, not text"),
        ("either = 1.5\n", "`destinations.a.either` must be text or a whole number, not a number"),
        ("format = \"cvs\"\n", "`destinations.a.format` must be one of `csv`, `jsonl`"),
        ("format = 3\n", "`destinations.a.format` must be text, not a whole number"),
        ("level = 3\n", "`destinations.a.level` must be one of 1, 2, `all`"),
        ("level = \"al\"\n", "did you mean \"all\"?"),
        ("name = \"\"\n", "`destinations.a.name` must not be empty"),
        ("tags = [1]\n", "`destinations.a.tags[0]` must be text, not a whole number"),
        ("page.titel = \"t\"\n", "unknown key `titel` in [destinations.a.page]"),
        ("tags = { env = \"X\" }\n", "`destinations.a.tags` must be a list, not a secret"),
        ("zzzzz = 1\n", "this plugin's own keys are `url`, `token`, "),
    ] {
        let text = one(table);
        assert!(text.contains(expected), "{text}");
    }
    let missing = checked("", &schema());
    assert!(missing[0].contains("7:15: [destinations.a] has no key `url`"), "{missing:?}");
    assert!(missing[0].ends_with("= help: `url`: Address of the server."), "{missing:?}");
}

#[test]
fn a_plain_secret_is_refused_and_not_shown() {
    let problems = checked("url = \"u\"\ntoken = \"s3cret\"\n", &schema());
    assert_eq!(
        problems,
        ["nexus.toml:10:9: `destinations.a.token` is a secret\n\
          \x20  |\n\
          10 | token = ***\n\
          \x20  |         ^^^\n\
          \x20  = help: write token = { env = \"VARIABLE\" }, token = { file = \"PATH\" } or token = { value = \"…\" }"]
    );
}

#[test]
fn the_sample_can_be_used_as_it_is() {
    let sample = Config::sample();
    let config = read(&sample).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.database.path, Path::new("/srv/facility/nexus.db"));
    assert!(sample.lines().all(|line| line.chars().count() <= 120), "{sample}");
}

#[test]
fn the_sample_can_be_used_with_every_comment_taken_away() {
    let keys = |line: &&str| !line.starts_with("# ") || line.contains(" = ") || line.starts_with("# [");
    let text = Config::sample()
        .lines()
        .filter(keys)
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let config = read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!((config.harvesters.len(), config.extractors.len(), config.destinations.len()), (2, 1, 3));
}

#[test]
fn the_json_schema_names_and_describes_every_key() {
    let schema = json_schema();
    for table in keys::TABLES {
        let found = &schema["properties"][table.name];
        let found = if table.plugins { &found["additionalProperties"] } else { found };
        for key in table.keys {
            let property = &found["properties"][key.name];
            assert_eq!(property["description"], key.about, "{}.{}", table.name, key.name);
            assert_eq!(property.get("default").is_some(), matches!(key.absent, keys::Absent::Default(_)));
        }
    }
    assert_eq!(schema["required"], json!(["database", "storage"]));
    assert_eq!(schema["properties"]["build"]["properties"]["file_delay"]["default"], "2 days");
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let (begin, end) = ("<!-- generated from the list of keys: begin -->\n\n", "\n<!-- generated: end -->");
    let page = fs::read_to_string(&path).unwrap();
    let from = page.find(begin).unwrap() + begin.len();
    let to = from + page[from..].find(end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{}{}{}", &page[..from], reference(), &page[to..])).unwrap();
        return;
    }
    assert!(
        page[from..to] == reference(),
        "docs/configuration.md is not what the list of keys says; run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn the_examples_of_the_page_can_be_used() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let by_hand = page.split("<!-- generated").next().unwrap();
    let examples: Vec<&str> =
        by_hand.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [smallest, secret] = examples.as_slice() else { panic!("{examples:?}") };
    read(smallest).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(good(secret).secrets().len(), 1);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("nexus.toml");
    let error = Config::read(&file).unwrap_err();
    assert_eq!(error.to_string(), format!("there is no configuration file `{}`", file.display()));
    fs::write(&file, b"[database]\npath = \"\xff\"\n").unwrap();
    let error = Config::read(&file).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the configuration file `{}` is not UTF-8 text: see line 2", file.display())
    );
    let error = Config::read(folder.path()).unwrap_err();
    assert!(matches!(error, ConfigError::Unreadable { .. }));
    fs::write(&file, GOOD).unwrap();
    assert_eq!(Config::read(&file).unwrap().database.path, folder.path().join("nexus.db"));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_accepted() {
    let text = format!("\u{feff}{}", GOOD.trim_start()).replace('\n', "\r\n");
    assert!(read(&text).is_ok());
    let error = read(&format!("{text}[build]\r\nthread = 2\r\n")).unwrap_err();
    assert!(
        error.to_string().contains("nexus.toml:7:1: unknown key `thread` in [build]\n  |\n7 | thread = 2\n"),
        "{error}"
    );
    let error = read("\u{feff}datbase = 1").unwrap_err();
    assert_eq!(error.problems().last().unwrap().column(), Some(1), "{error}");
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in "[a-z\"'=\\[\\]{}#,.\\\\é\u{feff}\r\n 0-9]{0,120}") {
        if let Err(error) = read(&text) {
            let _ = error.to_string();
        }
    }

    #[test]
    fn no_table_is_a_panic(
        key in "(plugin|library|command|after|address|token|priority|x)",
        value in "(\"[a-z/:@.é]{0,8}\"|-?[0-9]{1,20}|\\[[0-9, ]{0,6}\\]|\\{ (env|file|value|z) = \"[a-z]{0,3}\" \\})",
    ) {
        if let Err(error) = read(&format!("{GOOD}[destinations.a]\n{key} = {value}\n")) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
