//! Extractors that the configuration names, good and hostile: what each file has in its record.

use std::fs;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use nexus_core::event;
use nexus_core::plugins::Limits;
use nexus_core::session::RecordStatus;
use nexus_core::validate;
use nexus_plugin_api::{MetaMap, MetaValue, PathRef, PluginError, Signal};
use nexus_tests::lab::{Lab, ScriptedExtractor, left_overs, short_limits};

fn lab() -> Lab {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.extractor("micrographs", "");
    lab
}

fn text(value: &str) -> MetaValue {
    MetaValue::Text(value.to_owned())
}

/// The metadata of one file, by the side file.
fn metadata(lab: &Lab, name: &str) -> serde_json::Value {
    let folder = ["tem", "sem"].map(|folder| lab.path(&format!("data/{folder}/{name}.json")));
    let path = folder.iter().find(|path| path.is_file()).unwrap_or_else(|| panic!("no side file of {name}"));
    serde_json::from_str::<serde_json::Value>(&fs::read_to_string(path).unwrap()).unwrap()["nx_meta"].clone()
}

#[test]
fn the_record_names_the_plugin_and_its_version() {
    let lab = lab();
    lab.sessions([1]);
    lab.put_file(1, "declined");
    let report = lab.run();
    assert_eq!((report.warnings, report.needs_person), (Vec::new(), Vec::new()));
    let read = metadata(&lab, "1_image.txt");
    assert_eq!(read["Length"], "21");
    assert_eq!(read["NexusLIMS Extraction"]["Module"], "scripted-reader");
    assert_eq!(read["NexusLIMS Extraction"]["Version"], "7.2.1");
    let declined = metadata(&lab, "1_declined.txt");
    assert_eq!(declined["NexusLIMS Extraction"]["Module"], "nexus.extractors.basic_file_info");
    assert_ne!(declined["NexusLIMS Extraction"]["Version"], "7.2.1");
}

#[test]
fn suffixes_and_priority_of_the_table_count_before_those_of_the_plugin() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.extractor("first", "priority = 6\nsuffixes = [\"TXT\"]\n");
    lab.extractor("second", "");
    lab.extractor("never", "priority = 99\nsuffixes = [\"dat\"]\n");
    let asked = Arc::new(Mutex::new(0));
    let count = Arc::clone(&asked);
    lab.extractor.when("image", move |_, _| {
        let mut asked = count.lock().unwrap();
        *asked += 1;
        if *asked == 1 {
            Err(PluginError::permanent("the first one"))
        } else {
            Ok(vec![ScriptedExtractor::image(&[])])
        }
    });
    lab.sessions([1]);
    let report = lab.run();
    let told = "extractor `first` failed on 1 file: `";
    assert!(report.warnings.len() == 1 && report.warnings[0].starts_with(told), "{report:?}");
    let read = metadata(&lab, "1_image.txt");
    assert_eq!(read["NexusLIMS Extraction"]["Module"], "scripted-reader", "the second one read it");
    assert_eq!(*asked.lock().unwrap(), 2);
}

#[test]
fn a_new_version_that_reads_the_same_delivers_nothing() {
    let mut lab = lab();
    lab.sessions([1]);
    lab.run();
    assert!(lab.record(1).unwrap().contains("7.2.1"));
    lab.extractor.version = "8.0.0";
    lab.rebuild_all();
    let report = lab.run();
    assert_eq!((report.build.built, report.export[&"a".into()].delivered), (1, 0), "{report:?}");
    assert!(lab.record(1).unwrap().contains("8.0.0"));
    lab.extractor.when("image", |_, _| Ok(vec![ScriptedExtractor::image(&[("Length", text("other"))])]));
    lab.rebuild_all();
    let report = lab.run();
    assert_eq!((report.build.built, report.export[&"a".into()].delivered), (1, 1), "{report:?}");
}

