//! One plugin, linked, loaded, in a process of its own, and as a program: the same answers. And the examples, built,
//! loaded and asked.
//!
//! The libraries are made by cargo, since this package lists their packages under its
//! dev-dependencies; they lie in the folder of the test binary.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use nexus_core::config::{Carrier, Isolation};
use nexus_core::plugins::{Catalogue, Surroundings};
use nexus_plugin_api::{
    ActivityRef, Call, Cancel, CheckResult, DatasetRef, Delivery, Destination, Found, HarvestRequest,
    Harvester, Instance, InstrumentQuery, InstrumentRef, LogLevel, PathRef, Plugin, PluginError, PluginKind,
    RecordRef, Remote, Reservation, ReservationAnswer, SessionFacts, SessionRef, Step,
};
use nexus_plugin_folder::Folder;
use nexus_plugin_logbook::Logbook;
use serde_json::{Value, json};

/// The library of this name beside the test binary.
fn library(name: &str) -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = exe.parent().unwrap().join(file);
    assert!(path.is_file(), "{} was not built: is its package among the dev-dependencies?", path.display());
    path
}

/// One plugin by a carrier, with the carrier's name.
type Carried = (&'static str, Arc<dyn Plugin>);

fn load(how: &'static str, carrier: &Carrier, linked: Option<Arc<dyn Plugin>>) -> Carried {
    let program = env!("CARGO_BIN_EXE_plugin_program");
    let catalogue =
        Catalogue::new(linked.into_iter().collect()).with_plugin_host(vec![program.into(), "host".into()]);
    let surroundings = Surroundings { folder: "/".into(), ..Surroundings::default() };
    let plugin = catalogue.load(carrier, None, "destinations.x", &surroundings);
    (how, plugin.unwrap_or_else(|error| panic!("{how}: {error}")))
}

/// A library inside this process and in one of its own.
fn loaded(path: &Path) -> [Carried; 2] {
    let library =
        |isolation| Carrier::Library { path: path.to_owned(), sha256: None, isolation, processes: 1 };
    [
        load("library", &library(Isolation::None), None),
        load("library in a process", &library(Isolation::Process), None),
    ]
}

/// A first-party plugin by every carrier; `name` is its name and what makes it of the test program.
fn every_carrier(plugin: impl Plugin + 'static, name: &str) -> Vec<Carried> {
    let linked = load("linked", &Carrier::Linked { plugin: name.to_owned() }, Some(Arc::new(plugin)));
    let words = vec![env!("CARGO_BIN_EXE_plugin_program").to_owned(), name.to_owned()];
    let program = load("program", &Carrier::command(words), None);
    let library = library(&format!("nexus_{name}"));
    [linked].into_iter().chain(loaded(&library)).chain([program]).collect()
}

fn made(plugin: &dyn Plugin, settings: &Value) -> Instance {
    plugin.create(settings).unwrap_or_else(|error| panic!("{error}"))
}

fn harvester(instance: &Instance) -> &dyn Harvester {
    let Instance::Harvester(inner) = instance else { panic!("not a harvester") };
    inner.as_ref()
}

fn destination(instance: &Instance) -> &dyn Destination {
    let Instance::Destination(inner) = instance else { panic!("not a destination") };
    inner.as_ref()
}

fn call() -> Call {
    Call::unlimited("/nowhere")
}

fn instrument(pid: &str) -> InstrumentRef {
    InstrumentRef {
        pid: pid.into(),
        display_name: format!("{pid} (room 1)"),
        api_url: format!("https://scheduler.example.org/api/tools/?id={pid}"),
        timezone: "America/Denver".into(),
        location: "room 1".into(),
    }
}

fn question(pids: &[&str]) -> HarvestRequest {
    let query = |pid: &&str| InstrumentQuery { instrument: instrument(pid), cursor: None };
    HarvestRequest { instruments: pids.iter().map(query).collect(), ..HarvestRequest::default() }
}

fn session(identifier: &str, external_id: &str, pid: &str) -> SessionRef {
    SessionRef {
        session_identifier: identifier.into(),
        external_id: Some(external_id.into()),
        instrument: instrument(pid),
        user: Some("ada".into()),
        user_emails: vec!["ada@example.org".to_owned()],
        start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
        end: "2024-03-05T11:00:00-07:00".parse().unwrap(),
    }
}

fn delivery(name: &str, content: &str) -> Delivery {
    Delivery {
        record: RecordRef {
            path: PathRef::new(format!("/records/{name}.xml")),
            key: format!("key-of-{name}"),
            name: name.into(),
            content_sha256: content.repeat(32),
            file_sha256: "cd".repeat(32),
            size: 9,
        },
        session: SessionFacts {
            identifier: "session 1".into(),
            instrument: instrument("TITAN"),
            user: Some("ada".into()),
            start: "2024-03-05T09:10:00-07:00".parse().unwrap(),
            end: "2024-03-05T11:00:00-07:00".parse().unwrap(),
        },
        activities: Vec::new(),
        reservation: Some(Reservation::default()),
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    }
}

/// All refuse the same settings with the same words.
fn refuse_alike(carried: &[Carried], settings: &Value) {
    let refusal = |plugin: &dyn Plugin| plugin.create(settings).err().expect("accepted");
    let (_, first) = &carried[0];
    for (how, plugin) in carried {
        assert_eq!(refusal(plugin), refusal(first), "{settings}, {how}");
    }
}

#[test]
fn the_logbook_answers_alike() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("usage.csv");
    fs::write(
        &log,
        "id,instrument,user,start,end,title,consent\n\
         1,TITAN,ada,2024-03-05 09:10,2024-03-05 11:00,\"Grains, \"\"fine\"\"\",yes\n\
         2,TITAN,bob,2024-03-05T12:00:00-07:00,2024-03-05T13:00:00-07:00,μ,no\n\
         3,TITAN,bob,2024-03-05 14:00,,still in use,yes\n\
         4,QUANTA,eve,not a time,2024-03-05 15:00,,yes\n\
         5,OTHER,eve,2024-03-05 15:00,2024-03-05 16:00,,yes\n",
    )
    .unwrap();
    let carried = every_carrier(Logbook, "logbook");
    let settings = json!({"path": log});
    let made: Vec<(&str, Instance)> =
        carried.iter().map(|(how, plugin)| (*how, made(plugin, &settings))).collect();
    let one = harvester(&made[0].1);
    let page = one.harvest(&call(), &question(&["TITAN", "QUANTA"])).unwrap();
    assert!(page.events.len() >= 3 && !page.rejected.is_empty() && !page.outside.is_empty(), "{page:?}");
    let sessions: Vec<SessionRef> = page
        .events
        .iter()
        .map(|event| session(&event.session_identifier, &event.external_id, &event.instrument_pid))
        .chain([session("nobody", "99", "TITAN")])
        .collect();
    let answers = one.reservations(&call(), &sessions).unwrap();
    assert!(answers.iter().any(|answer| matches!(answer, ReservationAnswer::Reservation(_))), "{answers:?}");
    assert!(
        answers.iter().any(|answer| matches!(answer, ReservationAnswer::NoConsent { .. })),
        "{answers:?}"
    );
    for (how, other) in &made {
        let other = harvester(other);
        assert_eq!(other.harvest(&call(), &question(&["TITAN", "QUANTA"])).unwrap(), page, "{how}");
        assert_eq!(other.reservations(&call(), &sessions).unwrap(), answers, "{how}");
        assert_eq!(one.check(&call()), other.check(&call()), "{how}");
        assert_eq!(one.instruments(&call()), other.instruments(&call()), "{how}");
        assert_eq!(one.actions(), other.actions(), "{how}");
    }
    for (how, plugin) in &carried {
        assert_eq!(plugin.manifest(), carried[0].1.manifest(), "{how}");
    }
    fs::remove_file(&log).unwrap();
    let gone = one.harvest(&call(), &question(&["TITAN"])).unwrap_err();
    for (how, other) in &made {
        let other = harvester(other);
        assert_eq!(other.harvest(&call(), &question(&["TITAN"])).unwrap_err(), gone, "{how}");
        assert_eq!(one.check(&call()), other.check(&call()), "{how}");
    }
    for settings in [json!({}), json!({"path": ""}), json!({"path": "x.csv", "colour": "red"}), json!(7)] {
        refuse_alike(&carried, &settings);
    }
}

