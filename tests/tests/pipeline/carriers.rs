//! A destination that is linked, the same one loaded, and once more in a process of its own: the same deliveries.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nexus_core::session::RecordStatus;
use nexus_tests::lab::Lab;
use nexus_tests::nexus_bin;

/// The library of this name beside the test binary.
fn library(name: &str) -> PathBuf {
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = std::env::current_exe().unwrap().with_file_name(file);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_owned();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn linked_loaded_and_isolated_deliver_the_same_records_and_log_the_same() {
    let isolated = format!("library = \"{}\"", library("nexus_folder").display());
    let loaded = format!("{isolated}\nisolation = \"none\"");
    let seen = ["plugin = \"folder\"", &loaded, &isolated].map(|carrier| {
        let mut lab = Lab::new();
        lab.plugin_host = vec![nexus_bin::path().into(), "plugin-host".into()];
        fs::create_dir(lab.path("tree")).unwrap();
        lab.table("tree", &format!("{carrier}\npath = \"tree\""));
        lab.sessions(1..=8);
        lab.harvester.put(Lab::event(9));
        lab.run();
        for number in 1..=8 {
            assert_eq!(lab.status(number), Some(RecordStatus::Completed));
        }
        assert_eq!(lab.status(9), Some(RecordStatus::NoFilesFound));
        lab.put_file(3, "second");
        lab.sql("UPDATE nexus_session SET rebuild_requested = 1 WHERE record_name IS NOT NULL", &[]);
        lab.run();
        let folder = lab.folder.path().to_str().unwrap().to_owned();
        let mut log: Vec<String> = lab.dump()["upload_log"]
            .iter()
            .map(|row| row[1..].join(" ").replace(&folder, "FOLDER"))
            .collect();
        log.sort();
        assert_eq!(log.len(), 9, "one record of eight has changed");
        let files = tree(&lab.path("tree"));
        assert_eq!(files.keys().filter(|name| name.extension() == Some("xml".as_ref())).count(), 8);
        (files, log)
    });
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}
