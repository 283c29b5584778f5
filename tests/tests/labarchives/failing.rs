//! Every failure has its class, its effect, and what to do about it.

use nexus_core::delivery::{Class, State};
use nexus_plugin_api::{Effect, FailureClass};
use nexus_tests::fake_labarchives::{AKID, Form, NOTEBOOK, PASSWORD, ROOT, UID, error};
use nexus_tests::fault::{Fault, Rule};

use super::bench::{Bench, Facility, TOP};

const AUTH: FailureClass = FailureClass::Auth;
const PERMANENT: FailureClass = FailureClass::Permanent;
const TRANSIENT: FailureClass = FailureClass::Transient;

#[test]
fn a_code_means_the_same_in_every_form_and_with_every_status() {
    for (code, class) in [
        (4500, PERMANENT),
        (4501, PERMANENT),
        (4502, PERMANENT),
        (4506, AUTH),
        (4507, AUTH),
        (4514, AUTH),
        (4529, PERMANENT),
        (4533, AUTH),
        (4599, PERMANENT),
    ] {
        for form in Form::ALL {
            for status in [200, 400, 401, 403, 500] {
                let bench = Bench::new();
                let refused = error(form, status, code, "words of the server");
                bench.site.server.fail(Rule::at("/api/entries/add_entry", Fault::Answer(refused)));
                let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
                let permission = [4501, 4502].contains(&code) && told.class == AUTH;
                assert!(told.class == class || permission, "{code} {form:?} {status}: {told:?}");
                assert_eq!(told.effect, Effect::None, "{code} {form:?} {status}: {told:?}");
                assert!(told.message.contains(&code.to_string()), "{told:?}");
                assert_eq!(bench.site.count("entries/add_entry"), 1, "refused for good: {told:?}");
            }
        }
    }
}

#[test]
fn statuses_without_a_code_mean_what_they_say() {
    for (status, class, effect) in [
        (400, PERMANENT, Effect::None),
        (403, PERMANENT, Effect::None),
        (404, PERMANENT, Effect::None),
        (418, PERMANENT, Effect::None),
        (500, TRANSIENT, Effect::Maybe),
        (502, TRANSIENT, Effect::Maybe),
        (503, TRANSIENT, Effect::Maybe),
        (504, TRANSIENT, Effect::Maybe),
    ] {
        let bench = Bench::new();
        bench.site.server.fail(Rule::at("/api/entries/add_entry", Fault::Html(status)));
        let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
        // What may not be done may be a matter of rights; what was there a moment ago may come back.
        let other = (status == 403 && told.class == AUTH) || (status == 404 && told.class == TRANSIENT);
        assert!(told.class == class || other, "{status}: {told:?}");
        assert_eq!(told.effect, effect, "{status}: {told:?}");
        assert!(told.message.contains(&status.to_string()), "{told:?}");
        bench.site.server.heal();
        let delivery = bench.delivery("one", "1");
        bench.insist(&delivery);
        bench.the(&delivery);
    }
}

#[test]
fn looking_leaves_nothing_behind() {
    for name in ["get_tree_level", "get_entries_for_page"] {
        for fault in
            [Fault::DropBefore, Fault::Html(500), Fault::Html(503), Fault::Html(200), Fault::Truncate]
        {
            let bench = Bench::new();
            bench.carry(&bench.delivery("one", "1")).unwrap();
            bench.site.server.fail(Rule::at(&format!("/api/tree_tools/{name}"), fault.clone()));
            let told = bench.plugin().find(&bench.call(), &bench.delivery("one", "2")).unwrap_err();
            assert_eq!(told.effect, Effect::None, "{fault:?} {name}: {told:?}");
            assert!(
                told.class == TRANSIENT || matches!(fault, Fault::Html(200)),
                "{fault:?} {name}: {told:?}"
            );
            // A question is asked again a little later, and not for ever.
            let asked = bench.site.count(&format!("tree_tools/{name}"));
            assert!((1..=12).contains(&asked), "{asked}");
        }
    }
}

#[test]
fn a_question_that_fails_once_is_asked_again() {
    for name in ["get_tree_level", "get_entries_for_page"] {
        for fault in [Fault::DropBefore, Fault::Html(500), Fault::Html(503)] {
            let bench = Bench::new();
            bench.carry(&bench.delivery("one", "1")).unwrap();
            bench.site.server.fail(Rule::at(&format!("/api/tree_tools/{name}"), fault).times(1));
            let delivery = bench.delivery("one", "2");
            bench.carry(&delivery).unwrap();
            bench.the(&delivery);
        }
    }
}

/// A run that cannot work; what it says; and that nobody asks again before the configuration has changed.
fn waits_for_the_configuration(mut facility: Facility, wrong: &str, right: &str) -> String {
    facility.lab.sessions(1..=3);
    let (_, calls) = facility.run();
    assert!(calls.len() <= 16, "{calls:#?}");
    let row = facility.lab.delivery(1, "eln").unwrap();
    assert_eq!((row.state, row.failure_class), (State::Failed, Some(Class::Auth)), "{}", facility.trouble(1));
    assert_eq!((facility.site.nodes().len(), facility.site.entries().len()), (0, 0));
    assert_eq!(facility.next_day().1.len(), 0);
    let text = facility.trouble(1);
    facility.lab.reconfigure(wrong, right);
    facility.run();
    facility.all(1..=3);
    text
}

