//! What the fuzzer drives (`fuzz/`), driven by every build: over the fuzzer's seeds, and over seeds that were damaged.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// A function that reads bytes from outside, and tells how much it made of them.
type Reader = fn(&[u8]) -> Result<usize, String>;

/// The targets of the fuzzer, and how many of its seeds mean something to them at least.
const TARGETS: [(&str, Reader, usize); 10] = [
    ("cdcs_answers", nexus_plugin_cdcs::fuzz::answer, 7),
    ("cells", nexus_core::fuzz::cell, 7),
    ("config", nexus_core::fuzz::config, 1),
    ("labarchives_answers", nexus_plugin_labarchives::fuzz::answer, 7),
    ("logbooks", nexus_plugin_logbook::fuzz::log, 3),
    ("nemo_answers", nemo, 8),
    ("plugin_lines", nexus_core::fuzz::plugin_line, 14),
    ("previews", nexus_core::fuzz::preview, 14),
    ("records", nexus_core::fuzz::record, 2),
    ("sharepoint_answers", nexus_plugin_sharepoint::fuzz::answer, 5),
];

fn nemo(body: &[u8]) -> Result<usize, String> {
    nexus_plugin_nemo::fuzz::answer(body).map(|read| read.rows)
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The seeds of a target, each with its name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for entry in fs::read_dir(fuzz().join("seeds").join(target)).unwrap() {
        let path = entry.unwrap().path();
        seeds.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    seeds.sort();
    seeds
}

#[test]
fn every_target_is_driven_here() {
    let named = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz().join(folder)).unwrap();
        let stem = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        let names = entries.map(|entry| stem(&entry.unwrap().path()));
        names.filter(|name| !name.starts_with('.')).collect()
    };
    let ours: BTreeSet<String> = TARGETS.iter().map(|(target, ..)| (*target).to_owned()).collect();
    assert_eq!(named("fuzz_targets"), ours);
    assert_eq!(named("seeds"), ours);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    for target in &ours {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
    }
}

#[test]
fn every_seed_is_read() {
    for (target, read, at_least) in TARGETS {
        let mut understood = 0;
        for (name, seed) in seeds(target) {
            understood += usize::from(read(&seed).unwrap_or_else(|why| panic!("{name}: {why}")) > 0);
        }
        assert!(understood >= at_least, "{understood} seeds mean something to {target}");
    }
}

/// Pieces cut out, doubled or overwritten.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, prop::sample::Index, u8, u8)>> {
    prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..4_u8),
        1..4,
    )
}

#[test]
fn damaged_seeds_are_read() {
    for (target, read, _) in TARGETS {
        let seeds: Vec<Vec<u8>> = seeds(target).into_iter().map(|(_, seed)| seed).collect();
        let given = (prop::sample::select(seeds.clone()), prop::sample::select(seeds), damage());
        let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
        let outcome = TestRunner::new(config).run(&given, |(mut seed, other, damage)| {
            for (one, another, byte, how) in damage {
                let (one, another) = (one.index(seed.len() + 1), another.index(seed.len() + 1));
                let (from, to) = (one.min(another), one.max(another));
                let piece = match how {
                    0 => Vec::new(),
                    1 => seed[from..to].repeat(2),
                    2 => other[from.min(other.len())..to.min(other.len())].to_vec(),
                    _ => vec![byte; (to - from).min(1)],
                };
                let to = if how == 3 { from + piece.len() } else { to };
                seed.splice(from..to, piece);
            }
            read(&seed).map(drop).map_err(TestCaseError::fail)
        });
        outcome.unwrap_or_else(|why| panic!("{target}: {why}"));
    }
}
