//! Whole runs: whatever happens to an answer, the notebook holds one page per session.

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::session::RecordStatus;
use nexus_tests::fake_labarchives::NOTEBOOK;
use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::http::Response;

use super::bench::{Facility, TOP, notebook};

#[test]
fn a_page_for_each_session_and_nothing_when_nothing_is_new() {
    let facility = Facility::new();
    facility.lab.sessions(1..=6);
    let (report, calls) = facility.run();
    assert_eq!(report.export[&"eln".into()].delivered, 6, "{report:?}");
    // Five a session: what is there, what lies in the folder, a page, a summary, a record.
    assert!(
        calls.len() <= 10 + 5 * 6,
        "{}: {:?}",
        calls.len(),
        calls.iter().map(|call| &call.name).collect::<Vec<_>>()
    );
    for (number, delivered) in (1..=6).zip(facility.all(1..=6)) {
        let pid = ["LAB-TEM", "LAB-SEM"][number as usize % 2];
        // The second session began at four in the morning, Greenwich time, which is the evening before in Denver.
        let day = if number == 2 { "2024-03-03" } else { "2024-03-04" };
        let page = format!("{day} — lab-use-{number}");
        assert_eq!(facility.site.path(&delivered.page), [TOP, pid, &page]);
        assert_eq!(delivered.file.caption, "NexusLIMS XML record");
        let row = facility.lab.delivery(number, "eln").unwrap();
        assert_eq!(row.remote_id.as_ref(), Some(&delivered.summary.eid));
        assert!(row.remote_url.is_some_and(|url| url.starts_with("http")));
        assert_eq!(row.target.unwrap(), format!("{} notebook={NOTEBOOK}", facility.site.url()));
        assert_eq!(facility.lab.uploads(number, "eln"), ["ok"]);
        assert_eq!(facility.lab.status(number), Some(RecordStatus::Completed));
        for said in
            [format!("lab-use-{number}"), "ada".into(), format!("The {pid}"), format!("{number}_image")]
        {
            assert!(delivered.summary.data.contains(&said), "`{said}` in {}", delivered.summary.data);
        }
    }
    assert_eq!(facility.site.nodes().len(), 3 + 6, "three folders");
    assert_eq!(facility.run().1.len(), 0);
    facility.lab.rebuild_all();
    assert_eq!(facility.run().1.len(), 0, "equal content delivers nothing");
}

#[test]
fn a_record_that_has_changed_is_changed_in_place() {
    let facility = Facility::new();
    facility.lab.sessions([1, 2]);
    facility.run();
    let before = facility.all([1, 2]);
    facility.lab.put_file(1, "second");
    facility
        .lab
        .sql("UPDATE nexus_session SET rebuild_requested = 1 WHERE session_identifier = 'lab-use-1'", &[]);
    let (_, calls) = facility.run();
    let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
    assert!(calls.len() <= 10, "{names:?}");
    let after = facility.all([1, 2]);
    assert_eq!(after[1].summary, before[1].summary);
    assert_eq!((&after[0].summary.eid, &after[0].file.eid), (&before[0].summary.eid, &before[0].file.eid));
    assert_eq!((after[0].summary.version, after[0].file.version), (2, 2));
    assert!(after[0].summary.data.contains("1_second"), "{}", after[0].summary.data);
    assert_eq!(facility.run().1.len(), 0);
    assert_eq!(facility.lab.uploads(1, "eln"), ["ok", "ok"]);
}

const INSERT: &str = "/api/tree_tools/insert_node";
const ENTRY: &str = "/api/entries/add_entry";
const FILE: &str = "/api/entries/add_attachment";

/// Every call that makes something, by path and how many of its kind come before: two folders, a page, a summary, a
/// record.
const MADE: [(&str, usize); 5] = [(INSERT, 0), (INSERT, 1), (INSERT, 2), (ENTRY, 0), (FILE, 0)];

/// Answers that say nothing about what was done.
fn unclear() -> Vec<Fault> {
    let xml = |text: &str| Response::new(200, "application/xml", text.as_bytes().to_vec());
    vec![
        Fault::DropAfter,
        Fault::DropBefore,
        Fault::Truncate,
        Fault::Html(500),
        Fault::Html(503),
        Fault::Answer(Response::html(200)),
        Fault::AnswerAfter(Response::html(200)),
        Fault::AnswerAfter(Response::html(500)),
        Fault::AnswerAfter(Response::html(503)),
        Fault::AnswerAfter(xml("<?xml version=\"1.0\"?>\n<entries><entry><eid>MjI")),
        Fault::AnswerAfter(xml("<tree-tools><node><is-page>true</is-page></node></tree-tools>")),
        Fault::AnswerAfter(xml("<entries><entry><part-type>text entry</part-type><eid/></entry></entries>")),
        Fault::AnswerAfter(xml("<entries><request><eid>planted-echo</eid></request></entries>")),
        Fault::AnswerAfter(xml("")),
    ]
}

