//! Runs that deliver to the real server. After each the server holds one record for every session.

use chrono::TimeDelta;
use nexus_core::delivery::{Class, State};
use nexus_core::pipeline::{self, Steps};
use nexus_core::report::RunReport;
use nexus_core::session::RecordStatus;
use nexus_core::session_state::SessionState;
use nexus_plugin_api::{Reservation, ReservationAnswer};
use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::lab::Lab;
use nexus_tests::proxy::Proxy;
use nexus_tests::real_cdcs::{ORDINARY, OTHER_TEMPLATE_TITLE, RealCdcs, STAFF, SUPERUSER, TEMPLATE_TITLE};
use serde_json::{Value, json};

const CREATE: &str = "/rest/data/";
const QUERY: &str = "/rest/data/query/";

/// A facility that delivers there, with more lines for its table.
fn lab(url: &str, token: &str, more: &str) -> Lab {
    let mut lab = Lab::new();
    lab.table(
        "cdcs",
        &format!("plugin = \"cdcs\"\nurl = \"{url}\"\ntoken = {{ value = \"{token}\" }}\n{more}"),
    );
    lab
}

fn title(lab: &Lab, number: u32) -> String {
    let state = SessionState::load(lab.database().read(), &Lab::id(number)).unwrap();
    state.and_then(|state| state.record_name).expect("a session with a record")
}

/// The one record of a session, as the server has it: the current template, the public workspace, the text on disk
/// and what stands behind it.
fn record(cdcs: &RealCdcs, lab: &Lab, number: u32) -> Value {
    let title = title(lab, number);
    let mut records = cdcs.records();
    records.retain(|record| record["title"] == title);
    let [record] = &records[..] else { panic!("session {number}: {} records: {records:#?}", records.len()) };
    assert_eq!(record["workspace"].as_u64(), Some(cdcs.workspace()), "{record:#}");
    assert_eq!(record["template"].as_u64(), Some(cdcs.template()), "{record:#}");
    let stored = record["xml_content"].as_str().or(record["content"].as_str()).unwrap();
    // A record that was built again with equal content is not delivered for its date.
    let undated = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("Extraction – Date")).map(str::to_owned).collect()
    };
    let built = undated(&lab.record(number).expect("a record on disk"));
    assert!(undated(stored).starts_with(&built), "{stored}");
    record.clone()
}

/// One record for each of these sessions and nothing else, and every delivery knows its record's number.
fn one_each(cdcs: &RealCdcs, lab: &Lab, numbers: impl IntoIterator<Item = u32>, report: &RunReport) {
    let mut titles = Vec::new();
    for number in numbers {
        let record = record(cdcs, lab, number);
        let delivery = lab.delivery(number, "cdcs").unwrap();
        assert_eq!(delivery.state, State::Delivered, "{report:#?}");
        assert_eq!(delivery.remote_id, Some(record["id"].to_string()));
        assert_eq!(lab.status(number), Some(RecordStatus::Completed), "{report:#?}");
        titles.push(title(lab, number));
    }
    titles.sort();
    assert_eq!(cdcs.titles(), titles, "{report:#?}");
}

/// How many requests the server has seen that write something.
fn writes(cdcs: &RealCdcs) -> usize {
    let requests = cdcs.site.requests();
    requests.iter().filter(|line| !line.starts_with("GET ") && !line.contains(QUERY)).count()
}

#[test]
fn created_left_alone_and_changed_in_place() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let lab = lab(&cdcs.url(), ORDINARY, "");
    lab.sessions(1..=3);
    let report = lab.run();
    one_each(&cdcs, &lab, 1..=3, &report);
    let before = record(&cdcs, &lab, 1);

    let seen = writes(&cdcs);
    let report = lab.run();
    one_each(&cdcs, &lab, 1..=3, &report);
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    assert_eq!(writes(&cdcs), seen, "equal content is delivered nowhere: {report:#?}");

    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, 1..=3, &report);
    let after = record(&cdcs, &lab, 1);
    assert_eq!(after["id"], before["id"]);
    assert_ne!(after["xml_content"], before["xml_content"]);
    assert_eq!(writes(&cdcs), seen + 1, "one change, one request");
}

