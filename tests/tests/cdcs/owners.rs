//! Records that are given to their users.

use nexus_core::delivery::{Class, State};
use nexus_plugin_api::{Effect, FailureClass, Found, Step};
use nexus_tests::fake_cdcs::{Role, TOKEN};
use nexus_tests::fault::{Fault, Rule};

use super::bench::{Bench, Facility, ONCE};

fn facility(more: &str) -> Facility {
    let facility = Facility::with(&format!("user_owned_records = true\n{more}"));
    facility.site.add_account("ada", "adas-token", Role::Ordinary);
    facility.lab.sessions([1]);
    facility
}

fn link(facility: &Facility, number: &str) {
    facility.lab.sql(
        "INSERT INTO external_user_identifiers (nexuslims_username, external_system, external_id, created_at)
         VALUES ('ada', 'cdcs', ?1, '2024-01-01T00:00:00')",
        &[number],
    );
}

#[test]
fn a_record_is_given_to_its_user_and_found_again() {
    let facility = facility("");
    link(&facility, "2");
    let (_, requests) = facility.run();
    assert_eq!(requests, ONCE + 3, "look, create, give");
    let record = facility.the_record(1);
    assert_eq!((record.owner, record.workspace), (2, Some(1)));
    assert_eq!(facility.run().1, 0);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    assert_eq!(facility.the_record(1).owner, 2);
}

#[test]
fn a_private_record_that_was_given_away_is_found_again() {
    let facility = facility("workspace = \"none\"\n");
    link(&facility, "2");
    facility.run();
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    let record = facility.the_record(1);
    assert_eq!((record.owner, record.workspace), (2, None));
}

/// The same at a site where nobody but the deliverer has an account.
fn without_accounts(more: &str) -> Facility {
    let facility = Facility::with(&format!("user_owned_records = true\n{more}"));
    facility.lab.sessions([1]);
    facility
}

#[test]
fn without_a_link_the_account_with_the_users_name_is_taken() {
    let facility = facility("");
    facility.lab.sessions([1, 2]);
    let (_, requests) = facility.run();
    assert_eq!(requests, ONCE + 1 + 2 * 3, "the accounts are listed once");
    assert_eq!([1, 2].map(|number| facility.the_record(number).owner), [2, 2]);
    assert_eq!(facility.run().1, 0);
}

#[test]
fn a_name_may_differ_by_capitals_if_only_one_does() {
    let bench = Bench::new().with("user_owned_records", true);
    bench.site.add_account("Ada", "one", Role::Ordinary);
    let delivery = bench.delivery("r", "one");
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.records()[0].owner, 2);

    let bench = Bench::new().with("user_owned_records", true);
    bench.site.add_account("Ada", "one", Role::Ordinary);
    bench.site.add_account("ADA", "two", Role::Ordinary);
    bench.carry(&bench.delivery("r", "one")).unwrap();
    assert_eq!(bench.site.records()[0].owner, 1);
    assert!(bench.logged().contains("several CDCS accounts are called `ada`"), "{}", bench.logged());
    // The very name counts before others.
    bench.site.add_account("ada", "three", Role::Ordinary);
    bench.carry(&bench.delivery("r", "two")).unwrap();
    assert_eq!(bench.site.records()[0].owner, 4);
}

#[test]
fn without_the_name_the_only_account_with_the_users_address_is_taken() {
    let bench = Bench::new().with("user_owned_records", true).with("create_accounts", true);
    bench.site.add_account("a.lovelace", "one", Role::Ordinary);
    bench.site.set_email("a.lovelace", "Ada@Example.org");
    bench.site.set_email("deliverer", "");
    let mut delivery = bench.delivery("r", "one");
    delivery.user_emails = vec![String::new(), "ada@example.org".into()];
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.records()[0].owner, 2);
    assert_eq!(bench.site.account_names(), ["deliverer", "a.lovelace"]);

    // Two accounts of one address: nobody knows whose.
    bench.site.add_account("ada.l", "two", Role::Ordinary);
    bench.site.set_email("ada.l", "ada@example.org");
    delivery.record.key = "00000000-0000-4000-8000-000000000077".into();
    delivery.record.name = "another".into();
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.records()[1].owner, 1);
    assert!(bench.logged().contains("have that user's e-mail address"), "{}", bench.logged());
}

#[test]
fn the_addresses_of_a_user_come_from_the_database() {
    let facility = Facility::with("user_owned_records = true\n");
    facility.site.add_account("a.lovelace", "one", Role::Ordinary);
    facility.site.set_email("a.lovelace", "ada@example.org");
    facility.lab.sessions([1]);
    facility.lab.sql(
        "INSERT INTO external_user_identifiers (nexuslims_username, external_system, external_id, email, created_at)
         VALUES ('ada', 'nemo', ?1, ' ada@example.org', '2024-01-01T00:00:00')",
        &["17"],
    );
    facility.run();
    assert_eq!(facility.the_record(1).owner, 2);
}

#[test]
fn an_account_is_made_once_if_the_settings_say_so() {
    let facility = without_accounts("create_accounts = true\n");
    facility.lab.sessions([1, 2, 3]);
    facility.run();
    assert_eq!(facility.site.account_names(), ["deliverer", "ada"]);
    assert_eq!([1, 2, 3].map(|number| facility.the_record(number).owner), [2; 3]);
    assert_eq!(facility.run().1, 0);
    let sent = facility.site.server.requests();
    assert!(sent.iter().all(|request| request.path != "/rest/user/"));
}

