//! `plugins/python-bridge`: an exporter class written for NexusLIMS, with the stand-in for NexusLIMS.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use nexus_plugin_api::{
    CheckReport, Delivery, Effect, FailureClass, LogLevel, Manifest, PluginError, Remote, Step, Target,
};
use nexus_tests::program::{Program, script};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::delivery::delivery;

const BRIDGE: &str = "plugins/python-bridge/nexus_exporter_bridge.py";
const SHELF: &str = "tests/testdata/exporters/shelf.py";

/// The settings for the shelf exporter, which keeps its shelf below a folder.
fn shelf(folder: &Path, behaviour: &str) -> Value {
    fs::create_dir_all(folder.join("shelf")).unwrap();
    json!({
        "exporter": format!("{}:ShelfDestination", script(SHELF).display()),
        "environment": {"NX_SHELF_PATH": folder.join("shelf"), "SHELF_BEHAVIOUR": behaviour},
        "nexuslims": "stand-in",
    })
}

fn started(settings: &Value) -> Result<Program, PluginError> {
    let mut program = Program::script(BRIDGE);
    program.configure(settings).map(|()| program)
}

fn deliver(program: &mut Program, delivery: &Delivery) -> Result<Remote, PluginError> {
    match program.ask("deliver", &serde_json::to_value(delivery).unwrap())? {
        Step::Done(remote) => Ok(remote),
        more @ Step::More(_) => panic!("{more:?}"),
    }
}

fn exported(behaviour: &str, change: impl FnOnce(&mut Value)) -> (TempDir, Result<Remote, PluginError>) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = shelf(folder.path(), behaviour);
    change(&mut settings);
    let mut program = started(&settings).unwrap();
    let answer = deliver(&mut program, &delivery(folder.path()));
    assert_eq!(program.end().0, Some(0));
    (folder, answer)
}

#[test]
fn an_exporter_gets_what_it_would_get_from_nexuslims() {
    let (folder, answer) = exported("", |settings| settings["instrument_data"] = json!("/mnt/instruments"));
    let remote = answer.unwrap();
    assert_eq!(remote.id, "2024-03-05_TITAN_31");
    assert!(remote.url.unwrap().starts_with("file:///"));
    assert!(remote.content_sha256.is_some());
    let shelf = folder.path().join("shelf");
    assert!(shelf.join("2024-03-05_TITAN_31.xml").is_file());
    let slip = fs::read_to_string(shelf.join("2024-03-05_TITAN_31.slip")).unwrap();
    for line in [
        "session lab-use-31",
        "instrument TITAN",
        "user ada",
        "from 2024-03-05T09:00:00-07:00 to 2024-03-05T11:00:00.125000-07:00",
        "previous archive False None None",
        "previous cdcs True 65e1 https://cdcs.example.org/65e1",
        "activity 2024-03-05T09:10:00-07:00 2024-03-05T11:00:00.125000-07:00",
        "file /mnt/instruments/titan/ada/café.tif preview cafe.png type Image voltage 300 kV",
        "booking Grain boundaries by Ada King/Lovelace",
        "samples ['Steel'] [['Fe', 'C']] projects ['P-7']",
        "booked 2024-03-05T09:00:00-07:00 on TITAN",
    ] {
        assert!(slip.lines().any(|found| found == line), "`{line}` is not in\n{slip}");
    }
}

#[test]
fn what_an_exporter_prints_and_logs_does_not_disturb() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = started(&shelf(folder.path(), "")).unwrap();
    deliver(&mut program, &delivery(folder.path())).unwrap();
    let said: Vec<_> = program.log.iter().map(|entry| (entry.level, entry.message.clone())).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_eq!(said[0].0, LogLevel::Warn);
    assert!(said[0].1.contains("token is None"), "{said:?}");
    let (code, errors) = program.end();
    assert_eq!(code, Some(0));
    for line in ["exporting lab-use-31", "straight to the descriptor", "from a child"] {
        assert!(errors.contains(line), "`{line}` is not in\n{errors}");
    }
}

#[test]
fn failures_have_a_class_and_an_effect() {
    for (behaviour, class, words) in [
        ("fail", FailureClass::Transient, "exporter `shelf` failed: the server timed out"),
        ("raise", FailureClass::Permanent, "ValueError: the shelf is full of eels"),
        ("refuse connection", FailureClass::Transient, "ConnectionRefusedError"),
        ("exit", FailureClass::Permanent, "SystemExit: 3"),
        ("nothing", FailureClass::Permanent, "returned None, which is no ExportResult"),
        ("tuple", FailureClass::Permanent, "returned (True, 'id')"),
    ] {
        let error = exported(behaviour, |_| ()).1.unwrap_err();
        assert_eq!((error.class, error.effect), (class, Effect::Maybe), "{behaviour}");
        assert!(error.message.contains(words), "{behaviour}: {error}");
    }
}