/// Every file below a folder with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    files
}

/// SHA-256 of the record that the folder is given.
const RECORD_SHA256: &str = "078d63acbb78dd7d77345ca75cf022d5916b3dfc11fbc42602dde0211d0bf8c2";

#[test]
fn the_folder_answers_alike() {
    let work = tempfile::tempdir().unwrap();
    let (record, preview) = (work.path().join("r.xml"), work.path().join("a.tif.thumb.png"));
    fs::write(&record, "<Experiment/>\n").unwrap();
    fs::write(&preview, "a picture").unwrap();
    let mut delivery = delivery("2024-03-05_TITAN_1", "ab");
    delivery.record.path = PathRef::new(&record);
    delivery.record.file_sha256 = RECORD_SHA256.into();
    delivery.record.size = 14;
    delivery.activities = vec![ActivityRef {
        seqno: 0,
        start: delivery.session.start,
        datasets: vec![DatasetRef {
            name: "a.tif".into(),
            location: "x/a.tif".into(),
            dataset_type: "Image".into(),
            preview: Some(PathRef::new(&preview)),
        }],
    }];

    let carried = every_carrier(Folder, "folder");
    // One tree for each, delivered to by one carrier and asked about by all.
    let told = carried.iter().map(|(how, plugin)| {
        let root = work.path().join("tree");
        fs::create_dir(&root).unwrap();
        let settings = json!({"path": root, "previews": true});
        let by_it = made(plugin, &settings);
        let all: Vec<Instance> = carried.iter().map(|(_, plugin)| made(plugin, &settings)).collect();
        let mut answers = Vec::new();
        let mut note = |answer: String| answers.push(answer);
        let everybody_finds = |expected: &Found| {
            for one in &all {
                assert_eq!(destination(one).find(&call(), &delivery).as_ref(), Ok(expected), "{how}");
            }
        };
        note(format!("{:?}", destination(&by_it).target(&call()).unwrap()));
        note(format!("{:?}", destination(&by_it).check(&call()).unwrap()));
        everybody_finds(&Found::None);
        let step = destination(&by_it).deliver(&call(), &delivery).unwrap();
        let Step::Done(remote) = &step else { panic!("{step:?}") };
        everybody_finds(&Found::One(remote.clone()));
        assert_eq!(destination(&by_it).deliver(&call(), &delivery).unwrap(), step, "again");
        note(format!("{step:?}"));
        let mut other = delivery.clone();
        other.record.key = "somebody else's".into();
        note(format!("{:?}", destination(&by_it).deliver(&call(), &other)));
        let mut absent = delivery.clone();
        absent.record.name = "absent".into();
        absent.record.path = PathRef::new(work.path().join("absent.xml"));
        note(format!("{:?}", destination(&by_it).deliver(&call(), &absent).unwrap_err()));
        let files = tree(&root);
        assert!(files.len() >= 3, "{:?}", files.keys());
        fs::remove_dir_all(&root).unwrap();
        note(format!("{:?}", destination(&by_it).deliver(&call(), &delivery).unwrap_err()));
        note(format!("{:?}", destination(&by_it).check(&call()).unwrap()));
        (*how, plugin.manifest(), answers, files)
    });
    let told: Vec<_> = told.collect();
    for (how, manifest, answers, files) in &told {
        assert_eq!((manifest, answers, files), (&told[0].1, &told[0].2, &told[0].3), "{how}");
    }
    for settings in [json!({}), json!({"path": "x", "layout": "{colour}.xml"}), json!({"paths": "x"})] {
        refuse_alike(&carried, &settings);
    }
}

