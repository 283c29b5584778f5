//! Records that go to the notebooks of their users.

use nexus_core::delivery::State;
use nexus_plugin_api::{Delivery, FailureClass};
use nexus_tests::fake_labarchives::{Form, NOTEBOOK, UID, error};
use nexus_tests::fault::{Fault, Rule};

use super::bench::{Bench, Facility, notebook};

/// Ada, who has an account and perhaps a notebook.
fn enrolled(bench: &Bench, delivery: &mut Delivery) -> String {
    let uid = bench.site.add_user("Ada Researcher", "ada@example.org", "planted-ada-token");
    delivery.external_ids.insert("labarchives_eln".into(), uid.clone());
    uid
}

fn own() -> Bench {
    Bench::new().with("users", "own")
}

/// Where a delivery went: the notebook, and in whose name.
fn went(bench: &Bench, delivery: &Delivery) -> (String, String) {
    let delivered = bench.the(delivery);
    assert_eq!(delivered.file.uid, delivered.summary.uid);
    (delivered.page.nbid, delivered.summary.uid)
}

#[test]
fn the_account_of_the_facility_is_used_unless_the_settings_say_otherwise() {
    let bench = Bench::new();
    let mut delivery = bench.delivery("one", "1");
    let uid = enrolled(&bench, &mut delivery);
    bench.site.share(NOTEBOOK, &uid);
    bench.carry(&delivery).unwrap();
    assert_eq!(went(&bench, &delivery), (NOTEBOOK.to_owned(), UID.to_owned()));
}

#[test]
fn who_may_write_into_the_facilitys_notebook_does() {
    let bench = own();
    let mut delivery = bench.delivery("one", "1");
    let uid = enrolled(&bench, &mut delivery);
    bench.site.add_notebook(&uid, "Ada's", true);
    bench.site.share(NOTEBOOK, &uid);
    bench.carry(&delivery).unwrap();
    assert_eq!(went(&bench, &delivery), (NOTEBOOK.to_owned(), uid));
}

#[test]
fn who_may_not_has_a_notebook_of_their_own() {
    for (setting, expected) in [(None, 0), (Some("default"), 0), (Some("Project X"), 1)] {
        let mut bench = own();
        if let Some(setting) = setting {
            bench = bench.with("own_notebook", setting);
        }
        let mut delivery = bench.delivery("one", "1");
        let uid = enrolled(&bench, &mut delivery);
        let notebooks =
            [bench.site.add_notebook(&uid, "Ada's", true), bench.site.add_notebook(&uid, "Project X", false)];
        bench.carry(&delivery).unwrap();
        assert_eq!(went(&bench, &delivery), (notebooks[expected].clone(), uid.clone()), "{setting:?}");
        // It is found there again, and changed in place.
        let before = bench.the(&delivery).summary.eid;
        let mut changed = bench.delivery("one", "2");
        changed.external_ids.clone_from(&delivery.external_ids);
        bench.carry(&changed).unwrap();
        assert_eq!(bench.the(&changed).summary.eid, before);
        assert_eq!(bench.site.pages().len(), 1);
    }
}

#[test]
fn a_user_nobody_has_enrolled_is_delivered_by_the_facility() {
    let bench = own();
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    assert_eq!(went(&bench, &delivery), (NOTEBOOK.to_owned(), UID.to_owned()));
}

#[test]
fn the_facilitys_notebook_can_be_what_remains() {
    let bench = own().with("own_notebook", "facility");
    let mut delivery = bench.delivery("one", "1");
    let uid = enrolled(&bench, &mut delivery);
    bench.site.add_notebook(&uid, "Ada's", true);
    bench.carry(&delivery).unwrap();
    assert_eq!(went(&bench, &delivery), (NOTEBOOK.to_owned(), UID.to_owned()));
}

#[test]
fn a_uid_that_is_refused_falls_back_if_the_settings_say_so() {
    for fallback in [true, false] {
        let bench = own().with("fallback", fallback);
        let mut delivery = bench.delivery("one", "1");
        let uid = enrolled(&bench, &mut delivery);
        bench.site.add_notebook(&uid, "Ada's", true);
        bench.site.revoke(&uid);
        let went_ = bench.carry(&delivery);
        if fallback {
            went_.unwrap();
            assert_eq!(went(&bench, &delivery), (NOTEBOOK.to_owned(), UID.to_owned()));
            assert!(!bench.logged().is_empty(), "somebody is told");
            continue;
        }
        let told = went_.unwrap_err();
        assert!(matches!(told.class, FailureClass::Auth | FailureClass::Permanent), "{told:?}");
        let text = format!("{} {}", told.message, told.hint.unwrap_or_default());
        assert!(text.contains("ada") && text.contains("enrol"), "{text}");
        assert!(!text.contains(&uid), "{text}");
        assert_eq!(bench.site.nodes().len(), 0);
        // Enrolled once more, it goes where it should.
        bench.site.restore(&uid);
        bench.carry(&delivery).unwrap();
        assert_eq!(went(&bench, &delivery).1, uid);
    }
}

