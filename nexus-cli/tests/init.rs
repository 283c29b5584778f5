//! `nexus init`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;

use common::Sandbox;

#[test]
fn a_facility_is_made_in_a_folder() {
    let sandbox = Sandbox::new();
    let answer = sandbox.nexus(["init", "facility"]).done();
    assert_eq!(
        answer,
        "made the folder [DIR]/facility
made the folder [DIR]/facility/data
made the folder [DIR]/facility/data/records
made the folder [DIR]/facility/data/logs
made the folder [DIR]/facility/instrument_data
made [DIR]/facility/nexus.toml
made [DIR]/facility/nexus.db

Next: edit [DIR]/facility/nexus.toml, then `nexus --config [DIR]/facility/nexus.toml config check` says whether \
         everything is right.\n"
    );
    let database = fs::read(sandbox.path("facility/nexus.db")).unwrap();
    assert!(database.starts_with(b"SQLite format 3\0"));
    sandbox.nexus(["--config", "facility/nexus.toml", "config", "check"]).done();
}

#[test]
fn without_a_folder_the_settings_are_written_where_config_says() {
    let sandbox = Sandbox::new();
    let answer = sandbox.nexus(["--config", "etc/facility.toml", "init", "--json"]).json();
    assert_eq!(answer["config"], "[DIR]/etc/facility.toml");
    assert_eq!(answer["made"]["files"], serde_json::json!(["[DIR]/etc/facility.toml", "[DIR]/etc/nexus.db"]));
    assert_eq!(sandbox.names(), ["etc"]);
}

#[test]
fn nothing_is_overwritten() {
    let sandbox = Sandbox::new();
    sandbox.write("nexus.toml", "mine");
    sandbox.nexus(["init"]).refused(
        6,
        "error: `[DIR]/nexus.toml` exists already, and nothing is overwritten\n  \
         hint: edit it, or name another folder",
    );
    assert_eq!(fs::read(sandbox.path("nexus.toml")).unwrap(), b"mine");
    assert_eq!(sandbox.names(), ["nexus.toml"]);

    let sandbox = Sandbox::new();
    sandbox.write("nexus.db", "mine");
    let outcome = sandbox.nexus(["init"]).code(6);
    assert!(outcome.stderr.starts_with("error: `[DIR]/nexus.db` exists already, and nothing is overwritten"));
    assert_eq!(sandbox.names(), ["nexus.db"]);
    assert_eq!(fs::read(sandbox.path("nexus.db")).unwrap(), b"mine");
}

#[test]
fn a_failure_leaves_no_settings_behind() {
    let sandbox = Sandbox::new();
    // The lock of the database cannot be opened: there is a folder of its name.
    fs::create_dir_all(sandbox.path("nexus.db.lock")).unwrap();
    let outcome = sandbox.nexus(["init"]).code(6);
    assert!(
        outcome.stderr.starts_with("error: failed to open the lock file `[DIR]/nexus.db.lock`"),
        "{}",
        outcome.stderr
    );
    assert!(!sandbox.path("nexus.toml").exists() && !sandbox.path("nexus.db").exists());
}

const ENV: &str = r#"
# NexusLIMS
NX_INSTRUMENT_DATA_PATH=instruments
NX_DATA_PATH='data'
NX_DB_PATH="nexuslims.db"
NX_CDCS_TOKEN=s3cret-cdcs
NX_CDCS_URL=https://cdcs.example.org
NX_CDCS_USER_OWNED_RECORDS=True
NX_CDCS_ASSIGN_TO_PUBLIC_WORKSPACE=false
NX_FILE_STRATEGY=inclusive
NX_IGNORE_PATTERNS='["*.mib", "*.tmp"]'
NX_FILE_DELAY_DAYS=1.5
NX_CLUSTERING_SENSITIVITY=0.5
NX_LABARCHIVES_ACCESS_KEY_ID=facility
NX_LABARCHIVES_ACCESS_PASSWORD="s3cret-labarchives"
NX_LABARCHIVES_USER_ID=s3cret-uid
NX_NEMO_ADDRESS_1=https://nemo.example.org/api/
NX_NEMO_TOKEN_1=s3cret-nemo
NX_NEMO_TZ_1=America/Denver
NX_NEMO_ADDRESS_7=https://other.example.org/api/
NX_EMAIL_SMTP_HOST=mail.example.org
NX_EMAIL_SMTP_PASSWORD=s3cret-mail
NX_MYSTERY=1
HOME_GROWN=1
no assignment
"#;

