//! When something does.

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_tests::fake_labarchives::NOTEBOOK;
use nexus_tests::fake_sharepoint::{CLIENT, Door, SECRET, TENANT};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;

use super::facility::{LIST, NotebookFacility};

const DAYS: [(u64, &str); 3] =
    [(1, "2026-05-04T14:00:00Z"), (2, "2026-05-05T14:00:00Z"), (3, "2026-05-06T14:00:00Z")];

fn three_days() -> NotebookFacility {
    let mut facility = NotebookFacility::new();
    for (number, start) in DAYS {
        facility.used_and_booked(number, start);
    }
    facility
}

fn all_is_well(facility: &NotebookFacility) {
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["COMPLETED"; 3]);
    for number in [1, 2, 3] {
        assert_eq!(facility.delivery(number, "notebook").state, State::Delivered);
    }
    facility.one_page_each(&[1, 2, 3]);
}

#[test]
fn a_token_that_ends_midway_is_renewed() {
    let mut facility = three_days();
    facility.calendar.door(Door::Bearer);
    facility.calendar.tokens_last(Some(1));
    facility.calendar.habits(|habits| habits.page = 2);
    facility.of_calendar = format!(
        "address = '{}'\napi = \"graph\"\nauth = \"client_secret\"\ntenant = '{TENANT}'\nclient_id = '{CLIENT}'\n\
         client_secret = {{ value = '{SECRET}' }}\ntoken_url = '{}'\n",
        facility.calendar.graph(),
        facility.calendar.token_url()
    );
    facility.run();
    assert!(facility.calendar.tokens_asked() > 1, "{}", facility.calendar.tokens_asked());
    all_is_well(&facility);
}

#[test]
fn a_storm_of_too_many_requests_settles_nothing_and_passes() {
    let facility = three_days();
    let busy = || Fault::Answer(Response::html(429).with_header("Retry-After", "30".into()));
    facility.calendar.server.fail(Rule::on("/sites/microscopy/_api/web/lists", busy()).times(100));
    let report = facility.run();
    assert_eq!((report.build.waiting.values().sum::<u64>(), report.build.built), (3, 0), "{report:#?}");
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["TO_BE_BUILT"; 3]);
    let asked = facility.calendar.server.requests().len();
    assert!(asked <= 12, "{asked} requests while it asked to be left alone");

    facility.calendar.server.heal();
    facility.notebook.server.fail(Rule::on("/api/entries/add_entry", busy()).times(100));
    facility.run_after(TimeDelta::hours(1));
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["COMPLETED"; 3], "the folder has them");
    assert!((1..=3).all(|number| facility.delivery(number, "notebook").state == State::Due));
    let asked = facility.notebook.count("entries/add_entry");
    assert!(asked <= 9, "{asked} calls while it asked to be left alone");

    facility.notebook.server.heal();
    facility.run_after(TimeDelta::days(1));
    all_is_well(&facility);
}

#[test]
fn a_clock_that_is_ten_minutes_off_is_allowed_for() {
    for minutes in [-10, 10] {
        let facility = three_days();
        facility.notebook.set_offset(TimeDelta::minutes(minutes));
        facility.run();
        all_is_well(&facility);
        assert!(facility.notebook.count("utilities/epoch_time") <= 2);
    }
}

#[test]
fn an_answer_that_is_lost_after_the_page_was_made_makes_no_second_page() {
    for path in ["/api/tree_tools/insert_node", "/api/entries/add_entry", "/api/entries/add_attachment"] {
        let facility = three_days();
        // The first three nodes are the two folders and the first page.
        let earlier = if path.ends_with("insert_node") { 2 } else { 0 };
        facility.notebook.server.fail(Rule::on(path, Fault::DropAfter).after(earlier).times(2));
        for _ in 0..4 {
            facility.run_after(TimeDelta::hours(6));
        }
        all_is_well(&facility);
    }
}

#[test]
fn a_notebook_that_is_not_shared_with_the_user_is_replaced_by_their_own_or_the_facilitys() {
    let mut facility = three_days();
    facility.of_notebook = "users = \"own\"\n".to_owned();
    let uid = facility.ada_is_enrolled();
    let own = facility.notebook.add_notebook(&uid, "Ada's notebook", true);
    facility.run();
    all_is_well(&facility);
    assert!(
        facility.notebook.pages().iter().all(|page| page.nbid == own),
        "{:#?}",
        facility.notebook.pages()
    );

    // Nobody may look into it any more but her, and her account may not be used: the facility's notebook takes them.
    let mut facility = three_days();
    facility.of_notebook = "users = \"own\"\n".to_owned();
    let uid = facility.ada_is_enrolled();
    facility.notebook.revoke(&uid);
    facility.run();
    all_is_well(&facility);
    assert!(facility.notebook.pages().iter().all(|page| page.nbid == NOTEBOOK));

    let mut facility = three_days();
    facility.of_notebook = "users = \"own\"\nfallback = false\n".to_owned();
    let uid = facility.ada_is_enrolled();
    facility.notebook.add_notebook(&uid, "Ada's notebook", true);
    facility.notebook.revoke(&uid);
    facility.run();
    assert_eq!(facility.notebook.pages(), []);
    for number in [1, 2, 3] {
        let delivery = facility.delivery(number, "notebook");
        assert_eq!(delivery.state, State::Failed, "{delivery:?}");
        assert!(delivery.failure_text.as_ref().unwrap().contains("ada"), "{delivery:?}");
    }
}

#[test]
fn a_column_that_was_renamed_is_named_and_settles_nothing() {
    let mut facility = three_days();
    facility.calendar.remove_column(LIST, "DataConsent");
    let report = facility.run();
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["TO_BE_BUILT"; 3]);
    let told = format!("{:?} {:?}", report.needs_person, report.sessions);
    assert!(told.contains("DataConsent"), "{told}");
    assert_eq!(facility.notebook.calls().len(), 0);

    facility.calendar.put_column(LIST, "Agreement", nexus_tests::fake_sharepoint::Kind::Text);
    for (number, start) in DAYS {
        let (from, to) = (start.replace("T14", "T13"), start.replace("T14", "T16"));
        let item = nexus_tests::fake_sharepoint::Item::new(number, "Found again", &from, &to).by(12);
        facility.calendar.put(LIST, item.with("Agreement", serde_json::json!("Agree")));
    }
    facility.of_calendar = "fields = { consent = \"Agreement\" }\n".to_owned();
    facility.run_after(TimeDelta::days(1));
    all_is_well(&facility);
}

#[test]
fn a_calendar_that_cannot_be_reached_settles_nothing() {
    let facility = three_days();
    facility.calendar.server.fail(Rule::on("/", Fault::DropBefore));
    facility.run();
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["TO_BE_BUILT"; 3]);
    facility.calendar.server.heal();
    facility.run_after(TimeDelta::hours(1));
    all_is_well(&facility);
}
