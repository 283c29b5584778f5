//! The Inbox, where nothing can be found again.

use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_plugin_api::Effect;
use nexus_tests::fake_labarchives::Entry;
use nexus_tests::fault::{Fault, Rule};

use super::bench::{Bench, Facility};

#[test]
fn both_ways_of_asking_for_it_work_and_make_no_folders() {
    for (how, expected) in [("omit", None), ("zero", Some("0"))] {
        let facility = Facility::with(&format!("inbox = \"{how}\"\n"));
        facility.lab.sessions([1]);
        let (_, calls) = facility.run();
        assert_eq!(facility.lab.status(1), Some(RecordStatus::Completed), "{}", facility.trouble(1));
        assert_eq!(facility.site.nodes().len(), 0);
        let entries = facility.site.entries();
        assert_eq!(entries.iter().map(Entry::is_attachment).collect::<Vec<_>>(), [false, true]);
        assert!(entries.iter().all(|entry| entry.place.is_none()));
        assert_eq!(entries[1].bytes, facility.lab.record(1).unwrap().into_bytes());
        for call in calls.iter().filter(|call| call.writes()) {
            assert_eq!((call.given("nbid"), call.given("pid")), (expected, expected), "{how}");
        }
        assert_eq!(facility.next_day().1.len(), 0);
    }
}

#[test]
fn it_says_that_it_cannot_look() {
    let bench = Bench::new().without("notebook_id").with("inbox", "omit");
    let target = bench.plugin().target(&bench.call()).unwrap();
    assert!(!target.can_find);
    assert_ne!(target.id, Bench::new().plugin().target(&bench.call()).unwrap().id);
}

#[test]
fn an_unclear_outcome_stays_unknown_and_a_person_is_told() {
    for (call, fault) in [
        ("add_entry", Fault::DropAfter),
        ("add_entry", Fault::Html(500)),
        ("add_attachment", Fault::DropAfter),
        ("add_attachment", Fault::Truncate),
    ] {
        let facility = Facility::with("inbox = \"omit\"\n");
        facility.lab.sessions([1]);
        facility.site.server.fail(Rule::at(&format!("/api/entries/{call}"), fault.clone()).times(1));
        let (report, _) = facility.run();
        let row = facility.lab.delivery(1, "eln").unwrap();
        assert_eq!(row.state, State::Unknown, "{call} {fault:?}: {}", facility.trouble(1));
        assert!(!report.needs_person.is_empty(), "{report:?}");
        let made = facility.site.entries().len();
        for _ in 0..2 {
            assert_eq!(facility.next_day().1.len(), 0, "nobody tries again by themselves");
        }
        assert_eq!(facility.site.entries().len(), made);
        assert!(made <= 2);
    }
}

#[test]
fn a_refusal_is_no_unclear_outcome() {
    let bench = Bench::new().without("notebook_id").with("inbox", "omit");
    let refused =
        nexus_tests::fake_labarchives::error(nexus_tests::fake_labarchives::Form::Bare, 400, 4500, "no");
    bench.site.server.fail(Rule::at("/api/entries/add_entry", Fault::Answer(refused)).times(1));
    let delivery = bench.delivery("one", "1");
    let told = bench.carry(&delivery).unwrap_err();
    assert_eq!(told.effect, Effect::None, "{told:?}");
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.entries().len(), 2);
}

#[test]
fn what_is_half_done_is_gone_on_with() {
    // The summary is there, and the record is refused for now: its checkpoint is known.
    let facility = Facility::with("inbox = \"omit\"\n");
    facility.lab.sessions([1]);
    let again = nexus_tests::http::Response::html(429).with_header("Retry-After", "600".into());
    facility.site.server.fail(Rule::at("/api/entries/add_attachment", Fault::Answer(again)).times(1));
    facility.run();
    assert_eq!(facility.site.entries().len(), 1);
    facility.next_day();
    assert_eq!(facility.site.entries().len(), 2, "{}", facility.trouble(1));
    assert_eq!(facility.lab.status(1), Some(RecordStatus::Completed));
}

#[test]
fn a_changed_record_changes_the_summary_and_the_file() {
    for how in ["omit", "zero"] {
        let facility = Facility::with(&format!("inbox = \"{how}\"\n"));
        facility.lab.sessions([1]);
        facility.run();
        for round in 1..=2 {
            facility.lab.put_file(1, &format!("more-{round}"));
            facility.lab.rebuild_all();
            facility.run();
            let entries = facility.site.entries();
            let (files, texts): (Vec<_>, Vec<_>) = entries.into_iter().partition(Entry::is_attachment);
            assert_eq!((files.len(), texts.len()), (1, 1), "{}", facility.trouble(1));
            assert_eq!((files[0].version, texts[0].version), (1 + round, 1 + round));
            assert_eq!(files[0].bytes, facility.lab.record(1).unwrap().into_bytes());
            assert!(texts[0].data.contains(&format!("1_more-{round}")));
        }
    }
}

#[test]
fn a_file_that_cannot_be_replaced_and_one_of_an_earlier_version_get_another_beside_them() {
    let facility = Facility::with("inbox = \"omit\"\n");
    facility.lab.sessions([1]);
    facility.run();
    // An earlier version noted the summary alone.
    facility
        .lab
        .sql("UPDATE nexus_delivery SET remote_id = substr(remote_id, 1, instr(remote_id, ?1) - 1)", &[","]);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    let entries = facility.site.entries();
    let (files, texts): (Vec<_>, Vec<_>) = entries.into_iter().partition(Entry::is_attachment);
    assert_eq!((files.len(), texts.len(), texts[0].version), (2, 1, 2), "{}", facility.trouble(1));
    assert_eq!(files[1].bytes, facility.lab.record(1).unwrap().into_bytes());
    assert!(texts[0].data.contains("1_second"));
    // The new one is known from now on, until the server fails at it.
    let refused =
        nexus_tests::fake_labarchives::error(nexus_tests::fake_labarchives::Form::Bare, 400, 4999, "?");
    for (rule, files) in [(None, 2), (Some(refused), 3)] {
        if let Some(refused) = rule {
            let rule = Rule::at("/api/entries/update_attachment", Fault::Answer(refused));
            facility.site.server.fail(rule.times(9));
        }
        facility.lab.put_file(1, &format!("more-{files}"));
        facility.lab.rebuild_all();
        facility.run();
        let entries = facility.site.entries();
        assert_eq!(
            entries.iter().filter(|entry| entry.is_attachment()).count(),
            files,
            "{}",
            facility.trouble(1)
        );
    }
    assert_eq!(facility.lab.delivery(1, "eln").unwrap().state, State::Delivered);
}
