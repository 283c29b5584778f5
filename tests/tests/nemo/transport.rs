//! Statuses, faults, redirects, and what `check` says of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nexus_plugin_api::{Call, CheckResult, FailureClass, PluginError};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::{Request, Response, Server, Service};
use serde_json::{Value, json};

use super::bench::{Bench, event};

fn failed(bench: &Bench) -> PluginError {
    bench.harvest(&bench.question(&[1], None)).unwrap_err()
}

#[test]
fn what_passes_is_tried_again() {
    for fault in [
        Fault::Html(502),
        Fault::Html(503),
        Fault::Html(504),
        Fault::DropBefore,
        Fault::Garbage,
        Fault::Truncate,
    ] {
        let bench = Bench::new();
        bench.nemo.put_event(event(1, 1));
        bench.nemo.server.fail(Rule::on("/api/usage_events/", fault.clone()).times(2));
        assert_eq!(bench.first(&[1]).ids(), [1], "{fault:?}");
        let waited = bench.pause.waited.lock().unwrap().clone();
        assert_eq!(waited, [Duration::from_secs(1), Duration::from_secs(2)], "{fault:?}");
    }
}

#[test]
fn what_does_not_pass_ends_with_its_class() {
    let transient = FailureClass::Transient;
    for (fault, class, tries, said) in [
        (Fault::Html(503), transient, 5, "is not available for the moment (503)"),
        (Fault::DropBefore, transient, 5, "no answer from"),
        (Fault::Html(500), transient, 1, "failed (500: a web page)"),
        (Fault::Html(404), FailureClass::Permanent, 1, "there is nothing at"),
        (
            Fault::Html(200),
            FailureClass::Permanent,
            1,
            "answered with text/html; charset=utf-8 instead of JSON",
        ),
        (Fault::Json(200, "7".into()), FailureClass::Permanent, 1, "neither a list nor a page"),
        (
            Fault::Json(400, r#"{"end__gte": ["Enter a valid date/time."]}"#.into()),
            FailureClass::Permanent,
            1,
            "Enter a valid date/time.",
        ),
        (
            Fault::Json(401, r#"{"detail": "Invalid token."}"#.into()),
            FailureClass::Auth,
            1,
            "does not accept the token (401: Invalid token.)",
        ),
        (Fault::Html(403), FailureClass::Auth, 1, "does not accept the token (403: a web page)"),
    ] {
        let bench = Bench::new();
        bench.nemo.server.fail(Rule::on("/api/usage_events/", fault.clone()));
        let error = failed(&bench);
        assert!(error.message.contains(said), "{fault:?}: {error}");
        assert_eq!(error.class, class, "{fault:?}: {error:?}");
        assert_eq!(bench.requests(), tries, "{fault:?}");
    }
}

/// The answer to a request, by its number from 1.
type Answer = dyn Fn(usize, &Request) -> Response + Send + Sync;

/// Answers every request alike and remembers it.
struct Scripted {
    seen: Mutex<Vec<Request>>,
    answer: Box<Answer>,
}

impl Service for Scripted {
    fn handle(&self, request: &Request) -> Response {
        let mut seen = self.seen.lock().unwrap();
        seen.push(request.clone());
        (self.answer)(seen.len(), request)
    }
}

fn scripted(
    answer: impl Fn(usize, &Request) -> Response + Send + Sync + 'static,
) -> (Server, Arc<Scripted>, Bench) {
    let service = Arc::new(Scripted { seen: Mutex::default(), answer: Box::new(answer) });
    let server = Server::start(Arc::<Scripted>::clone(&service));
    let mut bench = Bench::new();
    bench.settings["address"] = json!(format!("{}api/", server.url()));
    (server, service, bench)
}

fn question(bench: &Bench) -> nexus_plugin_api::HarvestRequest {
    let mut request = bench.question(&[1], None);
    let address = bench.settings["address"].as_str().unwrap();
    request.instruments[0].instrument.api_url = format!("{address}tools/?id=1");
    request
}

#[test]
fn the_token_goes_to_the_configured_origin_only() {
    let elsewhere = Bench::new();
    let target = elsewhere.nemo.api();
    let (_server, _, bench) = scripted(move |_, request| {
        let target = format!("{target}{}", request.path.trim_start_matches("/api/"));
        Response::json(302, &Value::Null).with_header("Location", target)
    });
    let error = bench.harvest(&question(&bench)).unwrap_err();
    assert!(error.message.contains("sends elsewhere: to http://127.0.0.1:"), "{error}");
    assert!(error.hint.unwrap().contains("set `address`"));
    assert_eq!(elsewhere.requests(), 0);
}

#[test]
fn a_redirect_on_the_origin_is_followed_with_the_token() {
    let (_server, service, bench) = scripted(|_, request| {
        if request.path.starts_with("/api/") {
            let to = request.path.replacen("/api/", "/moved/", 1);
            return Response::json(301, &Value::Null).with_header("Location", to);
        }
        Response::json(200, &json!([]))
    });
    assert!(bench.harvest(&question(&bench)).is_ok());
    let seen = service.seen.lock().unwrap();
    assert!(seen.iter().all(|request| request.header("authorization").is_some()));
    assert!(seen.iter().any(|request| request.path == "/moved/usage_events/"));
}

#[test]
fn redirects_in_a_circle_end() {
    let (_server, service, bench) = scripted(|_, request| {
        Response::json(301, &Value::Null).with_header("Location", request.path.clone())
    });
    assert!(bench.harvest(&question(&bench)).is_err());
    assert!(service.seen.lock().unwrap().len() < 10);
}

#[test]
fn a_page_is_asked_of_the_configured_address_whatever_the_server_calls_itself() {
    let (_server, service, bench) = scripted(|_, request| {
        let row = |id: u64| json!({"id": id, "start": "2026-05-04T13:00:00Z", "end": "2026-05-04T14:00:00Z", "tool": 1, "user": {"id": 3, "username": "k.ito"}});
        match (request.path.as_str(), request.parameter("end__isnull"), request.parameter("page")) {
            ("/api/usage_events/", Some(_), _) => Response::json(200, &json!([])),
            ("/api/usage_events/", None, None) => Response::json(
                200,
                &json!({
                    "count": 3, "results": [row(1), row(2)],
                    "next": "http://internal.example.org:8000/api/usage_events/?page=2&page_size=2&tool_id__in=1",
                }),
            ),
            // The order is not settled: a row comes twice.
            ("/api/usage_events/", None, Some("2")) => {
                Response::json(200, &json!({"count": 3, "next": null, "results": [row(2), row(3)]}))
            }
            _ => Response::html(404),
        }
    });
    // The page of all tools was not the whole list, so the instruments' tools are asked for alone.
    assert_eq!(bench.harvest(&question(&bench)).unwrap().ids(), [1, 2, 3]);
    assert!(service.seen.lock().unwrap().iter().any(|request| request.parameter("page") == Some("2")));
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    for (after, waited) in [("7", 7), ("Sun, 01 Nov 2026 00:00:30 GMT", 30)] {
        let (_server, _, bench) = scripted(move |number, _| {
            let pause = Response::json(429, &json!({"detail": "throttled"}))
                .with_header("Retry-After", after.to_owned());
            if number == 1 { pause } else { Response::json(200, &json!([])) }
        });
        bench.harvest(&question(&bench)).unwrap();
        assert_eq!(*bench.pause.waited.lock().unwrap(), [Duration::from_secs(waited)]);
    }
    let (_server, _, bench) =
        scripted(|_, _| Response::json(503, &Value::Null).with_header("Retry-After", "3600".to_owned()));
    let error = bench.harvest(&question(&bench)).unwrap_err();
    let until = Some("2026-11-01T01:00:00Z".parse().unwrap());
    assert_eq!(error.class, FailureClass::RateLimited { until }, "an hour is not waited for in a call");
    assert!(bench.pause.waited.lock().unwrap().is_empty());
}

#[test]
fn rows_that_are_not_expanded_have_their_people_asked_for_at_once() {
    let (_server, service, bench) = scripted(|_, request| {
        match (request.path.as_str(), request.parameter("end__isnull")) {
            ("/api/usage_events/", None) => Response::json(
                200,
                &json!([
                    {"id": 1, "start": "2026-05-04T13:00:00Z", "end": "2026-05-04T14:00:00Z", "tool": 1, "user": 3},
                    {"id": 2, "start": "2026-05-04T15:00:00Z", "end": "2026-05-04T16:00:00Z", "tool": 1, "user": 4},
                ]),
            ),
            ("/api/users/", _) => {
                Response::json(200, &json!([{"id": 3, "username": "a"}, {"id": 4, "username": "b"}]))
            }
            _ => Response::json(200, &json!([])),
        }
    });
    let harvest = bench.harvest(&question(&bench)).unwrap();
    let users: Vec<_> = harvest.events().iter().map(|event| event.user.clone().unwrap()).collect();
    assert_eq!(users, ["a", "b"]);
    let seen = service.seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|request| request.path == "/api/users/").count(), 1);
}