fn configured(from: &str, to: &str) -> Facility {
    let mut facility = Facility::new();
    facility.lab.reconfigure(from, to);
    facility
}

#[test]
fn a_wrong_key_waits_for_the_configuration() {
    let text = waits_for_the_configuration(configured(AKID, "OtherKey"), "OtherKey", AKID);
    assert!(text.contains("access_key_id"), "{text}");
}

#[test]
fn a_wrong_password_waits_for_the_configuration() {
    let text = waits_for_the_configuration(configured(PASSWORD, "planted-other"), "planted-other", PASSWORD);
    assert!(text.contains("access_password"), "{text}");
}

#[test]
fn a_wrong_uid_waits_for_the_configuration() {
    let text = waits_for_the_configuration(configured(UID, "77|nobody=="), "77|nobody==", UID);
    assert!(text.contains("user_id"), "{text}");
    assert!(!text.contains("77|nobody"), "{text}");
}

#[test]
fn a_uid_that_is_revoked_on_the_way_leaves_nothing_double() {
    for call in ["tree_tools/insert_node", "entries/add_entry", "entries/add_attachment"] {
        let mut facility = Facility::new();
        facility.lab.sessions(1..=3);
        let refused = error(Form::Wrapped, 401, 4533, "timed out");
        // Between the sessions: from the second of its kind on.
        facility.site.server.fail(Rule::at(&format!("/api/{call}"), Fault::Answer(refused)).after(1));
        let (report, _) = facility.run();
        assert!(!report.needs_person.is_empty(), "{report:?}");
        let text: String = (1..=3).map(|number| facility.trouble(number)).collect();
        assert!(text.contains("user_id"), "{text}");
        facility.site.server.heal();
        assert_eq!(facility.next_day().1.len(), 0, "{call}");
        // Somebody gets a new one.
        facility.lab.reconfigure("concurrency = 1", "concurrency = 1\ntimeout = \"3 min\"");
        facility.run();
        for _ in 0..2 {
            facility.next_day();
        }
        facility.all(1..=3);
    }
}

#[test]
fn a_notebook_that_is_not_shared_or_not_there_is_said() {
    for (gone, said) in [(false, "notebook"), (true, "notebook_id")] {
        let bench = Bench::new();
        let bench = if gone {
            bench.with("notebook_id", "NB?")
        } else {
            bench.site.unshare(NOTEBOOK, UID);
            bench
        };
        let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
        assert!(matches!(told.class, FailureClass::Permanent | FailureClass::Auth), "{told:?}");
        let text = format!("{} {}", told.message, told.hint.unwrap_or_default());
        assert!(text.contains(said), "{text}");
        assert_eq!(bench.writes(), 0);
    }
}

#[test]
fn what_may_not_be_written_is_known_before_anything_is_written() {
    // The folder, the folder of the instrument, the page.
    for depth in 0..3 {
        let bench = Bench::new();
        let delivery = bench.delivery("one", "1");
        let site = &bench.site;
        let top = site.put_node(NOTEBOOK, ROOT, TOP, false);
        let folder = site.put_node(NOTEBOOK, &top, "TEM-1", false);
        site.put_node(NOTEBOOK, &folder, "2026-05-04 — session one", true);
        let mut at = 0;
        site.change_nodes(|node| {
            node.can_write = at != depth;
            at += 1;
            at <= depth + 1
        });
        let told = bench.carry(&delivery).unwrap_err();
        assert!(matches!(told.class, FailureClass::Permanent | FailureClass::Auth), "{told:?}");
        assert_eq!(told.effect, Effect::None);
        let name = [TOP, "TEM-1", "2026-05-04 — session one"][depth];
        assert!(told.message.contains(name), "{told:?}");
        assert_eq!(bench.writes(), 0, "{depth}");
        bench.site.change_nodes(|node| {
            node.can_write = true;
            true
        });
        bench.carry(&delivery).unwrap();
        bench.the(&delivery);
    }
}

#[test]
fn another_file_than_was_built_is_not_sent() {
    let bench = Bench::new();
    let delivery = bench.delivery("one", "1");
    std::fs::write(delivery.record.path.as_path(), "<Experiment/>").unwrap();
    let told = bench.carry(&delivery).unwrap_err();
    assert_eq!((told.class, told.effect), (PERMANENT, Effect::None), "{told:?}");
    assert_eq!(bench.site.entries().len(), 0);
}

#[test]
fn nobody_listens() {
    let bench = Bench::new().with("url", "http://127.0.0.1:1/api");
    let told = bench.carry(&bench.delivery("one", "1")).unwrap_err();
    assert_eq!((told.class, told.effect), (TRANSIENT, Effect::None), "{told:?}");
    assert!(told.hint.unwrap().contains("`url`"));
}
