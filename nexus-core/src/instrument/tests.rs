//! Checks, the table, and times in an instrument's zone.

use proptest::prelude::*;

use super::*;
use crate::db::Database;

pub(crate) fn titan() -> Instrument {
    Instrument {
        pid: "TITAN-1".into(),
        api_url: "https://nemo.example.org/api/tools/?id=1".to_owned(),
        calendar_url: "https://nemo.example.org/calendar/titan".to_owned(),
        location: "Building 2, room 5".to_owned(),
        display_name: "Titan".to_owned(),
        property_tag: "00012".to_owned(),
        filestore_path: "Titan/data".to_owned(),
        harvester: "nemo".to_owned(),
        timezone: "America/New_York".to_owned(),
    }
}

fn problem(change: impl FnOnce(&mut Instrument)) -> String {
    let mut instrument = titan();
    change(&mut instrument);
    instrument.problems().iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_can_be_stored_comes_back() {
    let mut db = Database::in_memory().unwrap();
    let mut logbook = titan();
    logbook.pid = "ALPHA".into();
    logbook.api_url = "logbook:alpha".to_owned();
    let tx = db.transaction().unwrap();
    titan().insert(&tx).unwrap();
    logbook.insert(&tx).unwrap();
    tx.commit().unwrap();
    let all = Instruments::load(db.read()).unwrap();
    assert_eq!(all.iter().map(|i| i.name()).collect::<Vec<_>>(), ["ALPHA", "TITAN-1"]);
    assert_eq!(**all.get(&"TITAN-1".into()).unwrap(), titan());
    assert_eq!(all.by_api_url("logbook:alpha").unwrap().name(), "ALPHA");
    assert_eq!((all.len(), all.is_empty()), (2, false));
    assert_eq!(Instrument::get(db.read(), &"ALPHA".into()).unwrap(), logbook);

    logbook.location = "cellar".to_owned();
    let tx = db.transaction().unwrap();
    logbook.update(&tx).unwrap();
    Instrument::remove(&tx, &"TITAN-1".into()).unwrap();
    tx.commit().unwrap();
    let all = Instruments::load(db.read()).unwrap();
    assert_eq!(all.iter().map(ToString::to_string).collect::<Vec<_>>(), ["ALPHA in cellar"]);
}

#[test]
fn values_that_cannot_be_are_named_with_their_field() {
    assert_eq!(problem(|_| ()), "");
    assert_eq!(problem(|i| i.pid = " ".into()), "instrument_pid is empty");
    assert_eq!(problem(|i| i.pid = "A ".into()), "instrument_pid `A ` begins or ends with a blank");
    assert_eq!(
        problem(|i| i.timezone = "Mars/Olympus".to_owned()),
        "timezone is an unknown time zone `Mars/Olympus`; use a name of the IANA database such as America/Denver"
    );
    for bad in [
        "",
        "nemo",
        "https://",
        "https:titan",
        "logbook:",
        "7:x",
        "https://a b/c",
        "https:///path",
        "x:\n",
        "x:\u{1b}y",
    ] {
        let said = problem(|i| bad.clone_into(&mut i.api_url));
        assert!(said.starts_with("api_url `") && said.contains("is not an address"), "{bad:?}: {said}");
    }
    for good in ["logbook:alpha", "HTTPS://h", "http://h:8000/api?id=1", "file:///x", "a+b-c.d:e"] {
        assert_eq!(problem(|i| good.clone_into(&mut i.api_url)), "");
    }
    assert!(problem(|i| i.filestore_path = "/mnt/x".to_owned()).contains("`/mnt/x` is absolute"));
    assert!(problem(|i| i.filestore_path = "a/../../b".to_owned()).contains("leads out of the storage"));
    assert_eq!(problem(|i| i.filestore_path = "./a..b/c".to_owned()), "");
    assert!(problem(|i| i.filestore_path = String::new()).contains("filestore_path is empty"));
    assert!(problem(|i| i.location = "a\u{0}b".to_owned()).contains("location `a\\0b` holds the control"));
    // Everything at once, so that nobody has to try again for each.
    let both = problem(|i| {
        i.pid = "".into();
        i.harvester = String::new();
    });
    assert_eq!(both, "instrument_pid is empty; harvester is empty");
}

#[test]
fn refusals_name_the_instrument_and_leave_the_table_as_it_was() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    titan().insert(&tx).unwrap();
    assert_eq!(
        titan().insert(&tx).unwrap_err().to_string(),
        "instrument `TITAN-1` is there already; edit it instead"
    );
    let other = Instrument { pid: "TITAN-2".into(), ..titan() };
    assert_eq!(
        other.insert(&tx).unwrap_err().to_string(),
        "instrument `TITAN-2`: api_url `https://nemo.example.org/api/tools/?id=1` belongs to instrument \
         `TITAN-1`; it must be unique"
    );
    assert_eq!(
        other.update(&tx).unwrap_err().to_string(),
        "there is no instrument `TITAN-2`; did you mean `TITAN-1`?"
    );
    assert_eq!(
        Instrument::remove(&tx, &"XRD".into()).unwrap_err().to_string(),
        "there is no instrument `XRD`"
    );
    let invalid = Instrument { timezone: String::new(), ..titan() };
    assert!(invalid.update(&tx).unwrap_err().to_string().starts_with("instrument `TITAN-1`: timezone is an"));
    tx.execute(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
         VALUES ('s', 'TITAN-1', 'x', 'START', 'COMPLETED')",
        [],
    )
    .unwrap();
    assert_eq!(
        Instrument::remove(&tx, &"TITAN-1".into()).unwrap_err().to_string(),
        "instrument `TITAN-1` cannot be removed: 1 rows of session_log name it, and they would be left without \
         an instrument"
    );
    assert_eq!(Instruments::load(&tx).unwrap().len(), 1);
}

