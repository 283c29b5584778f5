//! What `check` says of a site that is well, and of each way to be wrong.

use nexus_plugin_api::{CheckResult, Instance};
use nexus_tests::fake_sharepoint::{Door, Habits};
use nexus_tests::fault::{Fault, Rule};
use serde_json::json;

use super::bench::{BOTH, Bench, Dialect, SEM, TITAN, both};
use super::signin::{data, entering, ways};

/// What a check says: result and text of every item.
fn told(bench: &Bench) -> Vec<(CheckResult, String)> {
    let plugin = match bench.tuned().create(&bench.settings) {
        Ok(Instance::Harvester(plugin)) => plugin,
        Ok(_) => panic!("no harvester"),
        Err(error) => {
            return vec![(CheckResult::Failed, format!("{error} {:?}", error.hint))];
        }
    };
    let report = plugin.check(&bench.call()).unwrap_or_else(|error| panic!("{error}"));
    let secrets = [nexus_tests::fake_sharepoint::PASSWORD, nexus_tests::fake_sharepoint::SECRET, "eyJ"];
    report
        .items
        .into_iter()
        .map(|item| {
            let text = format!("{}: {}", item.name, item.detail);
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "{text}");
            (item.result, text)
        })
        .collect()
}

/// The texts of what failed.
fn failed(bench: &Bench) -> String {
    let all = told(bench);
    let failed: Vec<_> =
        all.iter().filter(|one| one.0 == CheckResult::Failed).map(|one| one.1.clone()).collect();
    assert!(!failed.is_empty(), "{:?}: {all:#?}", bench.dialect);
    failed.join("\n")
}

#[test]
fn a_site_that_is_well_passes_by_every_way_in() {
    for dialect in BOTH {
        for auth in ways(dialect) {
            let bench = entering(Bench::new(dialect), auth);
            bench.site.index(TITAN, &["EventDate", "EndDate"]);
            bench.site.index(SEM, &["EventDate", "EndDate"]);
            let all = told(&bench);
            assert!(all.iter().all(|one| one.0 != CheckResult::Failed), "{auth} {dialect:?}: {all:#?}");
            assert!(all.iter().any(|one| one.0 == CheckResult::Ok), "{auth} {dialect:?}: {all:#?}");
        }
    }
}

#[test]
fn every_way_to_be_refused_is_told_apart() {
    both(|bench| {
        for (door, said) in [
            (Door::Basic, &["401"][..]),
            (Door::Forbidden, &["403"]),
            (Door::LoginPage, &["log", "sign"]),
            (Door::WebPage, &["log", "sign", "web page", "html"]),
        ] {
            bench.site.door(door);
            let text = failed(&bench).to_lowercase();
            assert!(said.iter().any(|one| text.contains(one)), "{door:?}: {text}");
        }
    });
    let secret = entering(Bench::new(Dialect::Rest), "client_secret");
    assert!(failed(&secret).contains("client_certificate"));
    let wrong = entering(Bench::new(Dialect::Graph), "client_secret").with("client_secret", json!("wrong"));
    assert!(failed(&wrong).contains("AADSTS7000215"));
    let absent =
        entering(Bench::new(Dialect::Rest), "client_certificate").with("key_file", json!(data("none.key")));
    assert!(failed(&absent).contains("none.key"));
}

#[test]
fn lists_and_columns_that_are_not_there_are_named() {
    both(|bench| {
        let bench = bench.with("lists", json!({"TITAN": TITAN, "SEM": "Zeiss"}));
        assert!(failed(&bench).contains("SEM") && failed(&bench).contains("Zeiss"), "{}", failed(&bench));
        let bench = bench.with("lists", json!({"TITAN": TITAN}));
        let bench = bench.with("fields", json!({"sample_name": "Sample_x0020_name"}));
        assert!(failed(&bench).contains("Sample_x0020_name"));
        let bench = bench.with("fields", json!({}));
        bench.site.remove_column(TITAN, "DataConsent");
        assert!(failed(&bench).contains("DataConsent"));
        let bench = bench.with("consent", json!("assume"));
        let all = told(&bench);
        assert!(all.iter().all(|one| one.0 != CheckResult::Failed), "{all:#?}");
    });
}

#[test]
fn columns_without_an_index_are_a_warning() {
    both(|bench| {
        let all = told(&bench);
        let warned = |all: &[(CheckResult, String)]| {
            all.iter().any(|one| one.0 == CheckResult::Warning && one.1.contains("EventDate"))
        };
        assert!(warned(&all), "{all:#?}");
        bench.site.index(TITAN, &["EventDate", "EndDate"]);
        bench.site.index(SEM, &["EventDate", "EndDate"]);
        assert!(!warned(&told(&bench)));
    });
}

#[test]
fn a_zone_that_nobody_knows_is_a_warning() {
    let bench = Bench::new(Dialect::Rest);
    bench.site.habits(|habits: &mut Habits| habits.time_zone = (4711, "Somewhere".into()));
    let all = told(&bench);
    assert!(all.iter().any(|one| one.0 != CheckResult::Ok && one.1.contains("4711")), "{all:#?}");
}

#[test]
fn an_address_that_is_no_site_and_a_server_that_is_not_there() {
    both(|bench| {
        let nowhere = bench.site.server.url();
        let bench = bench.with("address", json!("http://127.0.0.1:1/sites/x"));
        assert!(failed(&bench).contains("127.0.0.1:1"));
        let bench = bench.with("address", json!(format!("{nowhere}wrong")));
        assert!(failed(&bench).contains("address"), "{}", failed(&bench));
        let well = Bench::new(bench.dialect);
        well.site.server.fail(Rule::on("/", Fault::Html(503)));
        assert!(failed(&well).contains("503"));
    });
}

#[test]
fn the_calendars_of_a_site_are_offered_as_instruments() {
    both(|bench| {
        let offers = bench.plugin().instruments(&bench.call()).unwrap();
        let names: Vec<_> = offers.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, [TITAN, SEM]);
        // What is offered is an address that works.
        bench.site.put(TITAN, super::bench::item(1, "09:00", "12:00"));
        let mut asked = super::bench::on_day("09:00", "12:00");
        asked.instrument.api_url.clone_from(&offers[0].api_url);
        let mut bench = bench;
        bench.settings.as_object_mut().unwrap().remove("lists");
        assert_eq!(bench.outcome(&asked), "1");
    });
}