#[test]
fn the_settings_of_nexuslims_are_taken_over() {
    let sandbox = Sandbox::new();
    sandbox.write("old/.env", ENV);
    fs::create_dir_all(sandbox.path("old/data")).unwrap();
    sandbox.write("old/nexuslims.db", "not to be touched");
    let outcome = sandbox.nexus(["init", "new", "--from-env", "old/.env", "--json"]).code(0);
    let answer: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();

    let written = fs::read_to_string(sandbox.path("new/nexus.toml")).unwrap();
    let dir = sandbox.path("").canonicalize().unwrap();
    let written = written.replace(dir.to_str().unwrap(), "[DIR]");
    assert_eq!(
        written,
        r#"# The settings of nexus, taken from [DIR]/old/.env.
# Relative paths start at the folder of this file. `nexus config schema` lists all keys.

[database]
path = "[DIR]/old/nexuslims.db"

[storage]
instrument_data = "[DIR]/old/instruments"
data = "[DIR]/old/data"

[build]
file_strategy = "inclusive"
ignore = ["*.mib", "*.tmp"]
file_delay = "36 h"
clustering_sensitivity = 0.5

[export]
strategy = "all"

[harvesters.nemo-1]
plugin = "nemo"
address = "https://nemo.example.org/api/"
token = { env = "NX_NEMO_TOKEN_1" }
timezone = "America/Denver"

[destinations.cdcs]
plugin = "cdcs"
priority = 100
url = "https://cdcs.example.org"
token = { env = "NX_CDCS_TOKEN" }
user_owned_records = true
create_accounts = true
workspace = "none"

[destinations.labarchives]
plugin = "labarchives"
priority = 90
after = ["cdcs"]
access_key_id = "facility"
access_password = { env = "NX_LABARCHIVES_ACCESS_PASSWORD" }
user_id = { env = "NX_LABARCHIVES_USER_ID" }
inbox = "zero"
"#
    );
    let note = |name: &str| {
        let all = answer["notes"].as_array().unwrap();
        all.iter().find(|note| note["setting"] == name).map(|note| note["text"].as_str().unwrap().to_owned())
    };
    assert_eq!(note("line 25").unwrap(), "is no NAME=VALUE and was skipped");
    assert_eq!(note("NX_NEMO_ADDRESS_7").unwrap(), "left out, as by NexusLIMS: there is no NX_NEMO_TOKEN_7");
    assert!(note("NX_EMAIL_SMTP_HOST").unwrap().starts_with("no counterpart: nexus sends no mail"));
    assert!(note("NX_CDCS_TOKEN").unwrap().contains("must be set for nexus"));
    assert!(note("NX_CDCS_USER_OWNED_RECORDS").unwrap().contains("nexus users link"));
    assert_eq!(note("NX_MYSTERY").unwrap(), "not known");
    assert_eq!(note("HOME_GROWN"), None);
    assert_eq!(answer["kept"], serde_json::json!(["[DIR]/old/nexuslims.db"]));
    assert_eq!(fs::read(sandbox.path("old/nexuslims.db")).unwrap(), b"not to be touched");
    assert!(!sandbox.path("old/instruments").exists(), "the instruments' folder is not ours to make");
    assert!(!written.contains("s3cret") && !outcome.stdout.contains("s3cret"));
}

/// A `.env` file with two servers, and these lines.
fn with_certificates(lines: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let servers = "NX_NEMO_ADDRESS_2=https://other.example.org/api/\nNX_NEMO_TOKEN_2=s3cret\n";
    sandbox.write("old/.env", format!("{ENV}{servers}{lines}"));
    sandbox
}

