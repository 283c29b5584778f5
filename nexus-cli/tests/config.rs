//! `nexus config`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::Sandbox;

const SETTINGS: &str = "\
[database]
path = \"nexus.db\"

[storage]
instrument_data = \"instruments\"
data = \"data\"

[destinations.cdcs]
plugin = \"cdcs\"
url = \"https://cdcs.example.org\"
token = { env = \"TEST_CDCS_TOKEN\" }

[harvesters.log]
plugin = \"logbook\"
path = \"log.csv\"
";

/// A facility made by `nexus init`, with these settings in place of the sample.
fn facility() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.nexus(["init"]).done();
    fs::create_dir_all(sandbox.path("instruments")).unwrap();
    sandbox.write("nexus.toml", SETTINGS);
    sandbox
}

#[test]
fn what_init_writes_passes_the_check() {
    let sandbox = Sandbox::new();
    sandbox.nexus(["init"]).done();
    let answer = sandbox.nexus(["config", "check"]).done();
    assert!(answer.ends_with("\n2 warnings\n"), "{answer}");
    assert!(answer.contains("there is none, so no record is delivered"), "{answer}");
}

#[test]
fn a_facility_in_order_is_told_so() {
    let sandbox = facility();
    let (before, _) = SETTINGS.split_once("[destinations.cdcs]").unwrap();
    let archive = "[destinations.archive]\nplugin = \"folder\"\npath = \"delivered\"\n";
    let log = "[harvesters.log]\nplugin = \"logbook\"\npath = \"log.csv\"\n";
    sandbox.write("nexus.toml", format!("{before}{archive}{log}"));
    sandbox.write(
        "log.csv",
        "id,instrument,user,start,end,consent\n1,SEM-1,ada,2024-03-05 09:00,2024-03-05 10:00,yes\n",
    );
    fs::create_dir_all(sandbox.path("delivered")).unwrap();
    let answer = sandbox.nexus(["config", "check"]).done();
    assert!(answer.ends_with("\neverything is in order\n"), "{answer}");
    for asked in ["harvesters.log: columns", "destinations.archive: folder writable"] {
        assert!(answer.contains(asked), "{asked} is not in\n{answer}");
    }
    assert!(fs::read_dir(sandbox.path("delivered")).unwrap().next().is_none(), "the probe is gone");
    assert_eq!(
        fs::read_dir(sandbox.path("data")).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>().len(),
        2,
        "the check leaves nothing behind: records and logs are from init"
    );
}

#[test]
fn a_check_that_fails_is_named_and_the_others_go_on() {
    let sandbox = facility();
    fs::remove_dir(sandbox.path("instruments")).unwrap();
    let outcome = sandbox.nexus(["--json", "config", "check"]).code(3);
    let report: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let failed: Vec<_> = report["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| item["result"] == "failed")
        .map(|item| format!("{}: {}", item["name"].as_str().unwrap(), item["detail"].as_str().unwrap()))
        .collect();
    assert_eq!(
        failed,
        [
            "storage.instrument_data: cannot read the folder `[DIR]/instruments`: No such file or directory (os error 2)",
            "destinations.cdcs.token: `destinations.cdcs.token`: the environment variable `TEST_CDCS_TOKEN` is not set",
            "harvesters.log: log readable: usage log `[DIR]/log.csv` cannot be read: No such file or directory (os error \
             2); check `path`; is the share mounted?",
        ]
    );
    let plain = sandbox.nexus(["config", "check"]).code(3);
    assert!(plain.stdout.ends_with("\n3 checks failed\n"), "{}", plain.stdout);
}

#[test]
fn a_missing_database_and_missing_plugins_are_named() {
    let sandbox = facility();
    fs::remove_file(sandbox.path("nexus.db")).unwrap();
    sandbox.write(
        "nexus.toml",
        format!("{SETTINGS}[destinations.x]\nlibrary = \"lib/x.so\"\n[destinations.y]\ncommand = [\"no-such-program\"]\n"),
    );
    let answer = sandbox.nexus(["--json", "config", "check"]).code(3).stdout;
    for expected in [
        "database `[DIR]/nexus.db` does not exist",
        "there is no library `[DIR]/lib/x.so`",
        "there is no program `no-such-program`, neither by that path nor in PATH",
    ] {
        assert!(answer.contains(expected), "{answer}");
    }
}

#[cfg(unix)]
#[test]
fn secrets_that_everybody_may_read_are_a_warning() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = facility();
    let settings = SETTINGS.replace("env = \"TEST_CDCS_TOKEN\"", "file = \"token\"");
    // Nobody listens there.
    sandbox.write("nexus.toml", settings.replace("https://cdcs.example.org", "http://127.0.0.1:1"));
    let token = sandbox.write("token", "s3cret\n");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o644)).unwrap();
    let answer = sandbox.nexus(["config", "check"]).code(3).stdout;
    assert!(answer.contains("everybody may read [DIR]/token"), "{answer}");
    fs::set_permissions(&token, fs::Permissions::from_mode(0o640)).unwrap();
    let answer = sandbox.nexus(["config", "check"]).code(3).stdout;
    assert!(!answer.contains("everybody may read"), "{answer}");
    // The site cannot be asked, and that is said without the secret.
    assert!(answer.contains("no answer from http://127.0.0.1:1/rest/core-settings/"), "{answer}");
    assert!(!answer.contains("s3cret"), "{answer}");
}