#[test]
fn several_libraries_live_side_by_side() {
    let names = ["nexus_logbook", "nexus_folder", "nexus_example_tally", "nexus_example_index"];
    let plugins: Vec<_> =
        names.iter().map(|name| loaded(&library(name)).into_iter().next().unwrap().1).collect();
    let manifests: Vec<(String, PluginKind)> =
        plugins.iter().map(|plugin| (plugin.manifest().name, plugin.manifest().kind)).collect();
    let expected = [
        ("logbook", PluginKind::Harvester),
        ("folder", PluginKind::Destination),
        ("tally", PluginKind::Harvester),
        ("index", PluginKind::Destination),
    ];
    assert_eq!(manifests, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

/// An example in C, compiled with warnings denied; `None`, loudly, where there is no compiler.
fn example_in_c(folder: &Path, source: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let library = folder.join("libexample.so");
    let done = Command::new("cc")
        .args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fPIC", "-shared", "-I"])
        .arg(root.join("nexus-plugin-api/include"))
        .arg("-o")
        .arg(&library)
        .arg(root.join("examples").join(source))
        .output();
    match done {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Some(library)
        }
        Err(error) => {
            eprintln!("SKIPPED: {source} is not built, there is no C compiler `cc` ({error})");
            None
        }
    }
}

const TALLY: &[u8] = b"# id, instrument, user, start, end, consent\n\
    1\tTITAN\tada\t2024-03-05T09:10:00-07:00\t2024-03-05T11:00:00.125-07:00\tyes\n\
    2\tTITAN\t\t2024-03-05T12:00:00\t\tno \"thanks\" \\\n\
    \n\
    3\tQUANTA\tE\xc3\xa9\xe2\x98\x83\t2024-02-29T00:00:00Z\t2024-02-29T23:59:59Z\tyes\r\n\
    4\tQUANTA\teve\t2023-02-29T00:00:00Z\t\tyes\n\
    5\tQUANTA\teve\t2024-03-05 soon\t\tyes\n\
    6\tTITAN\tonly three\n\
    \tTITAN\teve\t2024-03-05T09:10:00Z\t\tyes\n\
    7\tTITAN\t\xff\xfe\t2024-03-05T09:10:00Z\t\tyes\n\
    8\tOTHER\teve\t2024-03-05T09:10:00Z\t\tyes\n\
    9\tOTHER\teve\t2024-03-05T09:10:00Z\t\tyes\n\
    10\tTITAN\teve\t2024-03-05T24:10:00Z\t\tyes\n\
    11\tTITAN\teve\t2024-13-05T09:10:00Z\t\tyes\n\
    12\tTITAN\teve\t2024-03-05T09:10:00\0\t\tyes\n\
    13\tTITAN\ta\x01\"b\\\t2024-03-05T09:10:00+05:30\t2024-03-05T09:10:00Z\tYES\n\
    14\tTITAN\teve\t2024-03-05T09:10:00Z\t\tyes\textra\n\
    15\tTITAN\teve\t2024-03-05T09:10:00Z\t2024-03-05T09:11:00Z\tyes";

/// The two harvesters that read a tally, Rust first, each inside this process and in one of its own.
fn tallies(folder: &Path) -> Vec<Carried> {
    let in_c = example_in_c(folder, "tally-harvester-c/tally.c");
    let files = [Some(library("nexus_example_tally")), in_c];
    files.iter().flatten().flat_map(|file| loaded(file)).collect()
}

#[test]
fn the_example_harvesters_in_rust_and_c_read_a_tally_alike() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a \"tally\" \\ of μ.txt");
    fs::write(&file, TALLY).unwrap();
    let asked = question(&["TITAN", "QUANTA", "IDLE"]);
    let sessions: Vec<SessionRef> =
        ["1", "2", "3", "13", "4", "nobody", "15"].map(|id| session(id, id, "TITAN")).into();
    let mut seen = Vec::new();
    for (how, plugin) in tallies(folder.path()) {
        let instance = made(plugin.as_ref(), &json!({"file": file}));
        let harvester = harvester(&instance);
        let page = harvester.harvest(&call(), &asked).unwrap();
        let ids: Vec<&str> = page.events.iter().map(|event| event.external_id.as_str()).collect();
        assert_eq!(ids, ["1", "2", "3", "13", "15"], "{how}");
        let rejected: Vec<&str> = page.rejected.iter().map(|row| row.place.as_str()).collect();
        assert_eq!(
            rejected,
            ["line 6", "line 7", "line 8", "line 9", "line 10", "line 13", "line 14", "line 15", "line 17"]
        );
        let mut outside: BTreeMap<&str, u64> = BTreeMap::new();
        for events in &page.outside {
            *outside.entry(&events.tool).or_default() += events.count;
        }
        assert_eq!(outside, [("OTHER", 2)].into());
        assert!(page.instruments.len() == 3 && page.instruments.iter().all(|progress| progress.complete));
        let answers = harvester.reservations(&call(), &sessions).unwrap();
        assert!(matches!(answers.first(), Some(ReservationAnswer::Reservation(_))), "{answers:?}");
        assert_eq!(answers.get(4..6), Some(&[ReservationAnswer::Gone, ReservationAnswer::Gone][..]));
        let report = harvester.check(&call()).unwrap();
        assert!(report.passed());
        assert_eq!(harvester.instruments(&call()), Ok(Vec::new()));
        assert_eq!(harvester.actions(), []);
        seen.push((page.events, page.rejected, page.instruments, answers, report));
    }
    for other in &seen {
        assert_eq!(Some(other), seen.first());
    }
}

