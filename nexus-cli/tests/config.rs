//! `nexus config`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::Sandbox;
use common::facility::{Facility, SHARE};
use serde_json::Value;

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
    let idle = sandbox.nexus(["config", "check"]).done();
    assert!(idle.contains("no instrument is its own"), "{idle}");
    sandbox.write(
        "instruments.csv",
        "instrument_pid,api_url,calendar_url,location,display_name,property_tag,filestore_path,harvester,timezone\n\
         SEM-1,logbook:SEM-1,,Room 1,SEM,,sem,logbook,Europe/Berlin\n",
    );
    sandbox.nexus(["instruments", "import", "instruments.csv"]).done();
    fs::create_dir_all(sandbox.path("instruments/sem")).unwrap();
    let names = |folder: &str| -> std::collections::BTreeSet<_> {
        fs::read_dir(sandbox.path(folder)).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    };
    let before = names("data");
    let answer = sandbox.nexus(["config", "check"]).done();
    assert!(answer.ends_with("\neverything is in order\n"), "{answer}");
    for asked in ["harvesters.log: columns", "destinations.archive: folder writable"] {
        assert!(answer.contains(asked), "{asked} is not in\n{answer}");
    }
    assert!(names("delivered").is_empty(), "the probe is gone");
    assert_eq!(names("data"), before, "the check leaves nothing behind");
}

#[test]
fn a_check_that_fails_is_named_and_the_others_go_on() {
    let sandbox = facility();
    fs::remove_dir(sandbox.path("instruments")).unwrap();
    let outcome = sandbox.nexus(["--json", "config", "check"]).code(3);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
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
    assert!(plain.stdout.ends_with("\n3 checks failed, 1 warning\n"), "{}", plain.stdout);
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

#[test]
fn nobody_is_told_that_nexus_writes_log_files() {
    let facility = Facility::new();
    let logs = |answer: &Value| {
        let items = answer["items"].as_array().unwrap().iter();
        let item = items.filter(|item| item["name"] == "storage.logs").map(|item| {
            (item["result"].as_str().unwrap().to_owned(), item["detail"].as_str().unwrap().to_owned())
        });
        item.collect::<Vec<_>>()
    };
    let whose = "nexus logs to standard error and writes no file there; it is for logs that you keep";
    let told = logs(&checked(&facility, 0));
    assert_eq!(told, [("ok".to_owned(), format!("[DIR]/data/logs: {whose}"))]);
    facility.settings(SHARE);
    let settings = fs::read_to_string(facility.sandbox.path("nexus.toml")).unwrap();
    let named = settings.replace("data = \"data\"", "data = \"data\"\nlogs = \"kept\"");
    facility.sandbox.write("nexus.toml", named);
    let told = logs(&checked(&facility, 0));
    assert_eq!(told, [("warning".to_owned(), format!("there is no folder `[DIR]/kept`: {whose}"))]);
    facility.folder("kept");
    assert_eq!(logs(&checked(&facility, 0))[0].0, "ok");
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

/// What the check says of each instrument and of a harvester's table, without what is right.
fn troubles(answer: &Value) -> Vec<(&str, &str, &str)> {
    let text = |item: &'_ Value, key: &str| item[key].as_str().unwrap().to_owned().leak() as &str;
    let items = answer["items"].as_array().unwrap().iter();
    items
        .filter(|item| item["result"] != "ok")
        .map(|item| (text(item, "name"), text(item, "result"), text(item, "detail")))
        .collect()
}

fn checked(facility: &Facility, code: i32) -> Value {
    serde_json::from_str(&facility.nexus(["config", "check", "--json"]).code(code).stdout).unwrap()
}

#[test]
fn instruments_without_a_folder_or_with_that_of_another_are_named() {
    let facility = Facility::new();
    let answer = checked(&facility, 0);
    assert_eq!(troubles(&answer), []);
    let right = answer["items"].as_array().unwrap().iter().find(|item| item["name"] == "instruments");
    assert_eq!(right.unwrap()["detail"], "2 with a harvester and a folder of its own");

    facility.sql("UPDATE instruments SET filestore_path = 'tem/ada' WHERE instrument_pid = 'SEM'");
    let answer = checked(&facility, 3);
    let [("instrument SEM", "failed", detail)] = troubles(&answer)[..] else { panic!("{answer}") };
    assert!(detail.contains("/instruments/tem/ada`: No such file"), "{detail}");

    facility.folder("instruments/tem/ada");
    let answer = checked(&facility, 0);
    let [("instrument TEM", "warning", detail)] = troubles(&answer)[..] else { panic!("{answer}") };
    assert!(detail.contains("that of SEM too, or lies in it or around it"), "{detail}");
}

#[test]
fn an_instrument_of_no_harvester_and_a_harvester_of_no_instrument_are_named_also_by_a_run() {
    let facility = Facility::new();
    let second = "[harvesters.second]\nplugin = \"logbook\"\npath = \"usage.csv\"\ninstruments = []\n";
    facility.settings(&format!("{SHARE}{second}"));
    facility.sql("UPDATE instruments SET harvester = 'nemo' WHERE instrument_pid = 'SEM'");
    let run = facility.run(0);
    let told = "harvester `second` was asked for nothing, since no instrument is its own: `nexus config check` says more";
    assert_eq!(run["warnings"], serde_json::json!([told]));
    let answer = checked(&facility, 0);
    let [("harvesters.second", "warning", detail)] = troubles(&answer)[..] else { panic!("{answer}") };
    assert!(detail.contains("nexus instruments import --from-harvester second"), "{detail}");

    // Asked for the reservations of another's sessions, it is of use without an instrument.
    let settings = fs::read_to_string(facility.sandbox.path("nexus.toml")).unwrap();
    let named = "instruments = [\"TEM\"]\nreservations_from = \"second\"";
    facility.sandbox.write("nexus.toml", settings.replace("instruments = [\"TEM\", \"SEM\"]", named));
    let answer = checked(&facility, 0);
    let [("instrument SEM", "warning", detail)] = troubles(&answer)[..] else { panic!("{answer}") };
    assert!(detail.starts_with("no single harvester serves it, so no sessions of it come in"), "{detail}");
}
