//! Our schema and our verdicts, judged by libxml2 and by the schema that NexusLIMS ships.

use std::fs;
use std::path::{Path, PathBuf};

use nexus_core::validate::{SCHEMA, shipped};
use nexus_tests::peer::Peer;

use crate::facility::Facility;

/// Prints for each file a line: its name, what our schema says, what that of NexusLIMS says.
const JUDGE: &str = r#"
import importlib.util, pathlib, sys
from lxml import etree
package = pathlib.Path(importlib.util.find_spec("nexusLIMS").origin).parent
[theirs] = package.rglob("nexus-experiment.xsd")
schemas = [etree.XMLSchema(etree.parse(str(path))) for path in (sys.argv[1], theirs)]
for name in sys.argv[2:]:
    try:
        record = etree.parse(name)
        verdicts = ["valid" if schema.validate(record) else "invalid" for schema in schemas]
    except etree.XMLSyntaxError:
        verdicts = ["not-xml", "not-xml"]
    print(pathlib.Path(name).stem, *verdicts, sep="\t")
"#;

/// Name, and the verdicts by our schema and by theirs.
fn judged(peer: &Peer, folder: &Path, files: &[PathBuf]) -> Vec<[String; 3]> {
    let schema = folder.join("ours.xsd");
    fs::write(&schema, SCHEMA).unwrap();
    let output = peer.python(folder).arg("-c").arg(JUDGE).arg(&schema).args(files).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let rows: Vec<_> = text
        .lines()
        .map(|line| <[String; 3]>::try_from(line.split('\t').map(str::to_owned).collect::<Vec<_>>()).unwrap())
        .collect();
    assert_eq!(rows.len(), files.len());
    rows
}

fn xml_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut xml_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "xml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn records_of_nexus_are_valid_by_both_schemas() {
    let Some(peer) = Peer::find() else { return };
    let facility = Facility::with_our_database(&peer);
    facility.configure_nexus();
    facility.nexus_ends(&["run"], 0);
    let files = xml_below(&facility.path("data"));
    assert_eq!(files.len(), Facility::record_names().len(), "{files:?}");
    for file in &files {
        shipped().unwrap().validate(&fs::read(file).unwrap()).unwrap();
    }
    for [name, ours, theirs] in judged(&peer, &facility.path("."), &files) {
        assert_eq!([ours, theirs], ["valid", "valid"], "{name}");
    }
}

#[test]
fn the_stored_verdicts_are_those_of_libxml2_by_either_schema() {
    let Some(peer) = Peer::find() else { return };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nexus-core/testdata/schema");
    let folder = tempfile::tempdir().unwrap();
    let verdicts = fs::read_to_string(corpus.join("verdicts.tsv")).unwrap();
    let stored: Vec<(&str, &str)> = verdicts.lines().map(|line| line.split_once('\t').unwrap()).collect();
    let files: Vec<_> = stored.iter().map(|(name, _)| corpus.join(format!("{name}.xml"))).collect();
    let wrong: Vec<_> = judged(&peer, folder.path(), &files)
        .into_iter()
        .zip(&stored)
        .filter(|([name, ours, theirs], stored)| {
            (&**name, &**ours, &**theirs) != (stored.0, stored.1, stored.1)
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