#[test]
fn a_notebook_that_is_not_shared_falls_back_too() {
    for code in [4501, 4502] {
        for fallback in [true, false] {
            let bench = own().with("fallback", fallback);
            bench.site.deny_with(code);
            let mut delivery = bench.delivery("one", "1");
            let uid = enrolled(&bench, &mut delivery);
            let nbid = bench.site.add_notebook(&uid, "Ada's", true);
            // Listed, and refused all the same.
            let refused = error(Form::Short, 403, code, "denied");
            bench.site.server.fail(Rule::on("/api/tree_tools", Fault::Answer(refused)).times(1));
            let told = bench.carry(&delivery);
            assert!(bench.site.nodes().iter().all(|node| node.nbid != nbid), "{:#?}", bench.site.nodes());
            if fallback {
                told.unwrap();
                assert_eq!(bench.site.pages().len(), 1);
                bench.the(&delivery);
            } else {
                assert!(matches!(told.unwrap_err().class, FailureClass::Auth | FailureClass::Permanent));
            }
        }
    }
}

#[test]
fn a_passing_trouble_is_no_reason_to_write_elsewhere() {
    for fault in [Fault::DropBefore, Fault::Html(500), Fault::Html(503), Fault::Html(429)] {
        let bench = own();
        let mut delivery = bench.delivery("one", "1");
        let uid = enrolled(&bench, &mut delivery);
        let nbid = bench.site.add_notebook(&uid, "Ada's", true);
        bench.site.server.fail(Rule::on("/api/users/user_info_via_id", fault.clone()));
        let told = bench.carry(&delivery).unwrap_err();
        let passes = matches!(told.class, FailureClass::Transient | FailureClass::RateLimited { .. });
        assert!(passes, "{fault:?}: {told:?}");
        assert_eq!(bench.site.nodes().len(), 0, "{fault:?}");
        bench.site.server.heal();
        bench.clock.advance(chrono::TimeDelta::hours(1));
        bench.carry(&delivery).unwrap();
        assert_eq!(went(&bench, &delivery), (nbid, uid));
    }
}

#[test]
fn what_was_delivered_by_the_facility_stays_where_it_is_when_the_user_comes_later() {
    let bench = own();
    let first = bench.delivery("one", "1");
    let before = bench.carry(&first).unwrap();
    let mut delivery = bench.delivery("one", "2");
    let uid = enrolled(&bench, &mut delivery);
    bench.site.add_notebook(&uid, "Ada's", true);
    delivery.previous = Some(before.clone());
    // Whatever is decided, there is one page that holds it.
    let _ = bench.insist(&delivery);
    let holding = bench.site.entries().into_iter().filter(|entry| entry.data.contains(&delivery.record.key));
    assert_eq!(holding.count(), 1, "{:#?}", bench.site.entries());
}

fn linked(more: &str) -> (Facility, String) {
    let facility = Facility::with(&format!("{}users = \"own\"\n{more}", notebook()));
    let uid = facility.site.add_user("Ada Researcher", "ada@example.org", "planted-ada-token");
    facility.lab.sql(
        "INSERT INTO external_user_identifiers (nexuslims_username, external_system, external_id, created_at)
         VALUES ('ada', 'labarchives_eln', ?1, '2024-01-01T00:00:00')",
        &[&uid],
    );
    (facility, uid)
}

#[test]
fn a_run_delivers_to_the_notebook_of_the_user() {
    let (facility, uid) = linked("");
    let own = facility.site.add_notebook(&uid, "Ada's", true);
    facility.lab.sessions(1..=3);
    facility.run();
    for delivered in facility.all(1..=3) {
        assert_eq!((delivered.page.nbid, delivered.summary.uid), (own.clone(), uid.clone()));
    }
    assert_eq!(facility.site.count("users/user_info_via_id"), 1, "asked once for all");
    assert_eq!(facility.next_day().1.len(), 0);
}

#[test]
fn a_uid_that_is_revoked_between_runs_costs_no_second_page() {
    let (facility, uid) = linked("fallback = false\n");
    facility.site.add_notebook(&uid, "Ada's", true);
    facility.lab.sessions([1]);
    facility.run();
    facility.all([1]);
    facility.site.revoke(&uid);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    let row = facility.lab.delivery(1, "eln").unwrap();
    assert_eq!(row.state, State::Failed, "{}", facility.trouble(1));
    facility.site.restore(&uid);
    facility.lab.sql("UPDATE nexus_delivery SET state = 'due', failure_class = NULL", &[]);
    facility.run();
    facility.all([1]);
}