#[test]
fn a_dropped_answer_makes_no_second_record() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let proxy = Proxy::before(&cdcs.url());
    proxy.server.fail(Rule::at(CREATE, Fault::DropAfter).method("POST").times(1));
    let lab = lab(&proxy.url(), ORDINARY, "");
    lab.sessions([1]);
    let report = lab.run();
    one_each(&cdcs, &lab, [1], &report);
    assert_eq!(lab.uploads(1, "cdcs"), ["unknown", "ok"]);

    // The same with a change.
    proxy.server.heal();
    proxy.server.fail(Rule::on(CREATE, Fault::DropAfter).method("PATCH").times(1));
    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, [1], &report);
}

#[test]
fn a_request_that_arrives_after_its_client_gave_up_makes_no_second_record() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let proxy = Proxy::before(&cdcs.url());
    let (late, asked) = (Gate::new(), Gate::new());
    proxy.server.fail(Rule::at(CREATE, Fault::HoldBefore(late.clone())).method("POST").times(1));
    // The question before the creation passes; the one after the settle time waits until the record has landed.
    proxy.server.fail(Rule::on(QUERY, Fault::HoldBefore(asked.clone())).after(1).times(1));
    let lab = lab(&proxy.url(), ORDINARY, "timeout = \"10 s\"");
    lab.sessions([1]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            late.wait_for_arrivals(1);
            asked.wait_for_arrivals(1);
            let before = proxy.answers();
            late.open();
            proxy.wait_for_answers(before + 1);
            asked.open();
        });
        let report = lab.run();
        one_each(&cdcs, &lab, [1], &report);
    });
    assert_eq!(lab.uploads(1, "cdcs"), ["unknown", "ok"]);
}

#[test]
fn a_wrong_token_or_template_leaves_nothing_and_the_right_one_finishes() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let wrong = "4".repeat(40);
    let mut lab = lab(&cdcs.url(), &wrong, "template = \"Nothing of the kind\"");
    lab.sessions(1..=2);
    let refused = |lab: &Lab, class: Class, words: &[&str]| {
        let report = lab.run_after(TimeDelta::days(2));
        let told = report.needs_person.join("\n");
        for word in words {
            assert!(told.contains(word), "`{word}` is not in: {told}");
        }
        for number in 1..=2 {
            let delivery = lab.delivery(number, "cdcs").unwrap();
            assert_eq!((delivery.state, delivery.failure_class), (State::Failed, Some(class)), "{told}");
            assert_eq!(lab.status(number), Some(RecordStatus::BuiltNotExported), "{told}");
        }
        assert_eq!(cdcs.titles(), Vec::<String>::new());
    };
    refused(&lab, Class::Auth, &["cdcs", "oken"]);
    lab.reconfigure(&wrong, ORDINARY);
    refused(&lab, Class::Permanent, &["Nothing of the kind", TEMPLATE_TITLE]);
    // A template that does not fit the records: the server's own words.
    lab.reconfigure("Nothing of the kind", OTHER_TEMPLATE_TITLE);
    refused(&lab, Class::Permanent, &["No matching global declaration"]);
    lab.reconfigure(OTHER_TEMPLATE_TITLE, TEMPLATE_TITLE);
    let report = lab.run_after(TimeDelta::days(2));
    one_each(&cdcs, &lab, 1..=2, &report);
}

#[test]
fn a_schema_that_refuses_the_record_and_one_that_takes_it_again() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let good = cdcs.template();
    let (_, managers) = cdcs.ask("GET", "rest/template-version-manager/global/", None);
    let manager = managers.as_array().unwrap().iter().find(|one| one["title"] == TEMPLATE_TITLE).unwrap();
    let strict = "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"other\" type=\"xs:string\"/></xs:schema>";
    let body = json!({ "filename": "strict.xsd", "content": strict });
    let path = format!("rest/template-version-manager/{}/version/", manager["id"]);
    let (status, version) = cdcs.ask("POST", &path, Some(&body));
    assert_eq!(status, 201, "{version}");
    let current = |version: &Value| {
        let (status, answer) = cdcs.ask("PATCH", &format!("rest/template/version/{version}/current/"), None);
        assert_eq!(status, 200, "{answer}");
    };
    current(&version["id"]);
    let lab = lab(&cdcs.url(), ORDINARY, "");
    lab.sessions([1]);
    let report = lab.run();
    let told = report.needs_person.join("\n");
    assert!(told.contains("No matching global declaration"), "{told}");
    assert_eq!(lab.delivery(1, "cdcs").unwrap().state, State::Failed);
    assert_eq!(cdcs.titles(), Vec::<String>::new());

    current(&json!(good));
    // A changed record is another try.
    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(2));
    one_each(&cdcs, &lab, [1], &report);
}