#[test]
fn a_facility_may_say_that_a_failure_leaves_nothing() {
    let retry = |settings: &mut Value| settings["on_failure"] = json!("retry");
    let error = exported("fail", retry).1.unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Transient, Effect::None));
    // An exception is no statement about what is there.
    assert_eq!(exported("raise", retry).1.unwrap_err().effect, Effect::Maybe);
}

#[test]
fn a_success_without_an_id_is_a_success() {
    let remote = exported("no id", |_| ()).1.unwrap();
    assert_eq!((remote.id.as_str(), remote.url), ("2024-03-05_TITAN_31", None));
}

#[test]
fn an_exporter_that_ends_the_process_gives_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = started(&shelf(folder.path(), "die")).unwrap();
    let params = serde_json::to_value(delivery(folder.path())).unwrap();
    program.write(&json!({"id": 9, "method": "deliver", "params": params}).to_string());
    assert_eq!(program.end().0, Some(7));
}

#[test]
fn a_changed_record_is_refused_unless_a_second_one_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = shelf(folder.path(), "");
    let mut delivery = delivery(folder.path());
    let first = deliver(&mut started(&settings).unwrap(), &delivery).unwrap();
    delivery.previous = Some(first);
    let error = deliver(&mut started(&settings).unwrap(), &delivery).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Permanent, Effect::None));
    assert!(error.message.contains("lab-use-31") && error.message.contains("2024-03-05_TITAN_31"), "{error}");
    assert!(error.hint.unwrap().contains("on_change"));
    settings["on_change"] = json!("export");
    let second = deliver(&mut started(&settings).unwrap(), &delivery).unwrap();
    assert_eq!(second.id, "2024-03-05_TITAN_31 (2)");
}

#[test]
fn the_target_says_that_it_cannot_find_and_asks_the_exporter_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = shelf(folder.path(), "");
    let target: Target = started(&settings).unwrap().ask("target", &json!({})).unwrap();
    assert_eq!((target.id.as_str(), target.can_find), ("nexuslims-exporter:shelf", false));
    settings["target"] = json!("the shelf in room 12");
    let target: Target = started(&settings).unwrap().ask("target", &json!({})).unwrap();
    assert_eq!(target.id, "the shelf in room 12");

    for (variable, value, words) in [
        ("NX_SHELF_PATH", "/nowhere/at all", "cannot be used: there is no folder /nowhere/at all"),
        ("NX_SHELF_PATH", "", "says that it is not enabled"),
        ("SHELF_BEHAVIOUR", "odd check", "validate_config() with 'yes'"),
    ] {
        let mut settings = settings.clone();
        settings["environment"][variable] = json!(value);
        let mut program = started(&settings).unwrap();
        let error = program.ask::<Target>("target", &json!({})).unwrap_err();
        assert!(error.message.contains(words), "{error}");
        assert_eq!(error.effect, Effect::None);
        let report: CheckReport = program.ask("check", &json!({})).unwrap();
        assert!(!report.passed());
        assert!(report.items[1].detail.contains(words), "{report:?}");
    }
}

#[test]
fn an_exporter_that_cannot_be_loaded_is_named_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let shelf = script(SHELF).to_str().unwrap().to_owned();
    let whole = "    name = 'x'\n    priority = 1\n    enabled = True\n    def validate_config(self): return True, None\n    \
                 def export(self, context): pass\n";
    for (exporter, words, hint) in [
        (format!("{shelf}:Shelf"), "has no class `Shelf`; its classes: ShelfDestination", "exporter"),
        (format!("{}:X", folder.path().join("absent.py").display()), "there is no file", "exporter"),
        ("no_such_module:X".to_owned(), "No module named 'no_such_module'", "pythonpath"),
        (
            put("needs.py", "import no_such_package\n") + ":X",
            "No module named 'no_such_package'",
            "install it for",
        ),
        (put("deep.py", "from nexusLIMS.db.models import X\n"), "nexusLIMS.db", "stand-in does not have"),
        (put("inner.py", "from nexusLIMS.exporters import registry\n"), "registry", "stand-in does not have"),
        (put("syntax.py", "class :\n"), "SyntaxError", "traceback"),
        (put("leaves.py", "import sys\nsys.exit(1)\n"), "SystemExit", "traceback"),
        (
            put("bare.py", "class X:\n    name = 'x'\n") + ":X",
            "no priority, enabled, validate_config, export",
            "",
        ),
        (
            put("two.py", &format!("class X:\n{whole}class Y:\n{whole}")),
            "no single exporter class, but X, Y",
            "CLASS",
        ),
        (put("none.py", "X = 1\n"), "no single exporter class, but none", "CLASS"),
        (
            put("raises.py", &format!("class X:\n{whole}    def __init__(self): raise KeyError('NX_Y')\n")),
            "cannot be made: KeyError: 'NX_Y'",
            "traceback",
        ),
        (put("nameless.py", &format!("class X:\n{whole}    name = None\n")), "has None for a name", ""),
    ] {
        let Err(error) = started(&json!({"exporter": exporter, "nexuslims": "stand-in"})) else {
            panic!("{exporter} was taken");
        };
        assert_eq!((error.class, error.effect), (FailureClass::Permanent, Effect::None), "{exporter}");
        assert!(error.message.contains(words), "{exporter}: {error}");
        assert!(error.hint.as_deref().unwrap_or_default().contains(hint), "{exporter}: {:?}", error.hint);
    }
    let Err(error) = started(&json!({"exporter": shelf, "nexuslims": "installed", "environment": {}})) else {
        // A machine whose python3 has NexusLIMS.
        return;
    };
    assert!(error.message.contains("NexusLIMS"), "{error}");
}