#[test]
fn a_call_that_is_over_asks_nothing() {
    let bench = Bench::new();
    let call = Call::unlimited("/nowhere");
    call.cancel.cancel();
    let error = bench.plugin().harvest(&call, &bench.question(&[1], None)).unwrap_err();
    assert_eq!(error.class, FailureClass::Transient);
    assert_eq!(bench.requests(), 0);
}

/// What `check` says: name, result, detail.
fn checked(bench: &Bench) -> Vec<(String, CheckResult, String)> {
    let report = bench.plugin().check(&Call::unlimited("/nowhere")).unwrap();
    report.items.into_iter().map(|item| (item.name, item.result, item.detail)).collect()
}

fn said(bench: &Bench, name: &str) -> (CheckResult, String) {
    let items = checked(bench);
    let item = items.iter().find(|item| item.0 == name).unwrap_or_else(|| panic!("{name}: {items:?}"));
    (item.1, item.2.clone())
}

#[test]
fn a_check_tells_address_token_and_rights_apart() {
    let bench = Bench::new();
    bench.nemo.put_event(event(1, 1));
    let items = checked(&bench);
    assert!(items.iter().all(|item| item.1 == CheckResult::Ok), "{items:?}");
    assert_eq!(said(&bench, "times").1, "`2026-05-04T11:00:00-04:00` is 2026-05-04T11:00:00-04:00");
    assert_eq!(said(&bench, "version").1, "8.1.5");
    assert!(bench.requests() > 0);

    for status in [401, 403] {
        let bench = Bench::new().with("token", json!("ffffffff"));
        bench.nemo.answer_unauthorized_with(status);
        let (result, detail) = said(&bench, "token accepted");
        assert!(
            result == CheckResult::Failed
                && detail.contains("Invalid token")
                && detail.contains("set `token`"),
            "{detail}"
        );
        assert!(!detail.contains("ffffffff"));
        assert_eq!(said(&bench, "server reachable").0, CheckResult::Ok);
    }

    let bench = Bench::new();
    bench.nemo.forbid("reservations");
    bench.nemo.forbid("users");
    let (result, detail) = said(&bench, "right to view reservations");
    assert!(result == CheckResult::Failed && detail.contains("NEMO.view_reservation"), "{detail}");
    assert_eq!(
        said(&bench, "right to view users").0,
        CheckResult::Warning,
        "expanded rows need no such right"
    );
    assert_eq!(said(&bench, "token accepted").0, CheckResult::Ok);

    let bench = Bench::new();
    let bench = {
        let site = bench.nemo.server.url();
        bench.with("address", json!(site))
    };
    let (result, detail) = said(&bench, "address is a NEMO API");
    assert!(result == CheckResult::Failed && detail.contains("/api/"), "{detail}");

    let bench = Bench::new().with("address", json!("http://127.0.0.1:1/api/"));
    let (result, detail) = said(&bench, "server reachable");
    assert!(result == CheckResult::Failed && detail.contains("is `address` right"), "{detail}");
}

#[test]
fn a_harvest_says_which_right_is_missing() {
    let bench = Bench::new();
    bench.nemo.forbid("usage_events");
    let error = failed(&bench);
    assert_eq!(error.class, FailureClass::Auth);
    assert!(error.hint.unwrap().contains("view_usageevent"));
    // Without the right to view tools a harvest works; what is silent cannot be told from what is gone.
    let bench = Bench::new();
    bench.nemo.forbid("tools");
    bench.nemo.put_event(event(1, 1));
    bench.nemo.put_event(event(2, 2));
    let harvest = bench.first(&[1]);
    assert_eq!((harvest.ids().as_slice(), harvest.outside().as_slice()), (&[1][..], &[("tool 2", 1)][..]));
}

#[test]
fn a_certificate_file_must_hold_certificates() {
    use nexus_plugin_api::Plugin as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let create = || {
        let settings = json!({"address": "https://nemo.example.org/api/", "token": "abc", "ca_bundle": path});
        nexus_plugin_nemo::Nemo.create(&settings).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert!(create().contains("failed to read `ca_bundle`"));
    std::fs::write(&path, "no certificate").unwrap();
    assert!(create().contains("holds no certificate"));
}