#[cfg(unix)]
#[test]
fn a_link_into_the_instruments_folder_is_seen_through() {
    let sandbox = facility();
    fs::create_dir(sandbox.path("instruments/made")).unwrap();
    fs::remove_dir_all(sandbox.path("data")).unwrap();
    std::os::unix::fs::symlink(sandbox.path("instruments/made"), sandbox.path("data")).unwrap();
    let answer = sandbox.nexus(["--json", "config", "check"]).code(3).stdout;
    assert!(
        answer.contains("is inside `storage.instrument_data`: it leads to `[DIR]/instruments/made`"),
        "{answer}"
    );
}

#[test]
fn no_file_is_said_with_the_way_out() {
    Sandbox::new().nexus(["config", "check"]).refused(
        3,
        "error: there is no configuration file `nexus.toml`\n  \
         hint: `nexus init` writes one; `--config FILE` or NEXUS_CONFIG names one that is elsewhere",
    );
}

#[test]
fn mistakes_are_told_together_with_their_places() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "nexus.toml",
        "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"instruments\"\ndata = \"data\"\n\
         [build]\nfile_dealy = \"2 days\"\nthreads = \"all\"\n[destinations.cdcs]\nplugin = \"cdcs\"\nafter = [\"cdsc\"]\n",
    );
    sandbox.nexus(["config", "show"]).refused(
        3,
        "error: the configuration has 3 mistakes

nexus.toml:7:1: unknown key `file_dealy` in [build]
  |
7 | file_dealy = \"2 days\"
  | ^^^^^^^^^^
  = help: did you mean `file_delay`?

nexus.toml:8:11: `build.threads` must be a whole number, not text
  |
8 | threads = \"all\"
  |           ^^^^^

nexus.toml:11:9: `destinations.cdcs.after` names `cdsc`, but there is no [destinations.cdsc]
   |
11 | after = [\"cdsc\"]
   |         ^^^^^^^^
   = help: did you mean `cdcs`?",
    );
}

#[test]
fn show_says_where_everything_comes_from_and_masks_secrets() {
    let sandbox = facility();
    sandbox.write("nexus.toml", format!("{SETTINGS}key = {{ value = \"s3cret\" }}\n"));
    let mut command = sandbox.command(["config", "show", "--json"]);
    let answer = sandbox.finish(command.env("TEST_CDCS_TOKEN", "t0ken")).json();
    let find = |key: &str| {
        let all = answer["settings"].as_array().unwrap();
        all.iter().find(|setting| setting["key"] == key).unwrap().clone()
    };
    assert_eq!(
        find("database.path"),
        serde_json::json!({"key": "database.path", "value": "\"[DIR]/nexus.db\"", "from": "line 2"})
    );
    assert_eq!(find("build.file_delay")["from"], "default");
    assert_eq!(find("destinations.cdcs.token")["value"], "*** (environment variable TEST_CDCS_TOKEN)");
    assert_eq!(find("harvesters.log.key")["value"], "*** (written in the configuration)");
    assert!(!answer.to_string().contains("s3cret") && !answer.to_string().contains("t0ken"));

    let table = sandbox.nexus(["config", "show"]).done();
    assert!(table.contains("line 2") && table.contains("default") && !table.contains("s3cret"), "{table}");
}

#[test]
fn the_schema_is_json() {
    let schema = Sandbox::new().nexus(["config", "schema"]).json();
    assert_eq!(schema["properties"]["build"]["properties"]["threads"]["maximum"], 1024);
}