#[test]
fn the_example_harvesters_fail_alike() {
    let folder = tempfile::tempdir().unwrap();
    for (how, plugin) in tallies(folder.path()) {
        let Err(error) = plugin.create(&json!({"path": "x"})) else { panic!("accepted") };
        assert_eq!(error.message, "`file` is missing", "{how}");
        let instance = made(plugin.as_ref(), &json!({"file": folder.path().join("absent.txt")}));
        let harvester = harvester(&instance);
        let error = harvester.harvest(&call(), &question(&["TITAN"])).unwrap_err();
        assert_eq!(error.class, nexus_plugin_api::FailureClass::Transient);
        assert!(error.message.contains("cannot be read: No such file or directory"), "{error}");
        let report = harvester.check(&call()).unwrap();
        assert_eq!(report.items.first().map(|item| item.result), Some(CheckResult::Failed));
        assert_eq!(
            harvester.run_action(&call(), "dance", &json!({})),
            Err(PluginError::permanent("there is no action `dance`"))
        );
    }
}

#[test]
fn the_example_harvesters_log_and_stop_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tally.txt");
    fs::write(&file, TALLY).unwrap();
    for (how, plugin) in tallies(folder.path()) {
        let instance = made(plugin.as_ref(), &json!({"file": file}));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let log = Arc::new(move |level, line: &str| sink.lock().unwrap().push((level, line.to_owned())));
        let call = Call::new(None, Cancel::new(), folder.path().into(), log);
        harvester(&instance).harvest(&call, &question(&["TITAN"])).unwrap();
        assert_eq!(*lines.lock().unwrap(), [(LogLevel::Info, "4 events in the tally".to_owned())], "{how}");
        // Elsewhere the flag may arrive when the little that there is has been read.
        if how != "library" {
            continue;
        }
        call.cancel.cancel();
        let error = harvester(&instance).harvest(&call, &question(&["TITAN"])).unwrap_err();
        assert_eq!(error, PluginError::transient("stopped while reading the tally"));
    }
}

