//! Any files and any sessions: every file is in the record of each of its sessions, once, and nowhere else.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_core::session::RecordStatus;
use nexus_core::validate;
use nexus_plugin_api::{EventTime, UsageEvent};
use nexus_tests::lab::{Lab, put};
use proptest::prelude::*;

/// A use of one of the two instruments, in seconds from the beginning.
#[derive(Debug, Clone)]
struct Use {
    sem: bool,
    from: i64,
    lasts: i64,
}

/// A file somewhere below the instrument data, with its time in milliseconds from the beginning.
#[derive(Debug, Clone)]
struct Placed {
    folder: &'static str,
    name: String,
    at: i64,
    /// At the start (even) or the end (odd) of the use that has half this number, if there is one, and not then.
    edge: usize,
}

const FOLDERS: [&str; 5] = ["tem", "tem/inner", "tem/inner/a b", "sem", "sem/2024"];
const SPAN: i64 = 4 * 3600;

fn uses() -> impl Strategy<Value = Vec<Use>> {
    let one = (any::<bool>(), 0..SPAN, 1..5400_i64).prop_map(|(sem, from, lasts)| Use { sem, from, lasts });
    proptest::collection::vec(one, 1..6)
}

fn files() -> impl Strategy<Value = Vec<Placed>> {
    let suffix = prop::sample::select(vec!["txt", "dm3", "mib", "TXT", "é&<"]);
    let at = prop_oneof![4 => 0..SPAN * 1000, 1 => (0..SPAN).prop_map(|second| second * 1000)];
    let one = (prop::sample::select(&FOLDERS[..]), 0..30_u32, suffix, at, 0..40_usize).prop_map(
        |(folder, number, suffix, at, edge)| Placed { folder, name: format!("{number}.{suffix}"), at, edge },
    );
    proptest::collection::vec(one, 0..40)
}

fn moment(milliseconds: i64) -> DateTime<Utc> {
    Lab::start(0) + TimeDelta::milliseconds(milliseconds)
}

/// The facility with these sessions (numbered from 1) and files, after a run that builds so many at a time.
fn made(sem: &str, uses: &[Use], files: &[Placed], tranche: usize) -> Lab {
    let lab = Lab::with_destinations(&["a"]);
    lab.sql("UPDATE instruments SET filestore_path = ?1 WHERE instrument_pid = 'LAB-SEM'", &[sem]);
    for folder in FOLDERS {
        // So that nobody takes the storage for a missing one.
        put(&lab.path(&format!("files/{folder}/old.txt")), "", moment(-1_000_000));
    }
    for file in files {
        put(&lab.path(&format!("files/{}/{}", file.folder, file.name)), &file.name, moment(file.at));
    }
    for (number, used) in (1_u32..).zip(uses) {
        let at = |second: i64| EventTime::Offset(moment(second * 1000).fixed_offset());
        lab.harvester.put(UsageEvent {
            instrument_pid: if used.sem { "LAB-SEM" } else { "LAB-TEM" }.into(),
            start: at(used.from),
            end: Some(at(used.from + used.lasts)),
            ..Lab::event(number)
        });
    }
    lab.run_with(|facility| facility.tranche = tranche.try_into().unwrap());
    lab
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each is two runs of a facility; PROPTEST_CASES asks for more.
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { ProptestConfig::default().cases } else { 8 },
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_file_is_in_the_record_of_each_of_its_sessions_once(
        sem in prop::sample::select(vec!["sem", "tem", "tem/inner"]),
        uses in uses(),
        files in files(),
        tranche in 1_usize..6,
    ) {
        // A name that is given twice is one file, with the last time.
        let files: BTreeMap<_, _> =
            files.into_iter().map(|file| ((file.folder, file.name.clone()), file)).collect();
        let mut files: Vec<Placed> = files.into_values().collect();
        for file in &mut files {
            if let Some(used) = uses.get(file.edge / 2) {
                file.at = 1000 * (used.from + if file.edge % 2 == 0 { 0 } else { used.lasts });
            }
        }
        let lab = made(sem, &uses, &files, tranche);
        for (number, used) in (1_u32..).zip(&uses) {
            let root = format!("{}/", if used.sem { sem } else { "tem" });
            let mut its: Vec<(i64, String)> = files
                .iter()
                .filter(|file| file.at > used.from * 1000 && file.at <= (used.from + used.lasts) * 1000)
                .filter(|file| !file.name.contains(".mib"))
                .map(|file| (file.at, format!("{}/{}", file.folder, file.name)))
                .filter(|(_, path)| path.starts_with(&root))
                .map(|(at, path)| (at, nexus_core::record::percent_encode(format!("/{path}").as_bytes())))
                .collect();
            if its.is_empty() {
                prop_assert_eq!(lab.status(number), Some(RecordStatus::NoFilesFound));
                continue;
            }
            prop_assert_eq!(lab.status(number), Some(RecordStatus::Completed));
            let record = lab.record(number).unwrap();
            prop_assert!(validate::shipped().unwrap().validate(record.as_bytes()).is_ok(), "{}", record);
            let activities = lab.activities(number);
            prop_assert!(activities.iter().all(|activity| !activity.is_empty()));
            let mut told = activities.concat();
            // Files of one moment have an order as well, which is not the subject here.
            let times: BTreeMap<String, i64> = its.iter().map(|(at, path)| (path.clone(), *at)).collect();
            prop_assert!(told.is_sorted_by_key(|path| times.get(path)), "{:?} of {:?}", told, times);
            told.sort();
            its.sort_by(|a, b| a.1.cmp(&b.1));
            prop_assert_eq!(told, its.into_iter().map(|(_, path)| path).collect::<Vec<_>>());
        }
        let again = made(sem, &uses, &files, 100);
        for number in (1_u32..).take(uses.len()) {
            prop_assert!(lab.record(number) == again.record(number), "{} differs", number);
        }
    }
}
