//! The plugins in Python: each is started as it is, and spoken to line by line.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "python/bridge.rs"]
mod bridge;
#[path = "python/delivery.rs"]
mod delivery;
#[path = "python/kit.rs"]
mod kit;
#[path = "python/microscopy.rs"]
mod microscopy;
#[path = "python/runs.rs"]
mod runs;
#[path = "python/share.rs"]
mod share;

use std::process::Command;

use nexus_plugin_api::Manifest;
use nexus_tests::program::{Program, script};

const PROGRAMS: [&str; 3] = [
    "examples/python-destination/share.py",
    "examples/python-extractor/microscopy.py",
    "plugins/python-bridge/nexus_exporter_bridge.py",
];

#[test]
fn python_3_9_and_its_standard_library_are_enough_to_start() {
    let parse = "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name, feature_version=(3, 9))";
    let output = Command::new("python3").args(["-c", parse]).args(PROGRAMS.map(script)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for program in PROGRAMS {
        // Isolated: no packages, no environment, no folder of the user.
        let mut running = Program::start(Command::new("python3").args(["-I", "-S"]).arg(script(program)));
        let manifest: Manifest = running.ask("manifest", &serde_json::json!({})).unwrap();
        assert_eq!(manifest.protocol, nexus_plugin_api::PROTOCOL_VERSION, "{program}");
        assert_eq!(running.end(), (Some(0), String::new()), "{program}");
    }
}
