//! Every way in, every way to be refused, and tokens that end.

use std::path::PathBuf;

use chrono::Duration;
use nexus_plugin_api::{FailureClass, HarvestRequest, InstrumentQuery};
use nexus_tests::fake_sharepoint::{CLIENT, Door, PASSWORD, SECRET, TENANT, TOKEN, USER};
use serde_json::json;

use super::bench::{Bench, Dialect, both, item, on_day};

/// A file of the test data.
pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/sharepoint").join(name)
}

/// The bench with one booking and this way in.
pub fn entering(bench: Bench, auth: &str) -> Bench {
    let bench = bench.holding([item(1, "09:00", "12:00")]).with("auth", json!(auth));
    match auth {
        "basic" => {
            bench.site.door(Door::Basic);
            bench.with("user", json!(USER)).with("password", json!(PASSWORD))
        }
        "bearer" => {
            bench.site.door(Door::Bearer);
            bench.with("token", json!(TOKEN))
        }
        "none" => bench,
        kind => {
            bench.site.door(Door::Bearer);
            let bench = bench.with("tenant", json!(TENANT)).with("client_id", json!(CLIENT));
            let url = bench.site.token_url();
            let bench = bench.with("token_url", json!(url));
            if kind == "client_secret" {
                bench.with("client_secret", json!(SECRET))
            } else {
                bench.with("cert_file", json!(data("client.pem"))).with("key_file", json!(data("client.key")))
            }
        }
    }
}

/// The ways in that work for a dialect.
pub fn ways(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Rest => &["none", "basic", "bearer", "client_certificate"],
        Dialect::Graph => &["none", "bearer", "client_secret", "client_certificate"],
    }
}

/// The session of that booking.
fn asked() -> nexus_plugin_api::SessionRef {
    on_day("09:00", "12:00")
}

/// Why there is no answer: what the settings or the server say.
fn refused(bench: &Bench) -> nexus_plugin_api::PluginError {
    bench.tuned().create(&bench.settings).err().unwrap_or_else(|| bench.failure(&asked()))
}

#[test]
fn every_way_in_leads_in() {
    for dialect in super::bench::BOTH {
        for auth in ways(dialect) {
            let bench = entering(Bench::new(dialect), auth);
            assert_eq!(bench.outcome(&asked()), "1", "{auth} {dialect:?}");
            let tokens = usize::from(auth.starts_with("client_"));
            assert_eq!(bench.site.tokens_asked(), tokens, "{auth} {dialect:?}");
        }
    }
}

#[test]
fn wrong_credentials_are_named_and_settle_nothing() {
    for (dialect, auth, key, value) in [
        (Dialect::Rest, "basic", "password", "wrong"),
        (Dialect::Rest, "basic", "user", "nobody"),
        (Dialect::Rest, "bearer", "token", "wrong"),
        (Dialect::Graph, "bearer", "token", "wrong"),
        (Dialect::Graph, "client_secret", "client_secret", "wrong"),
        (Dialect::Graph, "client_secret", "client_id", "00000000-0000-4000-8000-000000000000"),
        (Dialect::Graph, "client_secret", "scope", "https://elsewhere.example.org/.default"),
        (Dialect::Rest, "client_certificate", "client_id", "00000000-0000-4000-8000-000000000000"),
    ] {
        let bench = entering(Bench::new(dialect), auth).with(key, json!(value));
        let error = bench.failure(&asked());
        assert_eq!(error.class, FailureClass::Auth, "{auth} {key}: {error}");
        assert!(error.hint.is_some(), "{auth} {key}: {error}");
        assert!(bench.requests() + bench.site.tokens_asked() <= 4, "{auth} {key}: it is not tried for long");
    }
}

#[test]
fn the_service_for_tokens_is_told_which_tenant() {
    let bench = entering(Bench::new(Dialect::Graph), "client_secret");
    let other = bench.site.token_url().replace(TENANT, "fabrikam.onmicrosoft.com");
    let bench = bench.with("token_url", json!(other));
    let error = bench.failure(&asked());
    assert!(error.message.contains("AADSTS90002"), "{error}");
    assert_ne!(error.class, FailureClass::Transient);
}

#[test]
fn a_secret_is_no_proof_for_a_site() {
    let error = refused(&entering(Bench::new(Dialect::Rest), "client_secret"));
    assert_eq!(error.class, FailureClass::Auth, "{error}");
    let told = format!("{error} {:?}", error.hint);
    assert!(told.contains("client_certificate"), "{told}");
}

#[test]
fn a_certificate_that_does_not_fit_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["other".to_owned()]).unwrap();
    let path = folder.path().join("other.pem");
    std::fs::write(&path, other.cert.pem()).unwrap();
    let bench = entering(Bench::new(Dialect::Rest), "client_certificate").with("cert_file", json!(path));
    assert_ne!(refused(&bench).class, FailureClass::Transient);
    for (key, text) in [("key_file", "no key"), ("cert_file", "no certificate")] {
        let path = folder.path().join(key);
        std::fs::write(&path, text).unwrap();
        let bench = entering(Bench::new(Dialect::Rest), "client_certificate").with(key, json!(path));
        let error = refused(&bench);
        assert!(
            error.to_string().contains(key) || error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
    }
}

