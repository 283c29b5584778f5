//! What the files beside a record cost: previews drawn, metadata and previews written.
//!
//! `cargo bench -p nexus-core --bench side_files`; files are made in the system's folder for temporary files,
//! or in `$TMPDIR`. One thread each, as a worker of the build does it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};

use divan::Bencher;
use divan::counter::ItemsCount;
use image::{GrayImage, Luma};
use nexus_core::durable;
use nexus_core::preview::preview_of;
use nexus_core::side_file::{Place, metadata_json, write_metadata, write_preview};
use nexus_plugin_api::{MetaMap, MetaValue, Signal};
use tempfile::TempDir;

/// Files of one group, written and synced together.
const GROUP: usize = 500;

fn main() {
    divan::main();
}

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn note() -> Vec<u8> {
    let line = |number: i32| {
        let stage = f64::from(number) / 7.0;
        format!("{number:>4}  stage {stage:.3} mm  voltage 15.0 kV  current 0.43 nA\r\n")
    };
    (0..25).map(line).collect::<String>().into_bytes()
}

fn signal() -> Signal {
    let mut metadata = MetaMap::default();
    metadata.insert("Data Type", MetaValue::Text("SEM_Imaging".into()));
    for number in 0..20 {
        let value = MetaValue::Quantity(Box::new(MetaValue::Float(f64::from(number) * 0.37)), "kV".into());
        metadata.insert(format!("Quantity {number}"), value);
    }
    let mut extraction = MetaMap::default();
    extraction.insert("Date", MetaValue::Text("2024-03-05T09:10:00.125000-07:00".into()));
    extraction.insert("Version", MetaValue::Text("0.1.0".into()));
    metadata.insert_map("NexusLIMS Extraction", extraction);
    Signal { dataset_type: "Image".into(), metadata, warnings: vec![], preview: None }
}

#[divan::bench]
fn preview_of_a_small_text(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "note.txt", &note());
    bencher.bench(|| preview_of(&path).unwrap().unwrap().len());
}

#[divan::bench]
fn preview_of_a_large_text(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "table.txt", &note().repeat(1000));
    bencher.bench(|| preview_of(&path).unwrap().unwrap().len());
}

/// A picture of 1,024 × 1,024 greys with the noise of a detector.
#[divan::bench]
fn preview_of_a_png_picture(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let mut noise = 1_u32;
    let picture = GrayImage::from_fn(1024, 1024, |x, y| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Luma([u8::try_from(((x / 8) ^ (y / 8)) & 0x7f).unwrap() + u8::try_from(noise >> 28).unwrap()])
    });
    let path = folder.path().join("picture.png");
    picture.save(&path).unwrap();
    bencher.bench(|| preview_of(&path).unwrap().unwrap().len());
}

#[divan::bench]
fn metadata_as_json(bencher: Bencher) {
    let signal = signal();
    bencher.bench(|| metadata_json(&signal).len());
}

fn write_all(data: &Path, signal: &Signal, png: &[u8]) {
    for number in 0..GROUP {
        let relative = PathBuf::from(format!("SEM/{}/{number}.txt", number / 25));
        let place = Place::new(data, &relative, 0, 1).unwrap();
        write_metadata(&place, signal).unwrap();
        write_preview(&place, png).unwrap();
    }
}

/// Metadata and preview of 500 files, and the one sync for all of them.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn new_side_files_of_500_files(bencher: Bencher) {
    let source = tempfile::tempdir().unwrap();
    let png = preview_of(&file(&source, "note.txt", &note())).unwrap().unwrap();
    let signal = signal();
    bencher.counter(ItemsCount::new(GROUP)).with_inputs(|| tempfile::tempdir().unwrap()).bench_refs(|data| {
        write_all(data.path(), &signal, &png);
        durable::sync_filesystem(data.path()).unwrap();
    });
}

/// The same without the sync.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn new_side_files_of_500_files_unsynced(bencher: Bencher) {
    let source = tempfile::tempdir().unwrap();
    let png = preview_of(&file(&source, "note.txt", &note())).unwrap().unwrap();
    let signal = signal();
    bencher
        .counter(ItemsCount::new(GROUP))
        .with_inputs(|| tempfile::tempdir().unwrap())
        .bench_refs(|data| write_all(data.path(), &signal, &png));
}

/// The same again where nothing changed.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn unchanged_side_files_of_500_files(bencher: Bencher) {
    let data = tempfile::tempdir().unwrap();
    let png = preview_of(&file(&data, "note.txt", &note())).unwrap().unwrap();
    let signal = signal();
    write_all(data.path(), &signal, &png);
    bencher.counter(ItemsCount::new(GROUP)).bench(|| write_all(data.path(), &signal, &png));
}
