//! Nothing but what goes in decides what comes out.

use proptest::prelude::*;

use super::*;
use crate::record::EXTRACTION_DATE;

/// The record without the moments of reading.
fn undated(built: &BuiltRecord) -> String {
    text(built).lines().filter(|line| !line.contains(EXTRACTION_DATE)).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let names: Vec<String> = (0..40).map(|number| format!("sem/{}.dat", (number * 7) % 40)).collect();
    let disk = Disk::with(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let records: Vec<BuiltRecord> = [1, 2, 8]
        .map(|threads| {
            let readers = disk.readers().with("odd", &["dat"], 0, odd());
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| disk.build(&readers)).unwrap()
        })
        .into();
    for other in &records[1..] {
        assert_eq!(undated(&records[0]), undated(other));
        assert_eq!(records[0].content_sha256, other.content_sha256);
        assert_eq!(records[0].warnings, other.warnings);
    }
    assert_eq!(records[0].warnings.len(), 8);
}

/// Fails on every fifth file.
fn odd() -> Arc<dyn Extractor> {
    scripted(|_, path| {
        let number: u32 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        if number.is_multiple_of(5) {
            return Err(PluginError::permanent("cannot read it"));
        }
        Ok(vec![signal("Image", &[("Number", MetaValue::Integer(number.into()))])])
    })
}

#[test]
fn another_date_or_version_is_the_same_content() {
    let disk = Disk::with(&["a.tif", "b.tif"]);
    let readers = disk.readers();
    let (early, late) = (clock(), Stepping::from("2027-01-01T00:00:00+00:00"));
    let first = build(&disk.material(&readers, &early)).unwrap();
    let second = build(&Material { version: "10", ..disk.material(&readers, &late) }).unwrap();
    assert_eq!(first.content_sha256, second.content_sha256);
    assert_ne!(first.file_sha256, second.file_sha256);
    let again = build(&disk.material(&readers, &clock())).unwrap();
    assert_eq!(first.file_count, again.file_count);
    assert_eq!(undated(&first), undated(&again));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the times and names: every file is in exactly one activity, in the order of time.
    #[test]
    fn every_file_is_in_one_activity(
        times in prop::collection::vec(0u64..20_000, 1..12),
        sensitivity in prop_oneof![Just(0.0), Just(1.0), 0.1f64..5.0],
        stem in "\\PC{0,8}",
    ) {
        let stem = stem.replace(['/', '\0'], "_");
        let mut disk = Disk::new();
        for (position, seconds) in times.iter().enumerate() {
            let name = format!("sem/{stem}{position}");
            disk.put(Path::new(&name), b"x", 1_709_655_000_000_000_000 + seconds * 1_000_000_000);
        }
        let (readers, clock) = (disk.readers(), clock());
        let built = build(&Material { sensitivity, ..disk.material(&readers, &clock) }).unwrap();
        prop_assert_eq!(built.file_count, times.len() as u64);
        let document = roxmltree::Document::parse(text(&built)).unwrap();
        let found: Vec<PathBuf> = document
            .descendants()
            .filter(|node| node.has_tag_name((xml::NAMESPACE, "location")))
            .map(|node| PathBuf::from(record::percent_decode(node.text().unwrap()).unwrap()))
            .collect();
        let expected: Vec<PathBuf> = disk
            .files
            .iter()
            .map(|file| Path::new("/").join(file.path.strip_prefix(disk.instrument_data()).unwrap()))
            .collect();
        prop_assert_eq!(found, expected);
        let activities = document
            .descendants()
            .filter(|node| node.has_tag_name((xml::NAMESPACE, "acquisitionActivity")));
        for activity in activities {
            prop_assert!(activity.children().any(|node| node.has_tag_name((xml::NAMESPACE, "dataset"))));
        }
    }
}
