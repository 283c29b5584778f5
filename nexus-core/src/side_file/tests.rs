//! Places, the bytes of the JSON text, and when a file is written.

use std::os::unix::ffi::OsStrExt as _;

use nexus_plugin_api::{MetaMap, MetaValue};
use proptest::prelude::*;

use super::*;

fn signal(date: &str) -> Signal {
    let mut stage = MetaMap::default();
    stage.insert("α", MetaValue::Float(6.544_98e-6));
    stage.insert("x", MetaValue::Quantity(Box::new(MetaValue::Integer(5)), "μm".into()));
    let mut extraction = MetaMap::default();
    extraction.insert("Date", MetaValue::Text(date.into()));
    extraction.insert("Version", MetaValue::Text("1".into()));
    let mut metadata = MetaMap::default();
    metadata.insert("Data Type", MetaValue::Text("SEM \"Imaging\"\n\u{7f}😀".into()));
    metadata.insert("flags", MetaValue::List(vec![MetaValue::Boolean(true), MetaValue::Null]));
    metadata.insert("none", MetaValue::List(vec![]));
    metadata.insert("twice", MetaValue::Integer(1));
    metadata.insert("twice", MetaValue::Integer(2));
    metadata.insert_map("extensions", stage);
    metadata.insert_map("empty", MetaMap::default());
    metadata.insert_map("NexusLIMS Extraction", extraction);
    Signal {
        dataset_type: "Image".into(),
        metadata,
        warnings: vec![vec!["extensions".into(), "x".into()]],
        preview: None,
    }
}

#[test]
fn the_text_is_as_the_format_has_it() {
    let expected = r#"{
  "nx_meta": {
    "DatasetType": "Image",
    "Data Type": "SEM \"Imaging\"\n\u007f\ud83d\ude00",
    "flags": [
      true,
      null
    ],
    "none": [],
    "twice": 2,
    "extensions": {
      "\u03b1": 6.54498e-06,
      "x": {
        "value": 5.0,
        "unit": "micrometer"
      }
    },
    "empty": {},
    "NexusLIMS Extraction": {
      "Date": "2024-03-05",
      "Version": "1"
    },
    "warnings": [
      [
        "extensions",
        "x"
      ]
    ]
  }
}"#;
    assert_eq!(metadata_json(&signal("2024-03-05")), expected);
}

#[test]
fn what_the_metadata_names_itself_is_not_added() {
    let mut signal = signal("d");
    signal.metadata.0.truncate(1);
    signal.metadata.insert("warnings", MetaValue::List(vec![]));
    signal.metadata.insert("DatasetType", MetaValue::Text("Misc".into()));
    let value: serde_json::Value = serde_json::from_str(&metadata_json(&signal)).unwrap();
    let keys: Vec<&String> = value["nx_meta"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["Data Type", "warnings", "DatasetType"]);
    assert_eq!(value["nx_meta"]["DatasetType"], "Misc");
}

#[test]
fn numbers_that_json_lacks_become_text() {
    let mut metadata = MetaMap::default();
    for (key, value) in [
        ("nan", MetaValue::Float(f64::NAN)),
        ("inf", MetaValue::Quantity(Box::new(MetaValue::Float(f64::INFINITY)), "K".into())),
        ("minus", MetaValue::Float(f64::NEG_INFINITY)),
        ("digits", MetaValue::Decimal("1.20".into())),
        ("great", MetaValue::Decimal("18446744073709551616".into())),
        ("plus", MetaValue::Decimal("+5".into())),
        ("too great", MetaValue::Decimal("1e999".into())),
        ("word", MetaValue::Decimal("five".into())),
    ] {
        metadata.insert(key, value);
    }
    let signal = Signal { dataset_type: "Misc".into(), metadata, warnings: vec![], preview: None };
    let text = metadata_json(&signal);
    for line in [
        "\"nan\": \"NaN\"",
        "\"value\": \"Infinity\"",
        "\"minus\": \"-Infinity\"",
        "\"digits\": 1.20",
        "\"great\": 18446744073709551616",
        "\"plus\": 5.0",
        "\"too great\": \"1e999\"",
        "\"word\": \"five\"",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
}

#[test]
fn places_are_where_the_format_puts_them() {
    let data = Path::new("/mnt/nexus");
    let one = Place::new(data, Path::new("SEM/a b/x.tif"), 0, 1).unwrap();
    assert_eq!(one.json(), Path::new("/mnt/nexus/SEM/a b/x.tif.json"));
    assert_eq!(one.preview(), Path::new("/mnt/nexus/SEM/a b/x.tif.thumb.png"));
    let third = Place::new(data, Path::new("x.dm3"), 2, 3).unwrap();
    assert_eq!(third.json(), Path::new("/mnt/nexus/x.dm3_signal2.json"));
    assert_eq!(third.preview(), Path::new("/mnt/nexus/x.dm3_signal2.thumb.png"));
    for outside in ["/etc/passwd", "../x", "a/../../x", "", ".", "a/.."] {
        let error = Place::new(data, Path::new(outside), 0, 1).unwrap_err();
        assert!(matches!(error, SideFileError::Outside { .. }), "{outside}: {error}");
    }
}

#[test]
fn names_that_are_not_utf8_are_kept() {
    let data = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"d/\xff\xfe.txt");
    let place = Place::new(data.path(), Path::new(name), 0, 1).unwrap();
    write_preview(&place, b"png").unwrap();
    assert!(place.preview().as_os_str().as_bytes().ends_with(b"d/\xff\xfe.txt.thumb.png"));
    assert_eq!(fs::read(place.preview()).unwrap(), b"png");
}