/// A fault once; then as many days as it takes.
fn met(path: &str, before: usize, fault: &Fault, form: &str) -> Facility {
    let facility = Facility::with(&format!("{}{form}", notebook()));
    facility.lab.sessions([1]);
    facility.site.server.fail(Rule::at(path, fault.clone()).after(before).times(1));
    facility.run();
    // An answer that makes no sense is for a person, who looks and says that it is to be tried again.
    facility
        .lab
        .sql("UPDATE nexus_delivery SET state = 'due', failure_class = NULL WHERE state = 'failed'", &[]);
    for _ in 0..3 {
        if facility.lab.status(1) != Some(RecordStatus::Completed) {
            facility.next_day();
        }
    }
    assert_eq!(
        facility.lab.status(1),
        Some(RecordStatus::Completed),
        "{fault:?} at {path} after {before}: {}",
        facility.trouble(1)
    );
    facility
}

fn survives(path: &str, before: usize) {
    for fault in unclear() {
        let facility = met(path, before, &fault, "");
        facility.all([1]);
        assert_eq!(facility.site.entries().len(), 2, "{fault:?}: {:#?}", facility.site.entries());
        assert_eq!(facility.next_day().1.len(), 0, "{fault:?}");
    }
}

#[test]
fn a_lost_answer_makes_no_second_folder() {
    for (path, before) in &MADE[..2] {
        survives(path, *before);
    }
}

#[test]
fn a_lost_answer_makes_no_second_page() {
    survives(MADE[2].0, MADE[2].1);
}

#[test]
fn a_lost_answer_makes_no_second_summary() {
    survives(MADE[3].0, MADE[3].1);
}

#[test]
fn a_lost_answer_makes_no_second_record() {
    survives(MADE[4].0, MADE[4].1);
}

#[test]
fn a_lost_answer_to_a_change_makes_no_second_change_of_another_entry() {
    for path in ["/api/entries/update_entry", "/api/entries/update_attachment"] {
        for fault in unclear() {
            let facility = Facility::new();
            facility.lab.sessions([1]);
            facility.run();
            facility.site.server.fail(Rule::at(path, fault.clone()).times(1));
            facility.lab.put_file(1, "second");
            facility.lab.rebuild_all();
            facility.run();
            for _ in 0..3 {
                facility.next_day();
            }
            let row = facility.lab.delivery(1, "eln").unwrap();
            assert_eq!(row.state, State::Delivered, "{fault:?} at {path}: {}", facility.trouble(1));
            assert!(facility.all([1])[0].summary.data.contains("1_second"));
            assert_eq!(facility.site.entries().len(), 2, "{fault:?} at {path}");
        }
    }
}

#[test]
fn what_lands_after_the_client_gave_up_is_waited_for() {
    for (path, before) in &MADE[2..] {
        let facility = Facility::with(&format!("{}timeout = \"1 s\"\n", notebook()));
        facility.lab.sessions([1]);
        facility.build();
        let began = facility.lab.now();
        let late = Gate::new();
        let rule = Rule::at(path, Fault::HoldBefore(late.clone())).after(*before).times(1);
        facility.site.server.fail(rule);
        let made = || facility.site.nodes().len() + facility.site.entries().len();
        let calls = facility.site.calls().len();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| facility.lab.run());
            late.wait_for_arrivals(1);
            let then = made();
            // The host waits until it has settled; nobody may create it once more before.
            while facility.lab.now() - began < TimeDelta::seconds(120) {
                std::thread::yield_now();
                assert!(!running.is_finished(), "{}", facility.trouble(1));
            }
            late.open();
            while made() == then {
                std::thread::yield_now();
            }
            running.join().unwrap();
        });
        for _ in 0..3 {
            if facility.lab.status(1) != Some(RecordStatus::Completed) {
                facility.next_day();
            }
        }
        facility.all([1]);
        let sent = facility.site.calls().split_off(calls);
        let wanted = path.trim_start_matches("/api/");
        assert_eq!(sent.iter().filter(|call| call.name == wanted).count(), before + 1, "{path}: {sent:#?}");
    }
}

#[test]
fn the_link_of_another_destination_stands_in_the_summary() {
    let mut facility = Facility::bare(super::holds::Spaced::Arriving);
    facility.lab.table("copies", "plugin = \"folder\"\npath = \"copies\"\npriority = 50\n");
    let shelf = facility.lab.destination("shelf", "priority = 60\n");
    facility.table("eln", &format!("concurrency = 1\nafter = [\"shelf\", \"copies\"]\n{}", notebook()));
    facility.lab.sessions([1]);
    facility.run();
    let delivered = &facility.all([1])[0];
    assert_eq!(shelf.objects().len(), 1);
    let links: Vec<String> = ["shelf", "copies"]
        .into_iter()
        .filter_map(|name| facility.lab.delivery(1, name).unwrap().remote_url)
        .collect();
    assert!(!links.is_empty(), "no destination gives a link");
    for link in links {
        let link = link.replace('&', "&amp;");
        assert!(delivered.summary.data.contains(&link), "{link} in {}", delivered.summary.data);
    }
}

#[test]
fn a_page_that_somebody_removed_is_made_again_when_the_record_changes() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.run();
    facility.site.change_nodes(|node| !node.is_page);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    for _ in 0..2 {
        facility.next_day();
    }
    facility.all([1]);
    // The same with the folder, which the program may still know.
    facility.site.change_nodes(|_| false);
    facility.lab.put_file(1, "third");
    facility.lab.rebuild_all();
    facility.run();
    for _ in 0..2 {
        facility.next_day();
    }
    facility.all([1]);
    assert_eq!(facility.site.nodes().len(), 3);
}
