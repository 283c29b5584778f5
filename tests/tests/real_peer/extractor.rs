//! `examples/python-extractor` with RosettaSciIO, which is installed beside NexusLIMS.

use std::fs;
use std::path::Path;

use nexus_core::config::{Carrier, Config};
use nexus_core::plugins::conformance::{self, Options, Place};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::message::{AcceptsAnswer, ExtractAnswer};
use nexus_plugin_api::{CheckReport, FailureClass, MetaMap, MetaNode, MetaValue, PluginError, Signal};
use nexus_tests::peer::Peer;
use nexus_tests::program::{Program, script};
use serde_json::json;

fn at<'m>(map: &'m MetaMap, path: &[&str]) -> Option<&'m MetaValue> {
    let (first, rest) = path.split_first()?;
    match map.get(first)? {
        MetaNode::Map(inner) => at(inner, rest),
        MetaNode::Value(value) => rest.is_empty().then_some(value),
    }
}

fn text(text: &str) -> MetaValue {
    MetaValue::Text(text.to_owned())
}

fn quantity(number: f64, unit: &str) -> MetaValue {
    MetaValue::Quantity(Box::new(MetaValue::Float(number)), unit.to_owned())
}

fn extract(program: &mut Program, path: &Path) -> Result<Vec<Signal>, PluginError> {
    let accepted: AcceptsAnswer = program.ask("accepts", &json!({"path": path}))?;
    assert!(accepted.accepts, "{}", path.display());
    program.ask("extract", &json!({"path": path})).map(|answer: ExtractAnswer| answer.signals)
}

/// Files that the reader itself makes.
fn make_files(peer: &Peer, folder: &Path) {
    let mut command = peer.python(folder);
    let made = command.arg(script("tests/real/make_microscope_files.py")).arg(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn files_of_several_formats_give_their_signals() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (files, scratch) = (folder.path().join("files"), folder.path().join("scratch"));
    fs::create_dir(&files).unwrap();
    fs::create_dir(&scratch).unwrap();
    make_files(&peer, &files);
    let mut program =
        Program::start(peer.python(&files).arg(script("examples/python-extractor/microscopy.py")));
    program.scratch = Some(scratch.clone());
    program.configure(&json!({})).unwrap();
    let report: CheckReport = program.ask("check", &json!({})).unwrap();
    assert!(report.passed(), "{report:?}");

    let [spectrum] = &extract(&mut program, &files.join("spectrum.msa")).unwrap()[..] else { panic!() };
    assert_eq!(spectrum.dataset_type, "Spectrum");
    for (path, value) in [
        (&["Data Type"][..], text("TEM_EELS_Spectrum")),
        (&["Data Dimensions"], text("(64,)")),
        (&["acceleration_voltage"], quantity(300.0, "kV")),
        (&["extensions", "Collection Angle"], quantity(3.4, "mrad")),
        (&["extensions", "Axes", "x", "scale"], quantity(0.5, "eV")),
        (&["extensions", "Title"], text("A made file")),
    ] {
        assert_eq!(at(&spectrum.metadata, path), Some(&value), "{path:?}: {:#?}", spectrum.metadata);
    }
    assert_eq!(spectrum.preview, None);

    let [image] = &extract(&mut program, &files.join("image.emd")).unwrap()[..] else { panic!() };
    assert_eq!(image.dataset_type, "Image");
    assert_eq!(at(&image.metadata, &["Data Dimensions"]), Some(&text("(600, 1200)")));
    let preview = image.preview.as_ref().unwrap().as_path();
    assert_eq!(preview.parent(), Some(&*scratch));
    let head = fs::read(preview).unwrap();
    assert_eq!(head[..8], *b"\x89PNG\r\n\x1a\n");
    let size = |from: usize| u32::from_be_bytes(head[from..from + 4].try_into().unwrap());
    assert_eq!((size(16), size(20)), (400, 200), "at most 500 a side");

    let [pattern] = &extract(&mut program, &files.join("pattern.emd")).unwrap()[..] else { panic!() };
    assert_eq!(pattern.dataset_type, "Diffraction");
    assert_eq!(at(&pattern.metadata, &["extensions", "Axes", "x", "scale"]), Some(&quantity(0.5, "1/nm")));

    let error = extract(&mut program, &files.join("broken.emd")).unwrap_err();
    assert_eq!(error.class, FailureClass::Permanent);
    assert!(error.message.contains("broken.emd"), "{error}");
    assert!(extract(&mut program, &files.join("image.emd")).is_ok(), "it goes on");

    program.configure(&json!({"previews": false})).unwrap();
    let [image] = &extract(&mut program, &files.join("image.emd")).unwrap()[..] else { panic!() };
    assert_eq!(image.preview, None);
    // Nothing was written beside the files.
    assert_eq!(fs::read_dir(&files).unwrap().count(), 4);
}

#[test]
fn the_configuration_names_it_and_the_host_reads_with_it() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["files", "data", "scratch"] {
        fs::create_dir(path(name)).unwrap();
    }
    let program = fs::canonicalize(script("examples/python-extractor/microscopy.py")).unwrap();
    make_files(&peer, &path("files"));
    let python = peer.python(folder.path()).get_program().to_owned();
    let text = format!(
        "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
         [extractors.microscopy]\ncommand = [{python:?}, {program:?}]\n"
    );
    let config = Config::from_text(&text, folder.path(), "nexus.toml").unwrap();
    let surroundings = Surroundings::of(&config, path("scratch"));
    let plugins = Catalogue::default().open(&config, &surroundings).unwrap();
    let [extractor] = &plugins.extractors[..] else { panic!("{plugins:?}") };
    assert_eq!((extractor.plugin.as_str(), extractor.priority), ("microscopy", 50));
    let signals = extractor.read(&path("files/image.emd"), &path("scratch")).unwrap().unwrap();
    assert_eq!(signals[0].dataset_type, "Image");
    assert!(signals[0].preview.as_ref().unwrap().as_path().starts_with(path("scratch")));
    fs::write(path("files/other.emd"), "no such file").unwrap();
    assert!(extractor.read(&path("files/other.emd"), &path("scratch")).unwrap().is_none());
}

#[test]
fn it_conforms() {
    let Some(peer) = Peer::find() else { return };
    let folder = tempfile::tempdir().unwrap();
    make_files(&peer, folder.path());
    let program = fs::canonicalize(script("examples/python-extractor/microscopy.py")).unwrap();
    let python = peer.python(folder.path()).get_program().to_str().unwrap().to_owned();
    let words = vec![python, program.to_str().unwrap().to_owned()];
    let mut options = Options::new(Place::below(folder.path()).unwrap());
    options.samples = ["image.emd", "spectrum.msa"].map(|name| folder.path().join(name)).into();
    options.only = vec!["manifest".to_owned(), "extractor".to_owned()];
    let surroundings = Surroundings { folder: options.place.folder(), ..Surroundings::default() };
    let carrier = Carrier::Command { words, sha256: None, processes: 1 };
    let plugin = Catalogue::default().load(&carrier, None, "kit", &surroundings).unwrap();
    let report = conformance::run(plugin, &options);
    let failures: Vec<String> =
        report.failures().map(|(check, failure)| format!("{}: {}", check.name, failure.why)).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(report.passed() > 20, "{}", report.passed());
}
