//! `examples/python-extractor` without the reader it stands on. With it: `tests/real_peer/extractor.rs`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use nexus_plugin_api::message::{AcceptsAnswer, ExtractAnswer};
use nexus_plugin_api::{CheckReport, FailureClass, Manifest, PathRef, PluginKind};
use nexus_tests::program::{Program, script};
use serde_json::json;

/// A Python that has nothing but its standard library.
fn bare() -> Program {
    Program::start(
        Command::new("python3").args(["-I", "-S"]).arg(script("examples/python-extractor/microscopy.py")),
    )
}

#[test]
fn without_the_reader_check_fails_with_what_to_do() {
    let mut program = bare();
    let manifest: Manifest = program.ask("manifest", &json!({})).unwrap();
    assert_eq!((manifest.kind, manifest.priority), (PluginKind::Extractor, 50));
    assert!(manifest.suffixes.contains(&"emd".to_owned()));
    program.configure(&json!({})).unwrap();
    let report: CheckReport = program.ask("check", &json!({})).unwrap();
    assert!(!report.passed());
    assert!(report.items[0].detail.contains("-m pip install rosettasciio"), "{report:?}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.emd");
    fs::write(&file, b"\x89HDF\r\n\x1a\n").unwrap();
    let error = program.ask::<ExtractAnswer>("extract", &json!({"path": file})).unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.hint.unwrap().contains("-m pip install rosettasciio"));
    assert_eq!(program.end(), (Some(0), String::new()));
}

#[test]
fn files_are_known_by_their_first_bytes() {
    let mut program = bare();
    let folder = tempfile::tempdir().unwrap();
    let mrc = [&[0; 208][..], b"MAP "].concat();
    for (name, bytes, wanted) in [
        (&b"a.dm3"[..], &b"\0\0\0\x03rest"[..], true),
        (b"a.DM4", b"\0\0\0\x04rest", true),
        (b"a.dm4", b"\0\0\0\x03rest", false),
        (b"a.mrc", &mrc, true),
        (b"a.mrc", b"short", false),
        (b"a.bcf", b"", false),
        (b"a.tif", b"II*\0", false),
        (b"\xff.emd", b"\x89HDF\r\n\x1a\n", true),
    ] {
        let path = folder.path().join(OsStr::from_bytes(name));
        fs::write(&path, bytes).unwrap();
        let params = json!({"path": PathRef::new(path)});
        let answer: AcceptsAnswer = program.ask("accepts", &params).unwrap();
        assert_eq!(answer.accepts, wanted, "{params}");
    }
    let gone = json!({"path": folder.path().join("gone.emd")});
    let error = program.ask::<AcceptsAnswer>("accepts", &gone).unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
}
