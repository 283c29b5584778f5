//! The bridge beside the installed NexusLIMS: a facility's exporter with NexusLIMS's own classes, and an exporter that
//! comes with NexusLIMS.

use std::fs;
use std::path::Path;

use nexus_plugin_api::{CheckReport, Delivery, Effect, FailureClass, PluginError, Remote, Step, Target};
use nexus_tests::fake_cdcs::{self, FakeCdcs};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::peer::Peer;
use nexus_tests::program::{Program, script};
use serde_json::{Value, json};

use crate::delivery::delivery;

fn started(peer: &Peer, folder: &Path, settings: &Value) -> Program {
    let bridge = script("plugins/python-bridge/nexus_exporter_bridge.py");
    let mut program = Program::start(peer.python(folder).arg(bridge));
    program.configure(settings).unwrap();
    program
}

fn deliver(program: &mut Program, delivery: &Delivery) -> Result<Remote, PluginError> {
    match program.ask("deliver", &serde_json::to_value(delivery).unwrap())? {
        Step::Done(remote) => Ok(remote),
        more @ Step::More(_) => panic!("{more:?}"),
    }
}

#[test]
fn a_facilitys_exporter_gets_the_classes_of_nexuslims() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("shelf")).unwrap();
    let settings = json!({
        "exporter": script("tests/testdata/exporters/shelf.py"),
        "environment": {"NX_SHELF_PATH": folder.path().join("shelf")},
        "nexuslims": "installed",
    });
    let mut program = started(&peer, folder.path(), &settings);
    let report: CheckReport = program.ask("check", &json!({})).unwrap();
    assert!(report.passed() && report.items[0].detail.contains("the installed NexusLIMS"), "{report:?}");
    let remote = deliver(&mut program, &delivery(folder.path())).unwrap();
    let slip = fs::read_to_string(folder.path().join(format!("shelf/{}.slip", remote.id))).unwrap();
    for line in [
        "session lab-use-31",
        "classes nexusLIMS.exporters.base nexusLIMS.exporters.base",
        "previous cdcs True 65e1 https://cdcs.example.org/65e1",
        "booking Grain boundaries by Ada King/Lovelace",
        "samples ['Steel'] [['Fe', 'C']] projects ['P-7']",
        "booked 2024-03-05T09:00:00-07:00 on TITAN",
    ] {
        assert!(slip.lines().any(|found| found == line), "`{line}` is not in\n{slip}");
    }
    let (code, errors) = program.end();
    assert_eq!(code, Some(0));
    assert!(errors.contains("exporting lab-use-31"), "{errors}");
}

fn cdcs_settings(folder: &Path, cdcs: &FakeCdcs, token: &str) -> Value {
    for name in ["files", "data"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    fs::write(folder.join("nexus.db"), "").unwrap();
    json!({
        "exporter": "nexusLIMS.exporters.destinations.cdcs:CDCSDestination",
        "environment": {
            "NX_INSTRUMENT_DATA_PATH": folder.join("files"),
            "NX_DATA_PATH": folder.join("data"),
            "NX_DB_PATH": folder.join("nexus.db"),
            "NX_CDCS_URL": cdcs.url(),
            "NX_CDCS_TOKEN": token,
        },
    })
}

#[test]
fn the_cdcs_exporter_of_nexuslims_delivers() {
    let Some(peer) = Peer::find() else { return };
    let (folder, cdcs) = (tempfile::tempdir().unwrap(), FakeCdcs::start());
    let mut program = started(&peer, folder.path(), &cdcs_settings(folder.path(), &cdcs, fake_cdcs::TOKEN));
    let target: Target = program.ask("target", &json!({})).unwrap();
    assert_eq!((target.id.as_str(), target.can_find), ("nexuslims-exporter:cdcs", false));
    let delivery = delivery(folder.path());
    let remote = deliver(&mut program, &delivery).unwrap();
    let records = cdcs.records();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].title, delivery.record.name);
    assert_eq!(records[0].content, fs::read_to_string(delivery.record.path.as_path()).unwrap());
    assert_eq!(remote.id, records[0].id.to_string());

    // It was carried out, and the answer was lost: nobody must think that nothing is there.
    cdcs.server.fail(Rule::on("/rest/data", Fault::DropAfter).method("POST").times(1));
    let error = deliver(&mut program, &delivery).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Transient, Effect::Maybe), "{error}");
    assert_eq!(cdcs.records().len(), 2);
}

#[test]
fn a_wrong_token_is_found_before_anything_is_exported() {
    let Some(peer) = Peer::find() else { return };
    let (folder, cdcs) = (tempfile::tempdir().unwrap(), FakeCdcs::start());
    let mut program = started(&peer, folder.path(), &cdcs_settings(folder.path(), &cdcs, "not the token"));
    let error = program.ask::<Target>("target", &json!({})).unwrap_err();
    assert!(error.message.contains("exporter `cdcs` cannot be used"), "{error}");
    assert_eq!(error.effect, Effect::None);
    let report: CheckReport = program.ask("check", &json!({})).unwrap();
    assert!(!report.passed());
}
