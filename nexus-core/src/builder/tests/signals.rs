//! What readers give, and what stands in the record for it.

use super::*;

#[test]
fn every_signal_of_a_file_is_a_dataset() {
    let disk = Disk::with(&["sem/stack.emd"]);
    let readers = disk.readers().with(
        "velox",
        &["EMD"],
        0,
        scripted(|call, _| {
            let mut image =
                signal("Image", &[("Signal", MetaValue::Integer(0)), ("V", MetaValue::Integer(5))]);
            let picture = call.scratch.join("drawn.png");
            fs::write(&picture, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01rest").unwrap();
            image.preview = Some(PathRef::new(picture));
            let spectrum =
                signal("Spectrum", &[("Signal", MetaValue::Integer(1)), ("V", MetaValue::Integer(5))]);
            Ok(vec![image, spectrum])
        }),
    );
    let clock = clock();
    let built = build(&Material { previews: true, ..disk.material(&readers, &clock) }).unwrap();
    let text = text(&built);
    assert!(built.warnings.is_empty(), "{:?}", built.warnings);
    assert_eq!((built.file_count, built.dataset_count), (1, 2));
    assert!(text.contains("<name>stack.emd (1 of 2)</name>"), "{text}");
    assert!(text.contains("<name>stack.emd (2 of 2)</name>"), "{text}");
    assert!(text.contains("<preview>/sem/stack.emd_signal0.thumb.png</preview>"), "{text}");
    assert_eq!(text.matches("<preview>").count(), 1);
    assert_eq!(text.matches("<location>/sem/stack.emd</location>").count(), 2);
    assert!(text.contains("<dataset type=\"Spectrum\" role=\"Experimental\">"), "{text}");
    // Entries are signals: two of one file share what they have alike.
    assert!(text.contains("      <param name=\"V\">5</param>"), "{text}");
    assert!(text.contains("<param name=\"NexusLIMS Extraction – Module\">velox</param>"), "{text}");
    let beside = ["stack.emd_signal0.json", "stack.emd_signal0.thumb.png", "stack.emd_signal1.json"];
    assert_eq!(disk.beside(), beside.map(|name| format!("sem/{name}")));
}

#[test]
fn readers_are_asked_by_priority_and_may_decline() {
    struct Declines;
    impl Extractor for Declines {
        fn accepts(&self, _call: &Call, path: &PathRef) -> Result<bool, PluginError> {
            Ok(path.as_path().ends_with("wanted.tif"))
        }
        fn extract(&self, _call: &Call, _path: &PathRef) -> Result<Vec<Signal>, PluginError> {
            Ok(vec![signal("Image", &[])])
        }
        fn check(&self, _call: &Call) -> Result<CheckReport, PluginError> {
            Ok(CheckReport::default())
        }
    }
    let one = |kind: &'static str| scripted(move |_, _| Ok(vec![signal(kind, &[])]));
    let disk = Disk::with(&["other.TIF", "wanted.tif", "else.dat"]);
    let readers = disk
        .readers()
        .with("last", &["tif"], -5, one("Notes"))
        .with("second", &[".tif"], 3, one("Diffraction"))
        .with("third", &["tif"], 3, one("Notes"))
        .with("first", &["tif"], 9, Arc::new(Declines));
    let built = disk.build(&readers).unwrap();
    let document = roxmltree::Document::parse(text(&built)).unwrap();
    let types: Vec<&str> = document.descendants().filter_map(|node| node.attribute("type")).collect();
    assert_eq!(types, ["Diffraction", "Image", "Unknown"]);
}

fn with_reader(
    script: impl Fn(&Call, &Path) -> Result<Vec<Signal>, PluginError> + Send + Sync + 'static,
) -> BuiltRecord {
    let disk = Disk::with(&["a.dm3"]);
    let readers = disk.readers().with("dm", &["dm3"], 0, scripted(script));
    let built = disk.build(&readers).unwrap();
    assert!(fs::read_dir(disk.data().join(".scratch")).unwrap().next().is_none(), "scratch is left");
    built
}

#[test]
fn a_reader_that_does_not_work_costs_the_file_its_own_metadata() {
    type Failing = fn(&Call, &Path) -> Result<Vec<Signal>, PluginError>;
    let deep: Failing = |_, _| {
        let mut map = MetaMap::default();
        for _ in 0..100_000 {
            let mut outer = MetaMap::default();
            outer.insert_map("a", map);
            map = outer;
        }
        Ok(vec![Signal { metadata: map, ..signal("Image", &[]) }])
    };
    let cases: [(Failing, &str); 4] = [
        (|_, _| Err(PluginError::permanent("bad header")), "reader `dm` failed: bad header"),
        (
            |_, path| panic!("no tag in {}", path.file_name().unwrap().display()),
            "reader `dm` failed: it panicked: no tag in a.dm3",
        ),
        (|_, _| Ok(Vec::new()), "reader `dm` failed: it found no signal"),
        (deep, "nested too deeply"),
    ];
    for (script, told) in cases {
        let built = with_reader(script);
        let text = text(&built);
        assert!(text.contains("<dataset type=\"Unknown\""), "{text}");
        assert!(
            text.contains("<meta name=\"NexusLIMS Extraction – Module\">nexus.extractors.basic_file_info<"),
            "{text}"
        );
        let warning = text.lines().find(|line| line.contains("NexusLIMS Extraction – Extractor Warnings"));
        assert!(warning.unwrap().contains(told), "{warning:?}");
        assert_eq!(built.warnings.len(), 1);
        assert!(
            built.warnings[0].contains("a.dm3") && built.warnings[0].contains(told),
            "{:?}",
            built.warnings
        );
    }
}

#[test]
fn what_a_reader_gives_is_made_fit() {
    let text_value = |text: &str| MetaValue::Text(text.to_owned());
    let built = with_reader(move |_, _| {
        let mut forged = MetaMap::default();
        forged.insert("Date", text_value("never"));
        let mut of_type = signal("", &[("creation_time", text_value("2024-07-01T10:00:00"))]);
        of_type.metadata.insert_map("NexusLIMS Extraction", forged);
        Ok(vec![
            of_type,
            signal("Photo", &[("Creation Time", text_value("yesterday")), ("Data Type", text_value("STEM"))]),
            signal("", &[("DatasetType", text_value("Spectrum"))]),
            signal("Image", &[("Creation Time", text_value("2024-03-05T09:00:00.500000+01:00"))]),
        ])
    });
    let document = roxmltree::Document::parse(text(&built)).unwrap();
    let seen: Vec<(&str, Vec<(&str, &str)>)> = document
        .descendants()
        .filter(|node| node.has_tag_name((xml::NAMESPACE, "dataset")))
        .map(|node| {
            let of_interest = |name: &str| name == "Creation Time" || name == "Data Type";
            let meta = node.children().filter_map(|meta| Some((meta.attribute("name")?, meta.text()?)));
            (node.attribute("type").unwrap(), meta.filter(|(name, _)| of_interest(name)).collect())
        })
        .collect();
    let made = ("Creation Time", "2024-03-05T09:10:00-07:00");
    let misc = ("Data Type", "Miscellaneous");
    assert_eq!(
        seen,
        [
            ("Misc", vec![("Creation Time", "2024-07-01T10:00:00-06:00"), misc]),
            ("Misc", vec![made, ("Data Type", "STEM")]),
            ("Spectrum", vec![made]),
            ("Image", vec![("Creation Time", "2024-03-05T09:00:00.500000+01:00")]),
        ]
    );
    assert!(!text(&built).contains("never"));
    assert_eq!(built.warnings.len(), 2, "{:?}", built.warnings);
}

#[test]
fn more_than_a_record_should_hold_is_left_out() {
    type Giving = fn() -> Vec<Signal>;
    let values: Giving = || {
        let mut many = signal("Image", &[]);
        for number in 0..100_000 {
            many.metadata.insert(format!("Key {number}"), MetaValue::Integer(number));
        }
        vec![many]
    };
    let text: Giving = || vec![signal("Image", &[("Header", MetaValue::Text("h".repeat(5 << 20)))])];
    let listed: Giving = || {
        let row = MetaValue::List(vec![MetaValue::List(Vec::new()); 200]);
        vec![signal("Image", &[("Rows", MetaValue::List(vec![row; 200]))])]
    };
    let signals: Giving = || vec![signal("Image", &[]); 1_001];
    let kinds: Giving = || vec![signal(&"K".repeat(3 << 20), &[])];
    for (give, told) in [
        (values, "100000 values of metadata"),
        (text, "bytes of metadata"),
        (listed, "40201 values of metadata"),
        (signals, "1001 signals"),
        (kinds, "bytes of metadata"),
    ] {
        let built = with_reader(move |_, _| Ok(give()));
        assert_eq!(built.dataset_count, 1);
        assert!(built.xml.len() < 10_000, "{told}");
        assert!(text_of_warnings(&built).contains(told), "{:?}", built.warnings);
    }
    let most = with_reader(|_, _| Ok(vec![signal("Image", &[]); 1_000]));
    assert_eq!((most.dataset_count, most.warnings), (1_000, Vec::new()));
}

fn text_of_warnings(built: &BuiltRecord) -> String {
    let document = roxmltree::Document::parse(text(built)).unwrap();
    let is_it = |node: &roxmltree::Node<'_, '_>| {
        node.attribute("name") == Some("NexusLIMS Extraction – Extractor Warnings")
    };
    document.descendants().find(is_it).and_then(|node| node.text()).unwrap_or_default().to_owned()
}

#[test]
fn the_same_doubt_is_told_once_and_long_ones_are_cut() {
    let built = with_reader(|_, _| Ok(vec![signal(&"Photo".repeat(30), &[]); 50]));
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(text_of_warnings(&built).len() < 100, "{}", text_of_warnings(&built));
    let built = with_reader(|_, _| Err(PluginError::permanent("long ".repeat(1 << 20))));
    assert!(text_of_warnings(&built).len() < 600);
    let numbered = |_: &Call, _: &Path| Ok((0..50).map(|n| signal(&format!("Photo{n}"), &[])).collect());
    assert_eq!(text_of_warnings(&with_reader(numbered)).matches("taken as Misc").count(), 8);
}

#[test]
fn what_a_failure_says_does_not_depend_on_the_scratch_folder() {
    let built = with_reader(|call, _| {
        Err(PluginError::permanent(format!("no room in {}", call.scratch.join("x").display())))
    });
    assert_eq!(text_of_warnings(&built), "reader `dm` failed: no room in the scratch folder/x");
}

#[cfg(unix)]
#[test]
fn a_preview_from_outside_the_scratch_folder_is_left_out() {
    type Drawing = fn(&Path) -> PathBuf;
    let elsewhere = tempfile::tempdir().unwrap();
    let private = elsewhere.path().join("private.png");
    fs::write(&private, b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01rest").unwrap();
    let linked: Drawing = |scratch| scratch.join("link.png");
    let outside: Drawing = |scratch| scratch.join("../../../private.png");
    let missing: Drawing = |_| "missing.png".into();
    let folder: Drawing = |_| ".".into();
    let relative: Drawing = |scratch| {
        fs::write(scratch.join("p.png"), b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01rest").unwrap();
        "p.png".into()
    };
    for (draw, told, has_one) in [
        (linked, "outside the scratch folder", false),
        (outside, "cannot be read", false),
        (missing, "cannot be read", false),
        (folder, "", false),
        (relative, "", true),
    ] {
        let disk = Disk::with(&["a.dm3"]);
        let target = private.clone();
        let readers = disk.readers().with(
            "dm",
            &["dm3"],
            0,
            scripted(move |call, _| {
                std::os::unix::fs::symlink(&target, call.scratch.join("link.png")).unwrap();
                let preview = Some(PathRef::new(draw(&call.scratch)));
                Ok(vec![Signal { preview, ..signal("Image", &[("Kept", MetaValue::Integer(1))]) }])
            }),
        );
        let clock = clock();
        let built = build(&Material { previews: true, ..disk.material(&readers, &clock) }).unwrap();
        assert!(text_of_warnings(&built).contains(told), "{told}: {}", text_of_warnings(&built));
        assert_eq!(built.warnings.is_empty(), has_one, "{:?}", built.warnings);
        assert_eq!(text(&built).contains("<preview>"), has_one, "{told}");
        assert!(text(&built).contains("<meta name=\"Kept\">1</meta>"), "only the picture is lost");
    }
}

#[test]
fn names_are_shown_and_locations_hold_the_bytes() {
    let mut disk =
        Disk::with(&["sem/p&q<1>.txt", "sem/line\nbreak\u{1b}.dat", "one/same.dat", "two/same.dat"]);
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let name = std::ffi::OsStr::from_bytes(b"sem/caf\xe9.dat");
        disk.put(Path::new(name), b"x", 1_709_655_900_000_000_000);
    }
    let built = disk.build(&disk.readers()).unwrap();
    let text = text(&built);
    assert!(text.contains("<name>p&amp;q&lt;1&gt;.txt</name>"), "{text}");
    assert!(text.contains("<location>/sem/p%26q%3C1%3E.txt</location>"), "{text}");
    assert!(text.contains("<name>line\u{FFFD}break\u{FFFD}.dat</name>"), "{text}");
    assert!(text.contains("<location>/sem/line%0Abreak%1B.dat</location>"), "{text}");
    assert_eq!(text.matches("<name>same.dat</name>").count(), 2);
    assert!(
        text.contains("<location>/one/same.dat</location>")
            && text.contains("<location>/two/same.dat</location>")
    );
    #[cfg(target_os = "linux")]
    {
        assert!(text.contains("<name>caf\u{FFFD}.dat</name>"), "{text}");
        assert!(text.contains("<location>/sem/caf%E9.dat</location>"), "{text}");
    }
    let _ = &mut disk;
}
