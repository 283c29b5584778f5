//! Destinations that are away, refuse, or wait for one another.

use std::fs;

use serde_json::{Value, json};

use crate::common::facility::{Facility, line, needs_person};

const ID: &str = "logbook:lab/1";

/// Two folders, `first` before `second`.
fn two(strategy: &str) -> String {
    format!(
        "[export]\nstrategy = \"{strategy}\"\n\
         [destinations.first]\nplugin = \"folder\"\npath = \"one\"\npriority = 200\n\
         [destinations.second]\nplugin = \"folder\"\npath = \"two\"\npriority = 100\n"
    )
}

/// The states of the deliveries of one session, by destination.
fn states(facility: &Facility) -> Value {
    let rows = facility
        .rows("SELECT destination, state FROM nexus_delivery WHERE session_identifier = 'logbook:lab/1'");
    rows.as_array()
        .unwrap()
        .iter()
        .map(|row| (row["destination"].as_str().unwrap().to_owned(), row["state"].clone()))
        .collect()
}

#[test]
fn a_destination_that_is_away_gets_the_record_later_without_another_build() {
    let facility = Facility::with_two_sessions();
    fs::remove_dir(facility.sandbox.path("share")).unwrap();
    let report = facility.run(4);
    assert_eq!(line(&report, ID)["result"], "BUILT_NOT_EXPORTED");
    assert_eq!(report["export"]["share"]["due"], 2);
    let [told] = needs_person(&report)[..] else { panic!("{report:#}") };
    assert!(told.starts_with("destination `share` cannot be used: folder `"), "{told}");
    assert!(
        told.ends_with("/share` does not exist; is the share mounted? nexus never makes this folder itself"),
        "{told}"
    );
    assert_eq!(facility.status(ID), "BUILT_NOT_EXPORTED");
    // Nothing was tried, so there is nothing in the upload log; what was wrong is kept.
    assert_eq!(facility.rows("SELECT * FROM upload_log"), json!([]));
    let error = facility.column("SELECT last_error FROM nexus_destination").remove(0);
    assert!(error.as_str().unwrap().contains("/share` does not exist"), "{error}");
    assert_eq!(facility.files("data/records").len(), 2, "the records wait");

    let built = facility.rows("SELECT session_identifier, built_at, file_sha256 FROM nexus_session");
    facility.folder("share");
    let report = facility.run(0);
    assert_eq!(report["build"]["planned"], 0);
    assert_eq!(report["export"]["share"]["delivered"], 2);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(facility.rows("SELECT session_identifier, built_at, file_sha256 FROM nexus_session"), built);
    assert_eq!(facility.files("share").len(), 4);
    assert_eq!(facility.column("SELECT success FROM upload_log"), [json!(1), json!(1)]);
    assert!(facility.files("data/records").iter().all(|name| name.starts_with("uploaded/")));
}

#[test]
fn a_destination_that_refuses_leaves_its_reason_and_is_asked_again_when_its_settings_change() {
    let facility = Facility::with_two_sessions();
    // A file stands where the folder of the year belongs.
    facility.sandbox.write("share/2024", "in the way");
    let report = facility.run(4);
    assert_eq!(report["export"]["share"]["failed"], 2);
    assert_eq!(report["export"]["share"]["stuck"], 2);
    assert_eq!(facility.status(ID), "BUILT_NOT_EXPORTED");
    let rows = facility.rows("SELECT * FROM upload_log WHERE session_identifier = 'logbook:lab/1'");
    let [row] = &rows.as_array().unwrap()[..] else { panic!("{rows:#}") };
    assert_eq!(row["success"], 0);
    assert_eq!(row["record_id"], Value::Null);
    assert!(row["error_message"].as_str().unwrap().contains("/share/2024"), "{row:#}");
    let metadata: Value = serde_json::from_str(row["metadata_json"].as_str().unwrap()).unwrap();
    assert_eq!(metadata["class"], "permanent");
    assert_eq!(metadata["attempt"], 1);

    // Nobody did anything: it is not tried again, and still told.
    let before = facility.dump_without_heartbeat();
    let report = facility.run(4);
    assert_eq!(report["export"]["share"]["failed"], 0);
    assert_eq!(report["export"]["share"]["stuck"], 2);
    assert_eq!(facility.dump_without_heartbeat(), before);

    facility.settings(
        "[destinations.share]\nplugin = \"folder\"\npath = \"share\"\nlayout = \"{instrument}/{name}.xml\"\n",
    );
    let report = facility.run(0);
    assert_eq!(report["export"]["share"]["delivered"], 2);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(facility.column("SELECT count(*) FROM upload_log WHERE success = 1"), [json!(2)]);
}

#[test]
fn best_effort_completes_with_one_and_owes_the_other() {
    let facility = Facility::with_two_sessions();
    facility.settings(&two("best_effort")).folder("two");
    let report = facility.run(4);
    assert_eq!(line(&report, ID)["result"], "COMPLETED");
    assert_eq!(states(&facility), json!({ "first": "due", "second": "delivered" }));
    facility.folder("one");
    facility.run(0);
    assert_eq!(states(&facility), json!({ "first": "delivered", "second": "delivered" }));
    assert_eq!(facility.files("one"), facility.files("two"));
    assert_eq!(facility.column("SELECT count(*) FROM upload_log"), [json!(4)]);
}