#[test]
fn every_server_is_a_harvester_that_trusts_the_same_certificates() {
    let sandbox = with_certificates("NX_CERT_BUNDLE_FILE=certs/ca.pem\n");
    sandbox.nexus(["init", "new", "--from-env", "old/.env"]).code(0);
    let written = fs::read_to_string(sandbox.path("new/nexus.toml")).unwrap();
    let dir = sandbox.path("").canonicalize().unwrap();
    let written = written.replace(dir.to_str().unwrap(), "[DIR]");
    let table = |name: &str| {
        let begins = written.find(&format!("[{name}]")).unwrap();
        written[begins..].split("\n\n").next().unwrap().to_owned()
    };
    for name in ["harvesters.nemo-1", "harvesters.nemo-2", "destinations.cdcs"] {
        assert!(table(name).contains("ca_bundle = \"[DIR]/old/certs/ca.pem\""), "{written}");
    }
    assert!(!written.contains("nemo-7"), "without a token it was no server of NexusLIMS");
}

#[test]
fn certificates_in_the_settings_themselves_go_into_a_file() {
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
    let sandbox = with_certificates(&format!("NX_CERT_BUNDLE=\"{pem}\"\nNX_CERT_BUNDLE_FILE=certs/ca.pem\n"));
    let answer = sandbox.nexus(["init", "new", "--from-env", "old/.env", "--json"]).code(0).stdout;
    assert!(answer.contains("left out, as by NexusLIMS: NX_CERT_BUNDLE holds certificates"), "{answer}");
    assert!(answer.contains("[DIR]/new/ca_bundle.pem"), "{answer}");
    let written = fs::read_to_string(sandbox.path("new/nexus.toml")).unwrap();
    assert_eq!(written.matches("ca_bundle = \"ca_bundle.pem\"").count(), 3, "{written}");
    assert_eq!(fs::read_to_string(sandbox.path("new/ca_bundle.pem")).unwrap(), format!("{pem}\n"));

    let sandbox = with_certificates("NX_CERT_BUNDLE=nonsense\n");
    let answer = sandbox.nexus(["init", "new", "--from-env", "old/.env"]).code(0).stdout;
    assert!(answer.contains("left out: it holds no certificate"), "{answer}");
    assert!(!fs::read_to_string(sandbox.path("new/nexus.toml")).unwrap().contains("ca_bundle"));
}

#[cfg(unix)]
#[test]
fn secrets_are_copied_when_asked_into_files_of_their_own() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    sandbox.write(".env", ENV);
    let answer = sandbox.nexus(["init", "new", "--from-env", ".env", "--copy-secrets"]).done();
    assert!(!answer.contains("s3cret"), "{answer}");
    let written = fs::read_to_string(sandbox.path("new/nexus.toml")).unwrap();
    assert!(written.contains("token = { file = \"secrets/nx_cdcs_token\" }"), "{written}");
    let token = sandbox.path("new/secrets/nx_cdcs_token");
    assert_eq!(fs::read(&token).unwrap(), b"s3cret-cdcs\n");
    assert_eq!(fs::metadata(&token).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(sandbox.path("nexuslims.db").exists(), "a database that is not there is made");
}

#[test]
fn a_file_without_the_needed_settings_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write(".env", "NX_DATA_PATH=/d\nNX_DB_PATH=\n");
    sandbox.nexus(["init", "new", "--from-env", ".env"]).refused(
        3,
        "error: `.env` does not set NX_DB_PATH, NX_INSTRUMENT_DATA_PATH\n  \
         hint: name the .env file that NexusLIMS runs with",
    );
    sandbox
        .nexus(["init", "new", "--from-env", "gone"])
        .refused(3, "error: failed to read `gone`\n  because: No such file or directory (os error 2)");
    sandbox
        .write(".env", "NX_DATA_PATH=d\nNX_DB_PATH=e\nNX_INSTRUMENT_DATA_PATH=i\nNX_FILE_DELAY_DAYS=two\n");
    sandbox
        .nexus(["init", "new", "--from-env", ".env"])
        .refused(3, "error: NX_FILE_DELAY_DAYS is `two`, which is not a number of days above 0");
    assert_eq!(sandbox.names(), [".env"]);
}