#[test]
fn an_account_that_somebody_made_meanwhile_is_found() {
    let facility = facility("create_accounts = true\n");
    let stale = Rule::at("/rest/user/", Fault::Json(200, "[]".into())).method("GET").times(1);
    // What `find` would see is not asked for: there is no record yet.
    facility.site.server.fail(stale);
    facility.run();
    assert_eq!(facility.the_record(1).owner, 2);
    assert_eq!(facility.site.account_names(), ["deliverer", "ada"]);
}

#[test]
fn a_name_that_the_site_does_not_take_leaves_the_record_with_the_deliverer() {
    let bench = Bench::new().with("user_owned_records", true).with("create_accounts", true);
    let mut delivery = bench.delivery("r", "one");
    delivery.session.user = Some("DOMAIN\\ada".into());
    bench.carry(&delivery).unwrap();
    assert_eq!((bench.site.records().len(), bench.site.records()[0].owner), (1, 1));
    assert!(bench.logged().contains("takes no account with the name"), "{}", bench.logged());
    assert!(bench.logged().contains("stays with the account of the token"), "{}", bench.logged());
}

#[test]
fn a_user_without_an_account_leaves_the_record_with_the_deliverer() {
    let facility = without_accounts("");
    facility.run();
    assert_eq!(facility.the_record(1).owner, 1);
    let kept = without_accounts("owner_required = true\n");
    kept.run();
    let delivery = kept.lab.delivery(1, "cdcs").unwrap();
    assert_eq!((delivery.state, delivery.failure_class), (State::Failed, Some(Class::Permanent)));
    assert!(delivery.failure_text.unwrap().contains("nexus users link ada cdcs NUMBER"));
    assert_eq!(kept.records(1).len(), 0);
}

#[test]
fn an_account_that_does_not_exist_leaves_one_record_and_says_so() {
    let facility = facility("");
    link(&facility, "77");
    facility.run();
    let text = facility.lab.delivery(1, "cdcs").unwrap().failure_text.unwrap();
    assert!(text.contains("there is no account 77 at the site"), "{text}");
    assert_eq!(facility.the_record(1).owner, 1);
    facility.lab.sql("UPDATE external_user_identifiers SET external_id = '2'", &[]);
    facility.lab.sql("UPDATE nexus_delivery SET state = 'due', failure_class = NULL", &[]);
    facility.run();
    assert_eq!(facility.the_record(1).owner, 2);
}

#[test]
fn only_a_superusers_token_can_do_it() {
    let facility = facility("");
    link(&facility, "2");
    let mut facility = facility;
    facility.site.add_account("staff", "staffs", Role::Staff);
    facility.lab.reconfigure(TOKEN, "staffs");
    facility.run();
    let delivery = facility.lab.delivery(1, "cdcs").unwrap();
    assert_eq!(delivery.failure_class, Some(Class::Auth));
    assert!(delivery.failure_text.unwrap().contains("superuser's token"));
    assert_eq!(facility.site.records().len(), 0);
}

#[test]
fn the_gift_is_a_step_of_its_own() {
    let bench = Bench::new().with("user_owned_records", true);
    bench.site.add_account("ada", "adas", Role::Ordinary);
    let mut delivery = bench.delivery("r", "one");
    delivery.external_ids.insert("cdcs".into(), "2".into());
    let plugin = bench.plugin();
    let Ok(Step::More(checkpoint)) = plugin.deliver(&bench.call(), &delivery) else { panic!("no step") };
    assert_eq!(checkpoint.0, serde_json::json!({"record": 1}));
    delivery.checkpoint = Some(checkpoint);
    // The answer is lost: the record is there, whoever owns it.
    bench.site.server.fail(Rule::on("/rest/data/1/change-owner/", Fault::DropAfter).times(1));
    let lost = plugin.deliver(&bench.call(), &delivery).unwrap_err();
    assert_eq!((lost.class, lost.effect), (FailureClass::Transient, Effect::Maybe));
    // A new instance goes on.
    let Ok(Step::Done(remote)) = bench.plugin().deliver(&bench.call(), &delivery) else { panic!("not done") };
    assert_eq!((remote.id.as_str(), bench.site.records()[0].owner), ("1", 2));
    assert_eq!(bench.site.server.count("PATCH", "/rest/data/1/change-owner/"), 1, "it was given already");
}

#[test]
fn a_record_that_is_not_its_users_yet_is_not_complete() {
    let bench = Bench::new();
    bench.site.add_account("ada", "adas", Role::Ordinary);
    let mut delivery = bench.delivery("r", "one");
    delivery.external_ids.insert("cdcs".into(), "2".into());
    bench.carry(&delivery).unwrap();
    let bench = bench.with("user_owned_records", true);
    assert!(matches!(bench.find(&delivery), Found::One(remote) if remote.content_sha256.is_none()));
    bench.carry(&delivery).unwrap();
    assert!(matches!(bench.find(&delivery), Found::One(remote) if remote.content_sha256.is_some()));
    assert_eq!((bench.site.records().len(), bench.site.records()[0].owner), (1, 2));
}

#[test]
fn an_account_is_a_number() {
    let bench = Bench::new().with("user_owned_records", true);
    let mut delivery = bench.delivery("r", "one");
    delivery.external_ids.insert("cdcs".into(), "ada".into());
    let error = bench.carry(&delivery).unwrap_err();
    assert!(error.message.contains("`ada`, which is no number"), "{error}");
    assert_eq!(bench.site.records().len(), 0);
}