/// Every hostile deed has a session of its own, with a second file that must be read as ever.
#[test]
fn a_hostile_extractor_costs_each_file_its_own_metadata_at_most() {
    let mut lab = lab();
    lab.limits = short_limits();
    let image = |key: &str, value: MetaValue| ScriptedExtractor::image(&[(key, value)]);
    let nested = |depth: usize| {
        let mut map = MetaMap::default();
        for _ in 0..depth {
            let mut outer = MetaMap::default();
            outer.insert_map("in", map);
            map = outer;
        }
        Signal { metadata: map, ..ScriptedExtractor::image(&[]) }
    };
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let script = &lab.extractor;
    script.when("panic", |_, path| panic!("no tag in {}", path.display()));
    script.when("hang", move |_, _| {
        // Until the test is over.
        let _ = released.lock().unwrap().recv();
        Ok(Vec::new())
    });
    script.when("values", move |_, _| {
        let mut many = image("Key", MetaValue::Null);
        (0..100_000)
            .for_each(|number| many.metadata.insert(format!("Key {number}"), MetaValue::Integer(number)));
        Ok(vec![many])
    });
    script.when("nested", move |_, _| Ok(vec![nested(200)]));
    script.when("infinite", move |_, _| {
        let numbers = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(MetaValue::Float).to_vec();
        Ok(vec![image("Gain", MetaValue::List(numbers.clone())), image("Gain", numbers[1].clone())])
    });
    script.when("control", move |_, _| Ok(vec![image("Key\u{0}\u{1b}", text("a\u{0}b\u{8}\u{fffe}<&>]]>"))]));
    script.when("outside", |_, path| {
        Ok(vec![Signal { preview: Some(PathRef::new(path)), ..ScriptedExtractor::image(&[]) }])
    });
    script.when("picture", |call, _| {
        let picture = call.scratch.join("p.png");
        fs::write(&picture, "<svg/>").unwrap();
        Ok(vec![Signal { preview: Some(picture.into()), ..ScriptedExtractor::image(&[]) }])
    });
    script.when("huge", |call, _| {
        let picture = call.scratch.join("p.png");
        fs::File::create(&picture).unwrap().set_len(1 << 33).unwrap();
        Ok(vec![Signal { preview: Some(picture.into()), ..ScriptedExtractor::image(&[]) }])
    });
    script.when("kind", |_, _| {
        Ok(vec![Signal { dataset_type: "Hologram\u{0}".to_owned(), ..ScriptedExtractor::image(&[]) }])
    });
    script.when("two", |_, _| Ok(vec![ScriptedExtractor::image(&[]); 2]));
    script.when("zero", |_, _| Ok(Vec::new()));
    script.when("failing", |call, _| {
        Err(PluginError::permanent(format!("cannot write {}\u{1}", call.scratch.display())))
    });
    // What each is blamed for in its own record, and what its file is there.
    let cases = [
        ("panic", "panicked in `extract`: no tag in", "Unknown"),
        ("hang", "did not answer `extract` within", "Unknown"),
        ("values", "100001 values of metadata", "Unknown"),
        ("nested", "nested too deeply", "Unknown"),
        ("infinite", "", "Image"),
        ("control", "", "Image"),
        ("outside", "outside the scratch folder", "Image"),
        ("picture", "", "Image"),
        ("huge", "", "Image"),
        ("kind", "taken as Misc", "Misc"),
        ("two", "", "Image"),
        ("zero", "found no signal", "Unknown"),
        ("failing", "cannot write the scratch folder", "Unknown"),
    ];
    let numbered = || (1..).zip(cases);
    for (number, (name, ..)) in numbered() {
        lab.sessions([number]);
        lab.put_file(number, name);
    }
    let report = lab.run();
    drop(release);

    let schema = validate::shipped().unwrap();
    for (number, (name, told, kind)) in numbered() {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{name}");
        let record = lab.record(number).unwrap();
        schema.validate(record.as_bytes()).unwrap_or_else(|invalid| panic!("{name}: {invalid}"));
        assert_eq!(lab.servers.server("a").of(Lab::id(number).as_str()).len(), 1, "{name}");
        assert_ne!(
            metadata(&lab, &format!("{number}_image.txt"))["Length"],
            serde_json::Value::Null,
            "{name}"
        );
        assert!(record.contains(&format!("<dataset type=\"{kind}\"")), "{name}: {record}");
        let warned = record.contains("NexusLIMS Extraction – Extractor Warnings");
        assert_eq!(warned, !told.is_empty(), "{name}: {record}");
        let events = event::of_session(lab.database().read(), &Lab::id(number)).unwrap();
        let mut details = events
            .iter()
            .filter(|event| event.note.kind == "warning")
            .filter_map(|e| e.note.detail.as_deref());
        if !told.is_empty() {
            assert!(record.contains(told), "{name}: {record}");
            assert!(
                details.any(|detail| detail.contains(told) && detail.contains(name)),
                "{name}: {events:?}"
            );
        }
    }
    let [failures] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
    assert!(failures.starts_with("extractor `micrographs` failed on 4 files: "), "{failures}");
    for name in ["panic", "hang", "zero", "failing"] {
        assert!(failures.contains(&format!("_{name}.txt` (")), "{failures}");
    }
    assert_eq!(report.needs_person, [""; 0]);
    assert_eq!(left_overs(&lab.path("data")), [""; 0].map(Into::into) as [std::path::PathBuf; 0]);
}