#[test]
fn another_rank_of_the_templates_changes_nothing() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let lab = lab(&cdcs.url(), ORDINARY, "");
    lab.sessions([1]);
    one_each(&cdcs, &lab, [1], &lab.run());
    cdcs.administer(&format!(
        "from core_main_app.components.template_version_manager.models import TemplateVersionManager as M\n\
         M.objects.filter(title='{TEMPLATE_TITLE}').update(display_rank=1)\n\
         M.objects.filter(title='{OTHER_TEMPLATE_TITLE}').update(display_rank=2)"
    ));
    lab.sessions(1..=2);
    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, 1..=2, &report);
}

#[test]
fn a_record_of_its_user_stays_theirs_and_is_changed_in_place() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let (_, users) = cdcs.ask("GET", "rest/user/", None);
    let ada =
        users.as_array().unwrap().iter().find(|one| one["username"] == "ada").unwrap()["id"].to_string();
    let lab = lab(&cdcs.url(), SUPERUSER, "user_owned_records = true");
    lab.sql(
        "INSERT INTO external_user_identifiers (nexuslims_username, external_system, external_id, created_at) \
         VALUES ('ada', 'cdcs', ?1, '2024-03-01T00:00:00+00:00')",
        &[&ada],
    );
    lab.sessions(1..=2);
    let report = lab.run();
    one_each(&cdcs, &lab, 1..=2, &report);
    lab.put_file(1, "late");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, 1..=2, &report);
    for number in 1..=2 {
        assert_eq!(record(&cdcs, &lab, number)["user_id"], json!(ada));
    }
}

#[test]
fn records_for_their_users_need_a_superuser_and_nothing_is_made_without_one() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let mut lab = lab(&cdcs.url(), STAFF, "user_owned_records = true");
    lab.sessions(1..=2);
    let report = lab.run();
    for number in 1..=2 {
        let delivery = lab.delivery(number, "cdcs").unwrap();
        assert_eq!(
            (delivery.state, delivery.failure_class),
            (State::Failed, Some(Class::Auth)),
            "{report:#?}"
        );
    }
    assert!(report.needs_person.iter().any(|told| told.contains("superuser")), "{report:#?}");
    assert_eq!(cdcs.titles(), Vec::<String>::new());
    lab.reconfigure(STAFF, SUPERUSER);
    let report = lab.run_after(TimeDelta::days(2));
    one_each(&cdcs, &lab, 1..=2, &report);
}

#[test]
fn a_record_of_two_megabytes_goes_through_and_is_changed() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let lab = lab(&cdcs.url(), ORDINARY, "");
    lab.sessions([1]);
    let purpose = |word: &str| {
        let booked =
            Reservation { purpose: Some(word.repeat(2_200_000 / word.len())), ..Reservation::default() };
        lab.harvester.answer(Lab::id(1).as_str(), ReservationAnswer::Reservation(Box::new(booked)));
    };
    purpose("µ-structure of 伊藤 & <co> ");
    let report = lab.run();
    one_each(&cdcs, &lab, [1], &report);
    assert!(lab.record(1).unwrap().len() > 2_000_000);
    purpose("another purpose ");
    lab.rebuild_all();
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, [1], &report);
}

#[test]
fn a_record_that_nexuslims_uploaded_is_taken_over() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let lab = lab(&cdcs.url(), SUPERUSER, "");
    lab.sessions(1..=2);
    let facility = lab.open().unwrap_or_else(|error| panic!("{error}"));
    pipeline::run(&facility, Steps { harvest: true, build: true, export: false }).unwrap();
    drop(facility);
    let content = lab.record(1).unwrap().replace("Experiment lab-use-1", "As it was then");
    let id = cdcs.upload(&title(&lab, 1), &content);
    let report = lab.run_after(TimeDelta::days(1));
    one_each(&cdcs, &lab, 1..=2, &report);
    assert_eq!(record(&cdcs, &lab, 1)["id"].as_u64(), Some(id), "the same record, with another content");
}
