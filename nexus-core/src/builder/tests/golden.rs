//! The worked example of the record format: its files, and the record that NexusLIMS 2.8.0 made of them.

use serde_json::Value;

use super::*;

const INPUTS: &str = include_str!("../../../testdata/golden/inputs.json");
const RECORD: &str = include_str!("../../../testdata/golden/record.xml");

fn words(value: &Value) -> Vec<Option<String>> {
    value.as_array().unwrap().iter().map(|word| word.as_str().map(str::to_owned)).collect()
}

fn reservation(fields: &Value) -> Reservation {
    let word = |key: &str| fields[key].as_str().map(str::to_owned);
    let time = |key: &str| Some(EventTime::Offset(DateTime::parse_from_rfc3339(&word(key)?).ok()?));
    let (pids, names) = (words(&fields["sample_pid"]), words(&fields["sample_name"]));
    let samples = pids.into_iter().zip(names).zip(words(&fields["sample_details"])).enumerate().map(
        |(position, ((pid, name), details))| nexus_plugin_api::Sample {
            pid,
            name,
            details,
            elements: fields["sample_elements"][position]
                .as_array()
                .map(|symbols| symbols.iter().map(|symbol| symbol.as_str().unwrap().to_owned()).collect())
                .unwrap_or_default(),
        },
    );
    let project = nexus_plugin_api::Project {
        name: words(&fields["project_name"]).remove(0),
        id: words(&fields["project_id"]).remove(0),
        link: words(&fields["project_ref"]).remove(0),
    };
    Reservation {
        internal_id: word("internal_id"),
        url: word("url"),
        title: word("experiment_title"),
        purpose: word("experiment_purpose"),
        username: word("username"),
        user_full_name: word("user_full_name"),
        start: time("start_time"),
        end: time("end_time"),
        division: word("division"),
        group: word("group"),
        samples: samples.collect(),
        projects: vec![project],
        ..Reservation::default()
    }
}

fn decoded(base64: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no digit of base 64"),
    };
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0u32, 0);
    for c in base64.bytes().filter(|c| *c != b'=') {
        held = held << 6 | u32::from(digit(c));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    bytes
}

fn laid_out(inputs: &Value) -> Disk {
    let mut disk = Disk::new();
    for file in inputs["files"].as_array().unwrap() {
        if file["expected_in_record"].as_bool().unwrap() {
            let content = decoded(file["content_base64"].as_str().unwrap());
            assert_eq!(record::sha256_hex(&content), file["sha256"].as_str().unwrap());
            let modified = file["mtime_ns"].as_u64().unwrap();
            disk.put(Path::new(file["path"].as_str().unwrap()), &content, modified);
        }
    }
    disk
}

fn built(disk: &Disk, inputs: &Value, previews: bool) -> BuiltRecord {
    let readers = disk.readers().with_basic_name("nexusLIMS.extractors.plugins.basic_file_info_extractor");
    let clock = Stepping::from("2026-01-02T03:04:05.250000+00:00");
    let instrument = &inputs["instrument_row"];
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let material = Material {
        instrument_pid: word(&instrument["instrument_pid"]),
        instrument_name: word(&instrument["display_name"]),
        zone: word(&instrument["timezone_str"]).parse().unwrap(),
        start: DateTime::parse_from_rfc3339(&word(&inputs["session"]["dt_from"])).unwrap(),
        reservation: reservation(&inputs["reservation_fields"]),
        version: "2.8.0",
        sample_ids: SampleIds::Given(vec![
            word(&inputs["sample_id_argument"]),
            "00000000-0000-4000-8000-000000000002".into(),
        ]),
        previews,
        ..disk.material(&readers, &clock)
    };
    // On one thread the files are read in their order, as the clock has it.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| build(&material)).unwrap()
}

fn assert_is_the_example(built: &BuiltRecord) {
    for (number, (made, expected)) in text(built).lines().zip(RECORD.lines()).enumerate() {
        assert_eq!(made, expected, "line {}", number + 1);
    }
    assert!(text(built) == RECORD, "one is longer");
}

#[test]
fn the_worked_example_comes_out_byte_for_byte() {
    let inputs: Value = serde_json::from_str(INPUTS).unwrap();
    let disk = laid_out(&inputs);
    let tree = words(&inputs["output_tree"]).into_iter().flatten().collect::<Vec<_>>();
    for preview in tree.iter().filter(|name| name.ends_with(".thumb.png")) {
        let path = disk.data().join(preview);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"any picture").unwrap();
    }
    let built = built(&disk, &inputs, false);
    assert_is_the_example(&built);
    assert_eq!(built.file_sha256, inputs["record_sha256"].as_str().unwrap());
    assert_eq!((built.file_count, built.dataset_count, built.activity_count), (6, 6, 2));
    assert!(built.warnings.is_empty(), "{:?}", built.warnings);
}

#[test]
fn the_worked_examples_side_files_are_made_where_they_belong() {
    let inputs: Value = serde_json::from_str(INPUTS).unwrap();
    let disk = laid_out(&inputs);
    let built = built(&disk, &inputs, true);
    assert_is_the_example(&built);
    let mut expected: Vec<String> = words(&inputs["output_tree"]).into_iter().flatten().collect();
    expected.sort();
    assert_eq!(disk.beside(), expected);
}