#[test]
fn metadata_is_written_again_only_when_more_than_the_date_differs() {
    let data = tempfile::tempdir().unwrap();
    let place = Place::new(data.path(), Path::new("a/b.tif"), 0, 1).unwrap();
    let first = signal("2024-03-05T09:00:00-05:00");
    assert_eq!(write_metadata(&place, &first).unwrap(), Outcome::Written);
    let before = fs::read(place.json()).unwrap();
    let later = signal("2024-03-06T09:00:00.123456-05:00");
    assert_eq!(write_metadata(&place, &later).unwrap(), Outcome::Unchanged);
    assert_eq!(fs::read(place.json()).unwrap(), before);

    let mut changed = first.clone();
    changed.metadata.insert("more", MetaValue::Null);
    assert_eq!(write_metadata(&place, &changed).unwrap(), Outcome::Written);
    assert_eq!(fs::read_to_string(place.json()).unwrap(), metadata_json(&changed));
}

#[test]
fn a_date_elsewhere_counts_as_content() {
    let data = tempfile::tempdir().unwrap();
    let place = Place::new(data.path(), Path::new("b.tif"), 0, 1).unwrap();
    let stage = |date: &str| {
        let mut stage = MetaMap::default();
        stage.insert("Date", MetaValue::Text(date.into()));
        let mut signal = signal("d");
        signal.metadata.insert_map("Stage", stage);
        signal
    };
    assert_eq!(write_metadata(&place, &stage("2024")).unwrap(), Outcome::Written);
    assert_eq!(write_metadata(&place, &stage("2025")).unwrap(), Outcome::Written);
    assert_eq!(write_metadata(&place, &stage("2025")).unwrap(), Outcome::Unchanged);
}

#[test]
fn a_half_written_file_is_written_again() {
    let data = tempfile::tempdir().unwrap();
    let place = Place::new(data.path(), Path::new("b.tif"), 0, 1).unwrap();
    let signal = signal("d");
    write_metadata(&place, &signal).unwrap();
    let whole = fs::read(place.json()).unwrap();
    for broken in [Vec::new(), whole[..whole.len() - 3].to_vec(), vec![0; whole.len()]] {
        fs::write(place.json(), broken).unwrap();
        assert_eq!(write_metadata(&place, &signal).unwrap(), Outcome::Written);
        assert_eq!(fs::read(place.json()).unwrap(), whole);
    }
    assert_eq!(write_preview(&place, b"one").unwrap(), Outcome::Written);
    assert_eq!(write_preview(&place, b"one").unwrap(), Outcome::Unchanged);
    assert_eq!(write_preview(&place, b"two").unwrap(), Outcome::Written);
}

#[test]
fn a_name_that_becomes_too_long_is_told_apart() {
    let data = tempfile::tempdir().unwrap();
    let place = |bytes: usize| Place::new(data.path(), Path::new(&"n".repeat(bytes)), 0, 1).unwrap();
    assert_eq!(write_preview(&place(245), b"x").unwrap(), Outcome::Written);
    assert!(matches!(write_preview(&place(246), b"x"), Err(SideFileError::NameTooLong { .. })));
    let deep: PathBuf = std::iter::repeat_n("f".repeat(200), 25).collect();
    let error = write_preview(&Place::new(data.path(), &deep, 0, 1).unwrap(), b"x").unwrap_err();
    assert!(matches!(error, SideFileError::NameTooLong { .. }), "{error:?}");
    assert!(!error.is_disk_full());
}

#[test]
fn a_file_where_a_folder_is_needed_is_an_error() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("a"), "x").unwrap();
    let error = write_preview(&Place::new(data.path(), Path::new("a/b"), 0, 1).unwrap(), b"x").unwrap_err();
    assert!(error.to_string().contains("a/b.thumb.png"), "{error}");
}

