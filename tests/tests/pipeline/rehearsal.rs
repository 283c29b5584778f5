//! What a run would do is told, nothing is done, and the run then does it.

use std::collections::BTreeMap;
use std::fs;

use chrono::TimeDelta;
use nexus_core::pipeline::{self, Choice, Facility, PlannedSession, Steps};
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::{PluginError, Reservation, ReservationAnswer};
use nexus_tests::lab::{Lab, put, tree};

/// Rehearses, and makes sure that nothing was touched.
fn rehearsed(lab: &Lab, change: impl FnOnce(&mut Facility)) -> (RunReport, Vec<PlannedSession>) {
    let before = tree(lab.folder.path());
    let mut facility = lab.open().unwrap();
    change(&mut facility);
    let mut told = Vec::new();
    let report = pipeline::rehearse(&facility, Steps::ALL, &mut |session| told.push(session)).unwrap();
    drop(facility);
    let after = tree(lab.folder.path());
    let names = |tree: &BTreeMap<_, _>| tree.keys().cloned().collect::<Vec<std::path::PathBuf>>();
    assert_eq!(names(&before), names(&after));
    assert!(before == after, "a file was changed");
    assert_eq!(report.build.planned, report.build.accounted(), "{report:?}");
    let asked = lab.servers.server("a").counts();
    assert_eq!((asked.creates, asked.finds), (0, 0), "destinations are not asked");
    (report, told)
}

/// Six sessions: two to be built, one refused, one without files, one unanswered, one whose use goes on.
fn lab() -> Lab {
    let lab = Lab::with_destinations(&["a", "b"]);
    lab.sessions(1..=4);
    lab.harvester.put(Lab::event(5));
    lab.harvester.put(nexus_plugin_api::UsageEvent { end: None, ..Lab::event(6) });
    let booking = Reservation {
        internal_id: Some("77".to_owned()),
        title: Some("Gold on carbon".to_owned()),
        user_full_name: Some("Ada Lovelace".to_owned()),
        ..Reservation::default()
    };
    lab.harvester.answer("lab-use-1", ReservationAnswer::Reservation(Box::new(booking)));
    lab.harvester.answer("lab-use-3", ReservationAnswer::NoConsent { reason: "not given".to_owned() });
    lab.harvester.answer("lab-use-4", ReservationAnswer::Failed(PluginError::transient("away")));
    // Two bursts, half an hour apart.
    for seconds in (600..610).chain(2400..2410) {
        let time = Lab::start(1) + TimeDelta::seconds(seconds);
        put(&lab.path(&format!("files/sem/more/{seconds}.txt")), "", time);
    }
    lab
}

/// What was told of each session and what became of it agree.
fn agree(lab: &Lab, told: &[PlannedSession]) {
    for one in told {
        let number = one.session.as_str().trim_start_matches("lab-use-").parse().unwrap();
        let status = lab.status(number).unwrap();
        match one.result.as_str() {
            "BUILD" | "REBUILD" => {
                assert_eq!(status, RecordStatus::Completed, "{one:?}");
                let record = lab.path(&format!("data/records/uploaded/{}.xml", one.detail));
                assert!(record.is_file(), "{one:?}");
                let files: Vec<Vec<String>> = one
                    .activities
                    .iter()
                    .map(|activity| activity.files.iter().map(|file| format!("/{file}")).collect())
                    .collect();
                assert_eq!(files, lab.activities(number));
                let text = fs::read_to_string(record).unwrap();
                for activity in &one.activities {
                    assert!(text.contains(&format!("<startTime>{}</startTime>", activity.start)), "{one:?}");
                }
                for server in &one.destinations {
                    assert_eq!(lab.servers.server(server).of(one.session.as_str()).len(), 1, "{one:?}");
                }
            }
            "WAITING" => assert_eq!(status, RecordStatus::ToBeBuilt, "{one:?}"),
            settled => assert_eq!(settled, status.to_string(), "{one:?}"),
        }
    }
}

#[test]
fn a_rehearsal_tells_all_touches_nothing_and_the_run_does_as_told() {
    let lab = lab();
    let (report, told) = rehearsed(&lab, |_| {});
    let results: Vec<_> = told.iter().map(|one| (one.session.as_str(), one.result.as_str())).collect();
    assert_eq!(
        results,
        [
            ("lab-use-1", "BUILD"),
            ("lab-use-2", "BUILD"),
            ("lab-use-3", "NO_CONSENT"),
            ("lab-use-4", "WAITING"),
            ("lab-use-5", "NO_FILES_FOUND"),
        ]
    );
    let harvest = &report.harvest[&"lab".into()];
    assert_eq!((harvest.new, harvest.opened, report.build.planned), (5, 1, 5));
    assert_eq!(report.needs_person.len(), 1, "{report:?}");
    let first = &told[0];
    assert_eq!(first.title.as_deref(), Some("Gold on carbon"));
    assert_eq!(first.experimenter.as_deref(), Some("Ada Lovelace"));
    assert_eq!(first.reservation.as_deref(), Some("77"));
    assert_eq!((first.instrument.as_str(), first.user.as_deref()), ("LAB-SEM", Some("ada")));
    assert_eq!(first.detail, "2024-03-04_LAB-SEM_lab-use-1");
    assert_eq!(first.destinations, ["a", "b"]);
    assert_eq!(first.activities.iter().map(|activity| activity.files.len()).sum::<usize>(), 21);
    assert!(first.activities.len() > 1, "{first:?}");
    assert_eq!(first.activities[0].files[0], "sem/1_image.txt");
    assert_eq!(told[2].detail, "not given");

    let (_, again) = rehearsed(&lab, |_| {});
    assert_eq!(told, again);
    let done = lab.run();
    assert_eq!((done.build.planned, done.build.built), (5, 2));
    assert_eq!(done.build.waiting, report.build.waiting);
    assert_eq!(done.build.settled(), report.build.settled());
    agree(&lab, &told);
}

#[test]
fn a_rehearsal_of_a_choice_tells_what_the_run_of_that_choice_does() {
    let lab = lab();
    lab.harvest();
    let choice = Choice { limit: Some(1), since: Some(Lab::start(2)), ..Choice::default() };
    let (report, told) = rehearsed(&lab, |facility| facility.choice = choice.clone());
    assert_eq!(report.build.planned, 4);
    let done = lab.run_with(|facility| facility.choice = choice);
    assert_eq!(report.build.beyond_limit, done.build.beyond_limit);
    assert_eq!(told.len(), done.sessions.len());
    agree(&lab, &told);
}

#[test]
fn a_rehearsal_of_a_rebuild_says_so_and_leaves_the_wish() {
    let lab = Lab::with_destinations(&["b"]);
    lab.sessions([1]);
    lab.run();
    lab.put_file(1, "second");
    lab.rebuild_all();
    let (_, told) = rehearsed(&lab, |_| {});
    assert_eq!((told.len(), told[0].result.as_str()), (1, "REBUILD"));
    assert_eq!(lab.run().build.built, 1);
    agree(&lab, &told);
}

#[test]
fn a_rehearsal_changes_no_storage_that_is_remembered_and_asks_for_it() {
    let lab = lab();
    fs::rename(lab.path("files/tem"), lab.path("away")).unwrap();
    let (report, told) = rehearsed(&lab, |facility| facility.accept_storage = true);
    assert_eq!(told[1].result, "WAITING");
    assert!(report.needs_person.iter().any(|line| line.contains("is the storage mounted?")), "{report:?}");
}
