//! When nothing goes wrong.

use chrono::TimeDelta;
use nexus_tests::fake_cdcs::FakeCdcs;
use nexus_tests::fake_sharepoint::Item;
use serde_json::json;

use super::facility::{LIST, NotebookFacility};

#[test]
fn sessions_of_a_log_become_pages_with_what_the_calendar_says() {
    let mut facility = NotebookFacility::new();
    for (number, start) in
        [(1, "2026-05-04T14:00:00Z"), (2, "2026-05-05T14:00:00Z"), (3, "2026-05-06T14:00:00Z")]
    {
        facility.used_and_booked(number, start);
    }
    let refused = Item::new(4, "Refused", "2026-05-07T13:00:00Z", "2026-05-07T16:00:00Z").by(12);
    facility.used(4, "2026-05-07T14:00:00Z");
    facility.calendar.put(LIST, refused.consent(json!("Disagree")));
    facility.used(5, "2026-05-08T14:00:00Z");

    let report = facility.run();
    assert_eq!((report.build.planned, report.build.built), (5, 3), "{report:#?}");
    facility.one_page_each(&[1, 2, 3]);
    assert_eq!(
        [1, 4, 5].map(|number| facility.status(number)),
        ["COMPLETED", "NO_CONSENT", "NO_RESERVATION"]
    );
    let record = facility.record(2);
    for told in ["Experiment 2", "Lovelace, Ada", "DispForm.aspx?ID=2"] {
        assert!(record.contains(told), "{told}: {record}");
    }
    assert!(!facility.reason(4).contains("Refused"), "{}", facility.reason(4));

    facility.notebook.forget_calls();
    facility.calendar.server.forget_requests();
    let again = facility.run_after(TimeDelta::days(1));
    assert_eq!((again.build.planned, facility.notebook.calls().len()), (0, 0), "{again:#?}");
    assert_eq!(facility.calendar.server.requests().len(), 0);
}

#[test]
fn a_summary_says_where_else_the_record_is() {
    let mut facility = NotebookFacility::new();
    facility.used_and_booked(1, "2026-05-04T14:00:00Z");
    let site = FakeCdcs::start();
    let token = nexus_tests::fake_cdcs::TOKEN;
    facility.more_destinations = format!(
        "[destinations.cdcs]\nplugin = \"cdcs\"\nurl = '{}'\ntoken = {{ value = '{token}' }}\n",
        site.url()
    );
    facility.of_notebook = "after = [\"cdcs\"]\n".to_owned();
    facility.run();
    let summary =
        facility.notebook.on_page(&facility.page(1)).into_iter().find(|entry| !entry.data.is_empty());
    let text = summary.unwrap().data;
    let link = format!("<a href=\"{}data?id=", site.url());
    for told in ["The Titan", &link, "titan/1.txt", "data:image/png;base64,"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn a_record_that_changed_changes_its_page() {
    let mut facility = NotebookFacility::new();
    facility.used_and_booked(1, "2026-05-04T14:00:00Z");
    facility.used_and_booked(2, "2026-05-05T14:00:00Z");
    facility.run();
    let before = facility.page(1).tree_id;
    let second = facility.path("files/titan/1_second.txt");
    nexus_tests::lab::put(&second, "magnification = 2000\n", "2026-05-04T14:40:00Z".parse().unwrap());
    facility.sql("UPDATE nexus_session SET rebuild_requested = 1", &[]);
    facility.notebook.forget_calls();
    facility.run_after(TimeDelta::days(1));
    facility.one_page_each(&[1, 2]);
    assert_eq!(facility.page(1).tree_id, before);
    assert!(facility.record(1).contains("1_second.txt"));
    assert_eq!(facility.notebook.count("tree_tools/insert_node"), 0);
    assert_eq!(facility.notebook.count("entries/add_attachment"), 0);
}

#[test]
fn days_on_which_the_clocks_change_are_as_long_as_they_are() {
    let mut facility = NotebookFacility::new();
    // 8 March 2026, 02:00 becomes 03:00; 1 November 2026, 02:00 becomes 01:00. Whole days, in the site's own time.
    for (number, start, from, to) in [
        (1, "2026-03-08T06:30:00Z", "2026-03-08T00:00:00Z", "2026-03-08T23:59:00Z"),
        (2, "2026-03-09T03:00:00Z", "2026-03-08T00:00:00Z", "2026-03-08T23:59:00Z"),
        (3, "2025-11-02T05:30:00Z", "2025-11-02T00:00:00Z", "2025-11-02T23:59:00Z"),
        (4, "2025-11-03T04:30:00Z", "2025-11-02T00:00:00Z", "2025-11-02T23:59:00Z"),
    ] {
        facility.used(number, start);
        facility.calendar.put(LIST, Item::new(number, "All day", from, to).by(12).all_day());
    }
    // A whole day ends where the next begins: this is an hour too late.
    facility.used(5, "2025-11-03T05:00:00Z");
    facility.run();
    assert_eq!([1, 2, 3, 4].map(|number| facility.status(number)), ["COMPLETED"; 4]);
    assert_eq!(facility.status(5), "NO_RESERVATION");
    facility.one_page_each(&[1, 2, 3, 4]);
}

#[test]
fn ten_thousand_bookings_cost_a_few_questions() {
    let mut facility = NotebookFacility::new();
    for number in [1, 2, 3] {
        facility.used_and_booked(number, &format!("2026-05-0{number}T14:00:00Z"));
    }
    let day = |number: u64| {
        let start = "2010-01-01T08:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap()
            + TimeDelta::hours(i64::try_from(number).unwrap() * 13);
        (start.format("%FT%TZ").to_string(), (start + TimeDelta::hours(2)).format("%FT%TZ").to_string())
    };
    for number in 1_000..11_000 {
        let (start, end) = day(number);
        if !start.starts_with("2026-05") {
            facility.calendar.put(LIST, Item::new(number, "Other", &start, &end).by(13));
        }
    }
    facility.calendar.index(LIST, &["EventDate", "EndDate"]);
    facility.run();
    assert_eq!([1, 2, 3].map(|number| facility.status(number)), ["COMPLETED"; 3]);
    let asked = facility.calendar.server.requests().len();
    assert!(asked <= 6, "{asked} requests");
    facility.one_page_each(&[1, 2, 3]);
}