#[test]
fn modules_are_found_in_the_pythonpath_and_neighbours_by_relative_imports() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("lib/facility")).unwrap();
    fs::copy(script(SHELF), folder.path().join("lib/facility/shelf.py")).unwrap();
    let mut settings = shelf(folder.path(), "");
    settings["exporter"] = json!("facility.shelf:ShelfDestination");
    settings["pythonpath"] = json!([folder.path().join("lib")]);
    let remote = deliver(&mut started(&settings).unwrap(), &delivery(folder.path())).unwrap();
    assert_eq!(remote.id, "2024-03-05_TITAN_31");

    let text = fs::read_to_string(script(SHELF)).unwrap();
    let text = text.replace("from nexusLIMS.exporters.base import", "from ..base import");
    fs::write(folder.path().join("relative.py"), text).unwrap();
    // As in the configuration: a path that starts at the folder in which the program runs.
    settings["exporter"] = json!("./relative.py");
    let bridge = fs::canonicalize(script(BRIDGE)).unwrap();
    let mut program = Program::start(Command::new("python3").arg(bridge).current_dir(&folder));
    program.configure(&settings).unwrap();
    let remote = deliver(&mut program, &delivery(folder.path())).unwrap();
    assert_eq!(remote.id, "2024-03-05_TITAN_31 (2)");
}

#[test]
fn the_settings_object_of_nexuslims_has_the_environment_and_the_env_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = shelf(folder.path(), "");
    settings["environment"] = json!({"SHELF_LIKE_SETTINGS": "1"});
    let bridge = fs::canonicalize(script(BRIDGE)).unwrap();
    let enabled = || {
        let mut program = Program::start(Command::new("python3").arg(&bridge).current_dir(&folder));
        program.configure(&settings).unwrap();
        let report: CheckReport = program.ask("check", &json!({})).unwrap();
        !report.items[1].detail.contains("not enabled")
    };
    assert!(!enabled());
    fs::write(folder.path().join(".env"), "# a comment\nexport NX_SHELF_PATH='/shelf'\n").unwrap();
    assert!(enabled());
}

#[test]
fn the_manifest_promises_neither_find_nor_update() {
    let mut program = Program::script(BRIDGE);
    let manifest: Manifest = program.ask("manifest", &json!({})).unwrap();
    assert_eq!(manifest.name, "nexuslims-exporter");
    assert_eq!(manifest.capabilities, Vec::<String>::new());
    program.write("this is no JSON");
    assert!(program.line().contains("cannot be read"));
    let error = program.ask::<Target>("target", &json!({})).unwrap_err();
    assert!(error.message.contains("before it was configured"), "{error}");
}

#[test]
fn an_exporter_that_anybody_may_change_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("lib");
    fs::create_dir(&place).unwrap();
    let file = place.join("shelf.py");
    fs::copy(script(SHELF), &file).unwrap();
    let may = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let by_module = json!({"exporter": "shelf", "pythonpath": [place], "nexuslims": "stand-in"});
    let by_file = json!({"exporter": file, "nexuslims": "stand-in"});
    for (file_mode, folder_mode, fits) in
        [(0o644, 0o755, true), (0o646, 0o755, false), (0o644, 0o757, false), (0o644, 0o1777, true)]
    {
        may(&file, file_mode);
        may(&place, folder_mode);
        for settings in [&by_module, &by_file] {
            match started(settings) {
                Ok(_) => assert!(fits, "{file_mode:o} in {folder_mode:o} was taken"),
                Err(error) => {
                    assert!(!fits && error.message.contains("everybody may write to"), "{error}");
                    assert!(error.hint.unwrap().starts_with("chmod o-w "));
                }
            }
        }
    }
}

#[test]
fn the_page_has_every_setting() {
    let page = fs::read_to_string(script("docs/exporters-from-nexuslims.md")).unwrap();
    let manifest: Manifest = Program::script(BRIDGE).ask("manifest", &json!({})).unwrap();
    let settings = manifest.settings["properties"].as_object().unwrap().clone();
    assert_eq!(settings.len(), 8);
    for (name, schema) in settings {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("the page does not have `{name}`"));
        for choice in schema["enum"].as_array().into_iter().flatten() {
            let choice = choice.as_str().unwrap();
            assert!(
                page.contains(&format!("`{choice}`")) || page.contains(&format!("\"{choice}\"")),
                "{row}"
            );
        }
    }
}
