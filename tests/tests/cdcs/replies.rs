//! Whatever a server answers, the plugin says something sensible and goes on living.

use std::sync::{Arc, Mutex};

use nexus_plugin_api::{Effect, FailureClass};
use nexus_tests::http::{Request, Response, Server, Service};
use proptest::prelude::*;
use serde_json::Value;

use super::bench::Bench;

/// Answers in turn, and then from the beginning.
struct Strange {
    answers: Vec<(u16, bool, Value)>,
    next: Mutex<usize>,
}

impl Service for Strange {
    fn handle(&self, _: &Request) -> Response {
        let mut next = self.next.lock().unwrap();
        let (status, is_json, body) = &self.answers[*next % self.answers.len()];
        *next += 1;
        if *is_json { Response::json(*status, body) } else { Response::html(*status) }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}|[0-9]{1,25}|Nexus Experiment Schema|<Experiment/>|r".prop_map(Value::from),
    ];
    let names = [
        "id",
        "template",
        "workspace",
        "user_id",
        "title",
        "xml_content",
        "content",
        "current",
        "versions",
        "owner",
        "is_public",
        "message",
        "detail",
        "count",
        "results",
        "core_version",
    ];
    leaf.prop_recursive(3, 30, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(names.to_vec()), inner), 0..10).prop_map(|pairs| {
                Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

fn any_answer() -> impl Strategy<Value = (u16, bool, Value)> {
    let status =
        prop::sample::select(vec![200_u16, 200, 201, 400, 401, 403, 404, 413, 418, 429, 500, 502, 503]);
    (status, prop::bool::weighted(0.9), any_json())
}

/// The list of templates as it should be, so that what comes after it is met as well.
fn templates() -> (u16, bool, Value) {
    let row = serde_json::json!([{
        "id": 4, "versions": ["9", "12"], "current": "12", "title": "Nexus Experiment Schema", "is_disabled": false,
    }]);
    (200, true, row)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_is_too_strange(
        mut answers in prop::collection::vec(any_answer(), 1..6),
        known in any::<bool>(),
        user_owned in any::<bool>(),
    ) {
        if known {
            answers.insert(0, templates());
        }
        let server = Server::start(Arc::new(Strange { answers, next: Mutex::default() }));
        let bench = Bench::new().with("url", server.url()).with("user_owned_records", user_owned);
        let mut delivery = bench.delivery("r", "one");
        delivery.external_ids.insert("cdcs".into(), "7".into());
        let (plugin, call) = (bench.plugin(), bench.call());
        if let Err(error) = plugin.find(&call, &delivery) {
            prop_assert_eq!(error.effect, Effect::None);
        }
        if let Err(error) = plugin.deliver(&call, &delivery) {
            let waits = matches!(error.class, FailureClass::Auth | FailureClass::Permanent);
            prop_assert!(waits || !error.message.is_empty());
        }
        prop_assert!(!plugin.check(&call).unwrap().items.is_empty());
        let _ = plugin.run_action(&call, "push-template", &Value::Null);
    }
}