#[test]
fn an_extractor_that_hangs_on_everything_is_off_and_told_once() {
    let mut lab = lab();
    lab.limits = Limits { extract: Duration::from_millis(20), ..short_limits() };
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    lab.extractor.when("", move |_, _| {
        let _ = released.lock().unwrap().recv();
        Ok(Vec::new())
    });
    lab.sessions(1..=20);
    let report = lab.run();
    drop(release);
    assert_eq!(report.build.built, 20);
    let [off] = report.needs_person.as_slice() else { panic!("{:?}", report.needs_person) };
    assert!(off.starts_with("extractor `micrographs` was off for the rest of the run"), "{off}");
    let overdue =
        (1..=20).filter(|&n| lab.record(n).unwrap().contains("did not answer `extract` within")).count();
    let off = (1..=20).filter(|&n| lab.record(n).unwrap().contains("is off for this run")).count();
    // Two threads build: one call may have been under way when the fourth was given up.
    assert!((4..=5).contains(&overdue) && overdue + off == 20, "{overdue} overdue, {off} off");
}

/// The same in a process of its own, which may do worse.
#[cfg(unix)]
#[test]
fn a_hostile_process_costs_each_file_its_own_metadata_at_most() {
    let mut lab = Lab::with_destinations(&["a"]);
    lab.limits = Limits { extract: Duration::from_secs(3), ..Limits::default() };
    fs::write(lab.path("reader.py"), include_str!("reader.py")).unwrap();
    let secret = "s3cr3t-of-the-reader";
    lab.extractor_of(
        "reader",
        &format!(
            "command = [\"python3\", \"reader.py\"]\nprocesses = 1\nword = \"hello\"\nkey = {{ value = \"{secret}\" }}\n"
        ),
    );
    // What each is blamed for.
    let cases = [
        ("leaving", "exit"),
        ("dying", "signal"),
        ("hanging", "`extract`"),
        ("babbling", "reading"),
        ("scrambling", "UTF-8"),
        ("confusing", "answers request"),
        ("formless", "does not have the form of an answer"),
        ("talking", "the key is "),
    ];
    let numbered = || (1..).zip(cases);
    for (number, (name, _)) in numbered() {
        lab.sessions([number]);
        lab.put_file(number, name);
    }
    let report = lab.run();
    for (number, (name, told)) in numbered() {
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{name}");
        let good = metadata(&lab, &format!("{number}_image.txt"));
        assert_eq!((&good["Word"], &good["Length"]), (&"hello".into(), &"21".into()), "{name}: {good}");
        assert_eq!(good["NexusLIMS Extraction"]["Version"], "1.2.3");
        let record = lab.record(number).unwrap();
        assert_eq!(record.matches("<dataset type=\"Unknown\"").count(), 1, "{name}: {record}");
        assert_eq!(record.matches(".thumb.png</preview>").count(), 2, "{name}: drawn by both");
        let bad = metadata(&lab, &format!("{number}_{name}.txt"));
        let warning = bad["NexusLIMS Extraction"]["Extractor Warnings"].as_str().unwrap();
        assert!(
            warning.starts_with("extractor `reader` failed: ") && warning.contains(told),
            "{name}: {warning}"
        );
        assert!(!record.contains(secret), "{record}");
    }
    let [failures] = report.warnings.as_slice() else { panic!("{:?}", report.warnings) };
    assert!(failures.starts_with("extractor `reader` failed on 8 files: "), "{failures}");
    assert!(!failures.contains(secret), "{failures}");
    assert_eq!(report.needs_person, [""; 0], "a process is killed and started again: it is never off");
}