#[test]
fn a_token_is_kept_and_renewed_before_it_ends() {
    let bench = entering(Bench::new(Dialect::Graph), "client_secret");
    let plugin = bench.plugin();
    let ask = || plugin.reservations(&bench.call(), &[asked()]).unwrap();
    for _ in 0..3 {
        assert_eq!(super::bench::word(&ask()[0]), "1");
    }
    assert_eq!(bench.site.tokens_asked(), 1);
    bench.pause.pass(Duration::minutes(50));
    ask();
    assert_eq!(bench.site.tokens_asked(), 1);
    // Five minutes before its end it counts as ended.
    bench.pause.pass(Duration::minutes(6));
    ask();
    assert_eq!(bench.site.tokens_asked(), 2);
}

#[test]
fn an_assertion_is_made_for_its_moment() {
    let bench = entering(Bench::new(Dialect::Rest), "client_certificate");
    let plugin = bench.plugin();
    let ask = || super::bench::word(&plugin.reservations(&bench.call(), &[asked()]).unwrap()[0]);
    assert_eq!(ask(), "1");
    bench.pause.set("2027-02-03T04:05:06Z");
    bench.site.set_clock("2027-02-03T04:05:06Z".parse().unwrap());
    assert_eq!(ask(), "1");
    assert_eq!(bench.site.tokens_asked(), 2);
}

#[test]
fn a_token_that_ends_midway_is_renewed_once() {
    for (dialect, auth) in [(Dialect::Graph, "client_secret"), (Dialect::Rest, "client_certificate")] {
        let bench = entering(Bench::new(dialect), auth);
        for number in 2..40 {
            bench.site.put(super::bench::TITAN, item(number, "09:00", "09:01"));
        }
        bench.site.habits(|habits| habits.page = 4);
        bench.site.tokens_last(Some(6));
        assert_eq!(bench.outcome(&asked()), "1", "{auth}");
        let tokens = bench.site.tokens_asked();
        assert!((2..=5).contains(&tokens), "{auth}: {tokens}");

        // One that is never good is asked for once more, and that is that.
        let bench = entering(Bench::new(dialect), auth);
        bench.site.tokens_last(Some(0));
        assert_eq!(bench.failure(&asked()).class, FailureClass::Auth, "{auth}");
        assert_eq!(bench.site.tokens_asked(), 2, "{auth}");
    }
}

#[test]
fn doors_without_a_handle() {
    both(|bench| {
        let bench = bench.holding([item(1, "09:00", "12:00")]);
        for (door, said) in [
            (Door::LoginPage, &["log", "sign"][..]),
            (Door::WebPage, &["log", "sign", "web page", "text/html"]),
            (Door::Forbidden, &["403"]),
            (Door::Basic, &["401"]),
        ] {
            bench.site.door(door);
            let error = bench.failure(&asked());
            assert_eq!(error.class, FailureClass::Auth, "{door:?}: {error}");
            let told = format!("{error} {}", error.hint.clone().unwrap_or_default()).to_lowercase();
            assert!(said.iter().any(|text| told.contains(text)), "{door:?}: {told}");
            let pid = InstrumentQuery {
                instrument: bench.own_instrument("TITAN", super::bench::TITAN),
                cursor: None,
            };
            let request = HarvestRequest { instruments: vec![pid], ..HarvestRequest::default() };
            let settings = &bench.settings;
            let mut settings = settings.clone();
            settings["sessions"] = json!(true);
            let nexus_plugin_api::Instance::Harvester(plugin) = bench.tuned().create(&settings).unwrap()
            else {
                panic!()
            };
            let error = plugin.harvest(&bench.call(), &request).unwrap_err();
            assert_eq!(error.class, FailureClass::Auth, "{door:?}: {error}");
        }
    });
}

#[test]
fn a_form_is_refused_by_header() {
    // Mixed sites send to a login form unless they are told not to.
    let bench = entering(Bench::new(Dialect::Rest), "basic");
    bench.outcome(&asked());
    let asked = bench.site.server.requests();
    assert!(asked.iter().all(|request| request.header("x-forms_based_auth_accepted") == Some("f")));
}

#[test]
fn settings_that_miss_something_say_what() {
    for (auth, missing) in [
        ("basic", "password"),
        ("basic", "user"),
        ("bearer", "token"),
        ("client_secret", "client_secret"),
        ("client_secret", "client_id"),
        ("client_certificate", "cert_file"),
        ("client_certificate", "key_file"),
    ] {
        let dialect = if auth == "basic" { Dialect::Rest } else { Dialect::Graph };
        let mut bench = entering(Bench::new(dialect), auth);
        bench.settings.as_object_mut().unwrap().remove(missing);
        let error =
            bench.tuned().create(&bench.settings).err().unwrap_or_else(|| panic!("{auth} without {missing}"));
        assert!(error.to_string().contains(missing), "{auth} without {missing}: {error}");
    }
    for (key, value, said) in [
        ("auth", json!("ntlm"), "ntlm"),
        ("auth", json!(null), "auth"),
        ("api", json!("listdata"), "rest"),
        ("consent", json!("maybe"), "consent"),
        ("timezone", json!("Eastern Time"), "timezone"),
        ("user_name", json!("nick"), "user_name"),
        ("consent_answers", json!(["no"]), "consent_answers"),
        ("fields", json!({"consent": false}), "consent"),
        ("fields", json!({"konsent": "x"}), "konsent"),
        ("grace", json!("soon"), "grace"),
        ("colour", json!("red"), "colour"),
    ] {
        let mut bench = Bench::new(Dialect::Rest);
        if value.is_null() {
            bench.settings.as_object_mut().unwrap().remove(key);
        } else {
            bench.settings[key] = value.clone();
        }
        let error = bench.tuned().create(&bench.settings).err().unwrap_or_else(|| panic!("{key} = {value}"));
        let told = format!("{error} {:?}", error.hint);
        assert!(told.contains(said), "{key} = {value}: {told}");
    }
}
