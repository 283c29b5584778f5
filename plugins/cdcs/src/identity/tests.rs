use std::collections::BTreeMap;

use nexus_plugin_api::{InstrumentRef, PathRef, RecordRef, Reservation, SessionFacts};
use proptest::prelude::*;

use super::*;

fn delivery(key: &str) -> Delivery {
    Delivery {
        record: RecordRef {
            path: PathRef::new("/records/x.xml"),
            key: key.to_owned(),
            name: "x".to_owned(),
            content_sha256: String::new(),
            file_sha256: String::new(),
            size: 0,
        },
        session: SessionFacts {
            identifier: "s".to_owned(),
            instrument: InstrumentRef {
                pid: "TEM-1".to_owned(),
                display_name: String::new(),
                api_url: String::new(),
                timezone: "America/Denver".to_owned(),
                location: String::new(),
            },
            user: None,
            start: "2026-05-04T09:00:00-06:00".parse().unwrap(),
            end: "2026-05-04T11:00:00-06:00".parse().unwrap(),
        },
        activities: Vec::new(),
        reservation: None,
        external_ids: BTreeMap::new(),
        user_emails: Vec::new(),
        previous: None,
        checkpoint: None,
        others: Vec::new(),
    }
}

fn record(pid: &str, starts: &[&str]) -> String {
    let activities: Vec<String> = starts
        .iter()
        .map(|start| {
            format!("<acquisitionActivity seqno=\"0\"><startTime>{start}</startTime></acquisitionActivity>")
        })
        .collect();
    let activities = activities.concat();
    format!(
        "<?xml version='1.0'?>\n<Experiment xmlns=\"https://x\"><title>t</title><id>31</id>\
         <summary><instrument pid=\"{pid}\">T</instrument></summary>{activities}</Experiment>\n"
    )
}

#[test]
fn the_key_decides_if_it_is_there() {
    let elsewhere = record("SEM-9", &["1999-01-01T00:00:00Z"]);
    assert!(is_of_session(&stamped(&elsewhere, "a-1"), &delivery("a-1")));
    let fitting = record("TEM-1", &["2026-05-04T10:00:00-06:00"]);
    assert!(!is_of_session(&stamped(&fitting, "a-2"), &delivery("a-1")));
}

#[test]
fn a_record_of_nexuslims_is_known_by_instrument_and_time() {
    let is = |pid: &str, starts: &[&str]| is_of_session(&record(pid, starts), &delivery("k"));
    assert!(is("TEM-1", &["2026-05-04T10:00:00-06:00"]));
    assert!(is("TEM-1", &["2026-05-04T16:00:00Z"]));
    assert!(is("TEM-1", &["2026-05-04T10:00:00"]), "without an offset it is the session's");
    assert!(is("TEM-1", &["2026-05-04T08:00:00-06:00", "2026-05-04T10:30:00.123456-06:00"]));
    assert!(!is("TEM-2", &["2026-05-04T10:00:00-06:00"]), "another instrument");
    assert!(!is("TEM-1", &["2026-05-04T12:00:00-06:00"]), "another session");
    assert!(!is("TEM-1", &[]) && !is("TEM-1", &["soon"]));
}

#[test]
fn without_files_the_number_of_the_booking_is_left() {
    let mut booked = delivery("k");
    booked.reservation = Some(Reservation { internal_id: Some("31".to_owned()), ..Reservation::default() });
    assert!(is_of_session(&record("TEM-1", &[]), &booked));
    assert!(!is_of_session(&record("TEM-2", &[]), &booked));
    booked.reservation = Some(Reservation { internal_id: Some("32".to_owned()), ..Reservation::default() });
    assert!(!is_of_session(&record("TEM-1", &[]), &booked));
}

#[test]
fn spelling_and_an_identifier_of_the_site_make_no_other_record() {
    let one = "<?xml version='1.0' encoding='UTF-8'?>\n<E a=\"1\" b=\"2\"><x>µ</x></E>\n";
    for same in [
        "<E b='2' a='1'><x>&#181;</x></E>",
        "<E pid=\"https://site/1\" a=\"1\" b=\"2\"><x>µ</x></E><!-- more -->",
    ] {
        assert!(same_record(one, same), "{same}");
    }
    for other in [
        "<E a='1' b='3'><x>µ</x></E>",
        "<E a='1' b='2'><x>u</x></E>",
        "<E a='1' b='2'><x>µ</x><x/></E>",
        "<E a='1' b='2'><y>µ</y></E>",
        "<E a='1' b='2'><x pid='1'>µ</x></E>",
        "<E a='1' b='2'><x>µ</x>",
        "",
    ] {
        assert!(!same_record(one, other), "{other}");
    }
    assert!(!same_record("<a><b/><c/></a>", "<a><b><c/></b></a>"), "the tree counts");
}

#[test]
fn a_key_that_would_end_the_comment_stays_out() {
    for key in ["", "a--b", "a-", "a>b", "a b"] {
        assert_eq!(stamped("<a/>", key), "<a/>");
    }
    let text = stamped("<a/>", "0d1e-2f");
    assert!(xml::parse(&text).is_ok());
    assert_eq!(stamp(&text), Some("0d1e-2f"));
    assert_eq!(stamp(&stamped(&text, "other")), Some("other"), "the last one counts");
}

#[test]
fn a_record_as_deep_as_a_well_is_judged_too() {
    let deep = format!("<Experiment>{}{}</Experiment>", "<a>".repeat(50_000), "</a>".repeat(50_000));
    assert!(!is_of_session(&deep, &delivery("k")));
    assert!(!same_record(&deep, "<Experiment/>"));
    let _ = same_record(&deep, &format!("{deep} "));
}

proptest! {
    #[test]
    fn any_content_is_judged(content in "\\PC{0,60}|<[a-zE&;! -]{0,30}>") {
        let _ = is_of_session(&content, &delivery("k"));
        let _ = same_record(&content, "<a/>");
    }

    #[test]
    fn a_stamped_record_is_the_same_record(text in "[a-zµ ]{0,20}", key in "[a-f0-9]{1,8}(-[a-f0-9]{1,4}){0,3}") {
        let record = format!("<a><b>{text}</b></a>");
        let stamped = stamped(&record, &key);
        prop_assert!(same_record(&record, &stamped));
        prop_assert_eq!(stamp(&stamped), Some(key.as_str()));
    }
}