#[test]
fn the_example_destination_keeps_one_line_per_record() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.tsv");
    let [_, (_, plugin)] = loaded(&library("nexus_example_index"));
    let instance = made(plugin.as_ref(), &json!({"file": index}));
    let destination = destination(&instance);
    let records = folder.path();
    let delivery = move |name: &str, content: &str| {
        let mut delivery = delivery(name, content);
        let path = records.join(format!("{name}.xml"));
        fs::write(&path, "<x/>").unwrap();
        delivery.record.path = PathRef::new(path);
        delivery
    };
    assert!(destination.check(&call()).unwrap().passed());
    assert_eq!(destination.target(&call()).unwrap().id, index.display().to_string());
    let remote = |name: &str, content: &str| Remote {
        id: format!("key-of-{name}"),
        url: None,
        content_sha256: Some(content.repeat(32)),
    };
    assert_eq!(destination.find(&call(), &delivery("a", "ab")), Ok(Found::None));
    for (name, content) in [("a", "ab"), ("b", "ab"), ("a", "ef")] {
        let step = destination.deliver(&call(), &delivery(name, content));
        assert_eq!(step, Ok(Step::Done(remote(name, content))));
    }
    assert_eq!(destination.find(&call(), &delivery("a", "ab")), Ok(Found::One(remote("a", "ef"))));
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), 2);
    // Several at once: every record is there afterwards.
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                destination.deliver(&call(), &delivery(&format!("n{number}"), "ab")).unwrap();
            });
        }
    });
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), 10);
    // Somebody wrote a line twice: nobody guesses which is the one.
    let doubled = fs::read_to_string(&index).unwrap().repeat(2);
    fs::write(&index, doubled).unwrap();
    assert!(
        matches!(destination.find(&call(), &delivery("b", "ab")), Ok(Found::Many(found)) if found.len() == 2)
    );
}