#[test]
fn a_full_disk_is_told_apart() {
    let full = io::Error::from(io::ErrorKind::StorageFull);
    let error = DurableError::DiskFull { action: "write", path: "/d".into(), source: full };
    assert!(SideFileError::from(error).is_disk_full());
}

#[test]
fn a_drawn_preview_is_copied_if_it_is_one() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = Place::new(data.path(), Path::new("a.dm3"), 1, 2).unwrap();
    let drawn = scratch.path().join("p.png");
    let error = copy_preview(&place, &drawn).unwrap_err();
    assert!(matches!(error, SideFileError::Unreadable { .. }), "{error:?}");
    fs::write(&drawn, b"<svg/>").unwrap();
    let error = copy_preview(&place, &drawn).unwrap_err();
    assert!(matches!(error, SideFileError::NotAPreview { .. }), "{error:?}");
    assert!(matches!(copy_preview(&place, scratch.path()), Err(SideFileError::NotAPreview { .. })));

    let mut png = PNG_SIGNATURE.to_vec();
    png.extend(b"\0\0\0\x0dIHDR\0\0\x01\xf4\0\0\0");
    fs::write(&drawn, &png).unwrap();
    assert!(matches!(copy_preview(&place, &drawn), Err(SideFileError::NotAPreview { .. })), "cut off");
    png.extend(b"\x02...");
    fs::write(&drawn, &png).unwrap();
    assert_eq!(copy_preview(&place, &drawn).unwrap(), Outcome::Written);
    assert_eq!(fs::read(data.path().join("a.dm3_signal1.thumb.png")).unwrap(), png);
    File::options().write(true).open(&drawn).unwrap().set_len(LARGEST_DRAWN + 1).unwrap();
    assert!(matches!(copy_preview(&place, &drawn), Err(SideFileError::NotAPreview { .. })));
}

/// What is in a picture file of this size.
fn png(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![7; (width * height) as usize];
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

#[test]
fn a_drawn_preview_of_many_pixels_is_made_smaller() {
    let (data, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = Place::new(data.path(), Path::new("a.dm3"), 0, 1).unwrap();
    let drawn = scratch.path().join("without_suffix");
    fs::write(&drawn, png(500, 20)).unwrap();
    copy_preview(&place, &drawn).unwrap();
    assert_eq!(fs::read(place.preview()).unwrap(), png(500, 20), "as it was drawn");
    fs::write(&drawn, png(1000, 20)).unwrap();
    copy_preview(&place, &drawn).unwrap();
    assert_eq!(longest_edge(&fs::read(place.preview()).unwrap()), Some(500));
    let mut bomb = png(1, 1);
    bomb[16..24].fill(0x7f);
    fs::write(&drawn, bomb).unwrap();
    assert!(matches!(copy_preview(&place, &drawn), Err(SideFileError::NotAPreview { .. })));
}

fn meta_value() -> impl Strategy<Value = MetaValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(MetaValue::Text),
        any::<i64>().prop_map(MetaValue::Integer),
        any::<f64>().prop_map(MetaValue::Float),
        any::<bool>().prop_map(MetaValue::Boolean),
        Just(MetaValue::Null),
        "[-+]?[0-9]{0,3}[.]?[0-9]{0,3}(e[0-9]{1,4})?".prop_map(MetaValue::Decimal),
        (any::<f64>(), any::<String>())
            .prop_map(|(n, unit)| MetaValue::Quantity(Box::new(MetaValue::Float(n)), unit)),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| proptest::collection::vec(inner, 0..3).prop_map(MetaValue::List))
}

proptest! {
    #[test]
    fn the_text_is_always_json_with_the_same_keys_and_texts(
        entries in proptest::collection::vec((any::<String>(), meta_value()), 0..6),
    ) {
        let mut metadata = MetaMap::default();
        for (key, value) in &entries {
            metadata.insert(key.clone(), value.clone());
        }
        let signal = Signal { dataset_type: "Misc".into(), metadata, warnings: vec![], preview: None };
        let text = metadata_json(&signal);
        prop_assert!(text.is_ascii());
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (key, _) in &entries {
            let (_, last) = entries.iter().rev().find(|(name, _)| name == key).unwrap();
            match last {
                MetaValue::Text(text) => prop_assert_eq!(&value["nx_meta"][key], text),
                MetaValue::Integer(n) => prop_assert_eq!(&value["nx_meta"][key], n),
                MetaValue::Float(n) if n.is_finite() => prop_assert_eq!(&value["nx_meta"][key], n),
                _ => prop_assert!(value["nx_meta"].get(key).is_some()),
            }
        }
    }
}
