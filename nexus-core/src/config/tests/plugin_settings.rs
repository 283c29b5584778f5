//! What reaches a plugin, and the secrets in it.

use super::*;

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
