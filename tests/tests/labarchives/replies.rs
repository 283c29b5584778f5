//! Whatever a server answers, the plugin says something sensible and goes on living.

use std::sync::{Arc, Mutex};

use nexus_plugin_api::{Effect, FailureClass};
use nexus_tests::http::{Request, Response, Server, Service};
use proptest::prelude::*;
use serde_json::json;

use super::bench::Bench;
use super::holds::Spaced;

/// Answers in turn, and then from the beginning.
struct Strange {
    answers: Vec<(u16, String)>,
    next: Mutex<usize>,
}

impl Service for Strange {
    fn handle(&self, _: &Request) -> Response {
        let mut next = self.next.lock().unwrap();
        let (status, body) = &self.answers[*next % self.answers.len()];
        *next += 1;
        Response::new(*status, "application/xml", body.clone().into_bytes())
    }
}

const NAMES: [&str; 18] = [
    "entries",
    "entry",
    "eid",
    "part-type",
    "entry-data",
    "tree-tools",
    "level-nodes",
    "level-node",
    "node",
    "tree-id",
    "is-page",
    "display-text",
    "user-access",
    "can-write",
    "request",
    "error",
    "error-code",
    "epoch-time",
];

fn any_xml() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        Just("true".to_owned()),
        Just("NexusLIMS Records".to_owned()),
        Just("TEM-1".to_owned()),
        Just("text entry".to_owned()),
        Just("Attachment".to_owned()),
        "[0-9]{1,25}",
        "[a-zA-Z+/=|]{0,12}",
        "\\PC{0,8}",
    ];
    let leaf = (prop::sample::select(NAMES.to_vec()), text).prop_map(|(name, text)| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        format!("<{name}>{text}</{name}>")
    });
    leaf.prop_recursive(5, 40, 6, |inner| {
        (prop::sample::select(NAMES.to_vec()), prop::collection::vec(inner, 0..6))
            .prop_map(|(name, children)| format!("<{name}>{}</{name}>", children.concat()))
    })
}

fn any_answer() -> impl Strategy<Value = (u16, String)> {
    let status = prop::sample::select(vec![
        200_u16, 200, 200, 200, 201, 204, 400, 401, 403, 404, 413, 418, 429, 500, 503,
    ]);
    let body = prop_oneof![
        6 => any_xml(),
        1 => "\\PC{0,40}",
        1 => any_xml().prop_map(|text| text.chars().take(text.chars().count() / 2).collect()),
        1 => Just(format!("<!DOCTYPE a [<!ENTITY b \"{}\">]><a>&b;&b;</a>", "c".repeat(99))),
        1 => Just("<a>".repeat(2_000)),
    ];
    (status, body)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_is_too_strange(answers in prop::collection::vec(any_answer(), 1..8), own in any::<bool>()) {
        let server = Server::start(Arc::new(Strange { answers, next: Mutex::default() }));
        let mut bench = Bench::new().with("url", format!("{}api", server.url())).with("call_interval", "0 s");
        bench.spaced = Spaced::Not;
        if own {
            bench = bench.with("users", "own");
        }
        let mut delivery = bench.delivery("one", "1");
        delivery.external_ids.insert("labarchives_eln".into(), "77|ada==".into());
        let (plugin, call) = (bench.plugin(), bench.call());
        if let Err(error) = plugin.find(&call, &delivery) {
            prop_assert_eq!(error.effect, Effect::None);
        }
        if let Err(error) = plugin.deliver(&call, &delivery) {
            let waits = matches!(error.class, FailureClass::Auth | FailureClass::Permanent);
            prop_assert!(waits || !error.message.is_empty());
        }
        prop_assert!(!plugin.check(&call).unwrap().items.is_empty());
        let _ = plugin.run_action(&call, "notebooks", &json!({}));
        let _ = plugin.run_action(&call, "enrol", &json!({"user": "a", "email": "a@b.c", "token": "planted-t"}));
    }
}