#[test]
fn times_are_shown_in_the_instruments_zone() {
    let titan = titan();
    let text = |time: &str, format: Option<&str>| titan.localise_text(&time.parse().unwrap(), format);
    assert_eq!(text("2021-07-01T08:00:00", None).unwrap(), "2021-07-01 08:00:00 EDT");
    assert_eq!(text("2021-07-01T12:00:00Z", None).unwrap(), "2021-07-01 08:00:00 EDT");
    assert_eq!(text("2021-12-01T12:00:00+01:00", None).unwrap(), "2021-12-01 06:00:00 EST");
    // In the gap the clock shows what was asked for.
    assert_eq!(text("2021-03-14T02:30:00", None).unwrap(), "2021-03-14 02:30:00 EST");
    assert_eq!(text("2021-11-07T01:30:00", None).unwrap(), "2021-11-07 01:30:00 EST");
    assert_eq!(text("2021-11-07T05:30:00Z", None).unwrap(), "2021-11-07 01:30:00 EDT");
    assert_eq!(text("2021-07-01T08:00:00.000125", Some("%f %%f %z")).unwrap(), "000125 %f -0400");
    for bad in ["%", "%!", "%Y-%", "%Ez%Q"] {
        let error = text("2021-07-01T08:00:00", Some(bad)).unwrap_err().to_string();
        assert!(error.contains(&format!("`{bad}` is not a format")), "{error}");
    }
    let lost = Instrument { timezone: "Nowhere".to_owned(), ..titan.clone() };
    assert_eq!(
        lost.localise_text(&"2021-07-01".parse().unwrap(), None).unwrap_err().to_string(),
        "instrument `TITAN-1` has an unknown time zone `Nowhere`; use a name of the IANA database such as \
         America/Denver"
    );
}

#[test]
fn map_and_json_have_the_columns_as_keys() {
    let titan = titan();
    assert_eq!(titan.to_map()["timezone"], "America/New_York");
    assert_eq!(titan.to_map().len(), 9);
    assert_eq!(titan.to_json()["instrument_pid"], "TITAN-1");
    assert_eq!(serde_json::from_value::<Instrument>(titan.to_json()).unwrap(), titan);
    assert_eq!(serde_json::to_value(&titan).unwrap(), titan.to_json());
}

#[test]
fn usage_counts_sessions_and_finds_the_last_end_by_instant() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    titan().insert(&tx).unwrap();
    tx.execute_batch(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status) VALUES
            ('a', 'TITAN-1', '2024-03-05T09:00:00-05:00', 'START', 'COMPLETED'),
            ('a', 'TITAN-1', '2024-03-05T10:00:00-05:00', 'END', 'COMPLETED'),
            ('a', 'TITAN-1', '2024-03-05T10:00:00-05:00', 'END', 'COMPLETED'),
            ('b', 'TITAN-1', '2024-03-05T14:30:00Z', 'END', 'ERROR'),
            ('c', 'TITAN-1', '2024-03-05 09:59:59', 'END', 'TO_BE_BUILT'),
            ('d', 'TITAN-1', 'soon', 'END', 'TO_BE_BUILT'),
            ('e', 'TITAN-1', '2025-01-01', 'START', 'WAITING_FOR_END'),
            ('f', 'XRD', 'soon', 'END', 'TO_BE_BUILT');",
    )
    .unwrap();
    let usage = Instruments::load(&tx).unwrap().usage(&tx).unwrap();
    let last = Some("2024-03-05T10:00:00-05:00".parse().unwrap());
    assert_eq!(usage[&"TITAN-1".into()], Usage { sessions_total: 4, last_session: last });
    assert_eq!(usage[&"XRD".into()], Usage { sessions_total: 1, last_session: None });
    assert_eq!(usage.len(), 2);
}

proptest! {
    #[test]
    fn no_format_makes_it_panic(format in "(%[-_0^#:.]{0,2}[a-zA-Z%+0-9]|\\PC){0,6}") {
        let _ = titan().localise_text(&"2021-07-01T08:00:00".parse().unwrap(), Some(&format));
    }

    #[test]
    fn no_value_makes_the_checks_panic(text in "\\PC{0,20}") {
        let odd = Instrument {
            api_url: text.clone(), timezone: text.clone(), filestore_path: text.clone(), pid: text.into(), ..titan()
        };
        let _ = odd.problems();
    }
}