#[test]
fn the_example_destination_in_c_keeps_a_file_per_record() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = example_in_c(folder.path(), "shelf-destination-c/shelf.c") else { return };
    for (how, plugin) in loaded(&library) {
        let shelf = folder.path().join(how);
        let instance = made(plugin.as_ref(), &json!({"folder": shelf}));
        let destination = destination(&instance);
        let path = folder.path().join("r \"1\" μ.xml");
        let record = |key: &str, content: &str, text: &str| {
            fs::write(&path, text).unwrap();
            let mut delivery = delivery("r", content);
            delivery.record.key = key.into();
            delivery.record.path = PathRef::new(&path);
            delivery.record.size = text.len() as u64;
            delivery
        };
        let key = "0b1ee0a8-0000-4000-8000-000000000001";
        let first = record(key, "ab", "<Experiment/>");
        // Before the folder is there.
        let report = destination.check(&call()).unwrap();
        assert_eq!(report.items[0].detail, "No such file or directory", "{how}");
        for error in [
            destination.find(&call(), &first).unwrap_err(),
            destination.deliver(&call(), &first).unwrap_err(),
        ] {
            assert_eq!(error.class, nexus_plugin_api::FailureClass::Transient, "{how}");
        }
        fs::create_dir(&shelf).unwrap();
        assert!(destination.check(&call()).unwrap().passed());
        assert_eq!(destination.target(&call()).unwrap().id, shelf.display().to_string());
        assert_eq!(destination.find(&call(), &first), Ok(Found::None), "{how}");
        for (content, text) in
            [("ab", "<Experiment/>"), ("ab", "<Experiment/>"), ("ef", "<Experiment>2</Experiment>")]
        {
            let remote =
                Remote { id: format!("{key}.xml"), url: None, content_sha256: Some(content.repeat(32)) };
            let delivery = record(key, content, text);
            assert_eq!(destination.deliver(&call(), &delivery), Ok(Step::Done(remote.clone())), "{how}");
            assert_eq!(destination.find(&call(), &delivery), Ok(Found::One(remote)), "{how}");
            assert_eq!(fs::read_to_string(shelf.join(format!("{key}.xml"))).unwrap(), text);
        }
        // A hash that was cut off is no hash.
        fs::write(shelf.join(format!("{key}.sha256")), "abab").unwrap();
        let remote = Remote { id: format!("{key}.xml"), url: None, content_sha256: None };
        assert_eq!(destination.find(&call(), &first), Ok(Found::One(remote)), "{how}");
        for odd in ["", "../r", "a/b", ".", "a.b"] {
            let error = destination.deliver(&call(), &record(odd, "ab", "x")).unwrap_err();
            assert_eq!(error.message, "the key of the session is no name for a file", "{how}");
        }
        let mut cut = record(key, "ab", "<Experiment/>");
        cut.record.size += 1;
        let error = destination.deliver(&call(), &cut).unwrap_err();
        assert_eq!(error.message, "the record has another size than was said", "{how}");
        assert_eq!(tree(&shelf).len(), 2, "{how}: {:?}", tree(&shelf).keys());
        let stopped = call();
        stopped.cancel.cancel();
        if how == "library" {
            let error = destination.deliver(&stopped, &first).unwrap_err();
            assert_eq!(error, PluginError::transient("stopped while copying the record"));
        }
    }
}
