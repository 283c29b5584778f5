//! `nexus plugins new`, over the built program: what it makes passes its own tests and the conformance kit.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::fs;
use std::process::Command;

use common::Sandbox;
use serde_json::Value;

const KINDS: [&str; 3] = ["harvester", "destination", "extractor"];

/// The workspace, whose nexus-plugin-api the projects use.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn python_projects_pass_their_tests_and_the_kit() {
    for kind in KINDS {
        let sandbox = Sandbox::new();
        let made = sandbox
            .nexus(["plugins", "new", "my-first_one", "--lang", "python", "--kind", kind, "--json"])
            .json();
        assert_eq!(made["plugin"], "my-first_one/my_first_one.py");
        let folder = sandbox.path("my-first_one");
        for file in made["files"].as_array().unwrap() {
            let text = fs::read_to_string(folder.join(file.as_str().unwrap())).unwrap();
            for left in ["my-plugin", "my_plugin", "MyPlugin", "@"] {
                let ours = left == "@" && text.contains("actions/checkout@v4");
                assert!(ours || !text.contains(left), "{file}: {left}");
            }
        }
        let tests = Command::new("python3")
            .args(["-W", "error", "-m", "unittest"])
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(tests.status.success(), "{kind}: {}", String::from_utf8_lossy(&tests.stderr));
        let report = sandbox.nexus(["plugins", "test", "my-first_one", "--json"]).code(0);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert!(report["passed"].as_u64().unwrap() > 60, "{report:#}");
        let shown = sandbox.nexus(["plugins", "show", "my-first_one/my_first_one.py", "--json"]).json();
        assert_eq!(shown["manifest"]["name"], "my-first_one");
        assert_eq!(shown["manifest"]["kind"], kind);
    }
}

/// The lower half of the Python files is said to be the same for all.
#[cfg(unix)]
#[test]
fn a_python_file_can_be_started_by_itself() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    sandbox.nexus(["plugins", "new", "shelf", "--lang", "python", "--kind", "destination"]).done();
    let program = sandbox.path("shelf/shelf.py");
    let mode = fs::metadata(&program).unwrap().permissions().mode();
    assert_eq!((mode & 0o100, mode & 0o002), (0o100, 0));
    let others = fs::metadata(sandbox.path("shelf/README.md")).unwrap().permissions().mode();
    assert_eq!(others & 0o111, 0);
}

#[test]
fn a_rust_project_has_the_api_where_it_was_said_to_be() {
    let sandbox = Sandbox::new();
    let new = |name: &str, api: &[&str]| {
        sandbox.nexus([&["plugins", "new", name, "--lang", "rust", "--kind", "extractor"], api].concat())
    };
    new("by-path", &["--api", CHECKOUT]).done();
    let manifest = fs::read_to_string(sandbox.path("by-path/Cargo.toml")).unwrap();
    let crate_folder = fs::canonicalize(CHECKOUT).unwrap().join("nexus-plugin-api");
    assert_eq!(
        manifest.matches(&format!("{{ path = \"{}\"", crate_folder.display())).count(),
        2,
        "{manifest}"
    );
    // The versions that nexus itself was tested with.
    let lock = |path: &std::path::Path| fs::read(path.join("Cargo.lock")).unwrap();
    assert_eq!(lock(&sandbox.path("by-path")), lock(CHECKOUT.as_ref()));

    new("by-git", &["--api", "https://git.example.org/nexus.git"]).done();
    let manifest = fs::read_to_string(sandbox.path("by-git/Cargo.toml")).unwrap();
    assert!(manifest.contains("{ git = \"https://git.example.org/nexus.git\", features"), "{manifest}");

    let refused = new("by-nothing", &[]).code(2);
    assert!(refused.stderr.contains("--api ../nexus names a checkout"), "{}", refused.stderr);
    let refused = new("by-mistake", &["--api", "by-git"]).code(2);
    assert!(refused.stderr.contains("`by-git` is neither a checkout of nexus nor"), "{}", refused.stderr);
    assert_eq!(sandbox.names(), ["by-git", "by-path"]);
}

#[test]
fn names_and_folders_that_cannot_be_used_are_refused() {
    let sandbox = Sandbox::new();
    let new = |name: &str, folder: &[&str]| {
        sandbox.nexus([&["plugins", "new", name, "--lang", "python", "--kind", "harvester"], folder].concat())
    };
    for (name, part) in [
        ("Shelf", "a name is 1 to 64 of a-z, 0-9, hyphen, underscore"),
        ("../shelf", "a name is 1 to 64"),
        ("1st", "it must begin with a letter"),
        ("json", "`json` means something else in Python"),
    ] {
        let refused = new(name, &[]).code(2);
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    sandbox.write("there/thesis.tex", "");
    let refused = new("shelf", &["--folder", "there"]).code(2);
    assert!(
        refused.stderr.contains("`there` exists already, and nothing is overwritten"),
        "{}",
        refused.stderr
    );
    assert_eq!(sandbox.names(), ["there"]);
    new("shelf", &["--folder", "below/here"]).done();
    assert!(sandbox.path("below/here/shelf.py").is_file());
}