#[test]
fn all_completes_with_the_last() {
    let facility = Facility::with_two_sessions();
    facility.settings(&two("all")).folder("two");
    let report = facility.run(4);
    assert_eq!(line(&report, ID)["result"], "BUILT_NOT_EXPORTED");
    assert_eq!(states(&facility), json!({ "first": "due", "second": "delivered" }));
    facility.folder("one");
    facility.run(0);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(facility.column("SELECT count(*) FROM upload_log"), [json!(4)]);
}

#[test]
fn first_success_asks_the_second_only_if_the_first_has_failed() {
    let facility = Facility::with_two_sessions();
    facility.settings(&two("first_success")).folder("one").folder("two");
    facility.run(0);
    assert_eq!(states(&facility), json!({ "first": "delivered", "second": "not_wanted" }));
    assert!(facility.files("two").is_empty());

    let facility = Facility::with_two_sessions();
    facility.settings(&two("first_success")).folder("two");
    let report = facility.run(4);
    assert_eq!(line(&report, ID)["result"], "COMPLETED");
    assert_eq!(states(&facility), json!({ "first": "not_wanted", "second": "delivered" }));
    facility.folder("one");
    facility.run(0);
    assert!(facility.files("one").is_empty());
    assert_eq!(facility.column("SELECT count(*) FROM upload_log"), [json!(2)]);
}

#[test]
fn after_waits_for_the_first_attempt_of_another_whatever_became_of_it() {
    let after = "[destinations.first]\nplugin = \"folder\"\npath = \"one\"\n\
                 [destinations.second]\nplugin = \"folder\"\npath = \"two\"\nafter = [\"first\"]\npriority = 900\n";
    let facility = Facility::with_two_sessions();
    facility.settings(after).folder("one").folder("two");
    facility.step("harvest", 0);
    facility.step("build", 0);
    assert_eq!(states(&facility), json!({ "first": "due", "second": "held" }));
    facility.step("export", 0);
    let order = "SELECT group_concat(destination_name) FROM (SELECT * FROM upload_log ORDER BY id) GROUP BY session_identifier";
    assert_eq!(facility.column(order), [json!("first,second"), json!("first,second")]);

    // The first refuses every record.
    let facility = Facility::with_two_sessions();
    facility.settings(after).folder("two").sandbox.write("one/2024", "in the way");
    facility.run(4);
    assert_eq!(facility.column(order), [json!("first,second"), json!("first,second")]);
    assert_eq!(states(&facility), json!({ "first": "failed", "second": "delivered" }));

    // The first cannot even be asked.
    let facility = Facility::with_two_sessions();
    facility.settings(after).folder("two");
    facility.run(4);
    assert_eq!(states(&facility), json!({ "first": "due", "second": "delivered" }));
}

#[test]
fn without_destinations_records_are_built_and_kept() {
    let facility = Facility::with_two_sessions();
    facility.settings("");
    let report = facility.run(0);
    assert_eq!(line(&report, ID)["result"], "BUILT_NOT_EXPORTED");
    assert_eq!(facility.files("data/records").len(), 2);
}

/// Under `all` a record is at the first of two destinations, and the second is away.
fn half_delivered() -> Facility {
    let facility = Facility::with_two_sessions();
    facility.settings(&two("all")).folder("one");
    facility.run(4);
    assert_eq!(facility.status(ID), "BUILT_NOT_EXPORTED");
    assert_eq!(states(&facility), json!({ "first": "delivered", "second": "due" }));
    facility
}

#[test]
fn a_strategy_that_wants_less_completes_what_waited() {
    let facility = half_delivered();
    facility.run(4);
    assert_eq!(facility.status(ID), "BUILT_NOT_EXPORTED");

    facility.settings(&two("best_effort"));
    let report = facility.run(4);
    assert_eq!(facility.status(ID), "COMPLETED");
    assert_eq!(states(&facility), json!({ "first": "delivered", "second": "due" }), "and is not forgotten");
    let told = report["warnings"].to_string();
    assert!(told.contains("2 sessions that were BUILT_NOT_EXPORTED lack nothing now"), "{told}");
    let report = facility.run(4);
    assert!(!report["warnings"].to_string().contains("BUILT_NOT_EXPORTED"), "said once");
}

#[test]
fn a_destination_that_is_taken_out_completes_what_waited_for_it() {
    let facility = half_delivered();
    let (first, _) =
        two("all").split_once("[destinations.second]").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
    facility.settings(&first);
    facility.run(0);
    assert_eq!(facility.status(ID), "COMPLETED");
    // The other way round, what is COMPLETED stays so.
    facility.settings(&two("all"));
    let before = facility.column("SELECT record_status FROM session_log");
    facility.run(4);
    assert_eq!(facility.column("SELECT record_status FROM session_log"), before);
}
