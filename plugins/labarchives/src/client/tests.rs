use std::sync::Arc;

use nexus_plugin_api::FailureClass;
use nexus_plugin_http::pause::SystemPause;
use nexus_plugin_http::{HeaderValue, StatusCode, header};
use proptest::prelude::*;
use serde_json::json;

use super::*;

const PASSWORD: &str = "planted+Pass/word=";
const UID: &str = "77|planted+uid==";

fn client() -> Client {
    let settings = Settings::read(&json!({
        "url": "http://127.0.0.1:1/api", "access_key_id": "K", "access_password": PASSWORD, "user_id": UID,
        "notebook_id": "NB",
    }));
    Client::new(&settings.unwrap(), Arc::new(SystemPause)).unwrap()
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: header::HeaderMap::default(),
        body: body.as_bytes().to_vec(),
        url: String::new(),
    }
}

fn judge(status: u16, body: &str) -> Option<ApiError> {
    judged("a/b", &answer(status, body), None, Effect::Maybe, str::to_owned)
}

#[test]
fn the_code_counts_whatever_the_status() {
    use FailureClass::{Auth, Permanent, Transient};
    for status in [200, 400, 401, 404, 500] {
        for (code, class, effect) in [
            (4500, Permanent, Effect::None),
            (4501, Auth, Effect::None),
            (4502, Auth, Effect::None),
            (4504, Auth, Effect::None),
            (4506, Auth, Effect::None),
            (4507, Auth, Effect::None),
            (4514, Auth, Effect::None),
            (4520, Auth, Effect::None),
            (4529, Permanent, Effect::None),
            (4533, Auth, Effect::None),
            (4599, Permanent, Effect::None),
            (4999, Transient, Effect::Maybe),
        ] {
            let body = format!("<error><error-code>{code}</error-code></error>");
            let error = judge(status, &body).unwrap();
            assert_eq!((error.class(), error.effect()), (class, effect), "{code} with {status}");
        }
    }
}

#[test]
fn without_a_code_the_status_counts() {
    let of = |status: u16, body: &str| judge(status, body).map(|error| (error.class(), error.effect()));
    assert_eq!(of(200, "<entries/>"), None);
    for body in ["", "<html>", "<error><error-code>12</error-code></error>", "<response><error/></response>"]
    {
        assert_eq!(of(400, body), Some((FailureClass::Permanent, Effect::None)), "{body}");
        assert_eq!(of(404, body), Some((FailureClass::Permanent, Effect::None)), "{body}");
        assert_eq!(of(401, body), Some((FailureClass::Auth, Effect::None)), "{body}");
        assert_eq!(of(408, body), Some((FailureClass::Transient, Effect::Maybe)), "{body}");
        assert_eq!(of(502, body), Some((FailureClass::Transient, Effect::Maybe)), "{body}");
        assert_eq!(of(429, body), Some((FailureClass::RateLimited { until: None }, Effect::None)), "{body}");
    }
    let of_success = of(200, "<error><msg>odd</msg></error>");
    assert_eq!(of_success, Some((FailureClass::Transient, Effect::Maybe)));
}

#[test]
fn a_wish_for_a_pause_is_heard() {
    let mut answer = answer(503, "");
    answer.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    let wait = answer.retry_after(Utc::now());
    let error = judged("a/b", &answer, wait, Effect::Maybe, str::to_owned).unwrap();
    assert!(matches!(error.class(), FailureClass::RateLimited { until: Some(_) }));
    assert_eq!(error.effect(), Effect::Maybe);
}

#[test]
fn an_answer_that_is_cut_off_or_says_too_little_is_told_without_its_text() {
    let read = |body: &str| extracted("a/b", body.as_bytes(), Effect::Maybe, "eid", reply::written);
    let cut = read("<entries><request><sig>planted</sig></request><entry><eid>1").unwrap_err();
    assert!(matches!(cut, ApiError::Garbled { effect: Effect::Maybe, .. }));
    assert!(!cut.to_string().contains("planted") && !cut.to_string().contains("sig"), "{cut}");
    let silent = read("<entries><request><eid>planted</eid></request></entries>").unwrap_err();
    assert!(matches!(silent, ApiError::Lacking { what: "eid", .. }), "{silent}");
    assert_eq!(
        read("\u{feff}\n<?xml version=\"1.0\"?><entries><entry><eid>1</eid></entry></entries>").unwrap().id,
        "1"
    );
}

proptest! {
    #[test]
    fn no_secret_is_repeated(before in "\\PC{0,40}", after in "\\PC{0,400}", which in 0..4_usize, escaped in any::<bool>()) {
        let query = [("uid", "88|planted+other="), ("password", "planted-token"), ("nbid", "NB")];
        let signature = "planted+sig/nature==";
        let secret = [PASSWORD, UID, signature, "88|planted+other="][which];
        let secret = if escaped { encoded(secret) } else { secret.to_owned() };
        let said = client().quoted(&format!("{before}{secret}{after}"), &query, Some(signature));
        prop_assert!(!said.contains("planted") || format!("{before}{after}").contains("planted"), "{}", said);
        prop_assert!(said.chars().count() <= LONGEST_QUOTE + 1 && !said.chars().any(char::is_control));
    }

    #[test]
    fn any_answer_is_judged(status in 200..600_u16, body in prop::collection::vec(any::<u8>(), 0..100)) {
        let mut given = answer(status, "");
        given.body.clone_from(&body);
        let judged = judged("a/b", &given, None, Effect::Maybe, str::to_owned);
        prop_assert!(judged.is_some() || status < 400);
        let _ = extracted("a/b", &body, Effect::None, "entries", reply::entries);
    }
}
