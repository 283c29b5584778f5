//! What becomes of a request when the other side misbehaves: above all, whether it may have taken effect.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod server;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use nexus_plugin_api::{Call, Cancel, Effect, FailureClass};
use nexus_plugin_http::pause::Pause;
use nexus_plugin_http::{
    Again, Answer, Connection, Http, Method, NoJson, Request, TransportError, Trouble, while_it_helps,
};
use serde_json::json;
use server::{Act, Server, answer};
use url::Url;

/// Waits are noted, not made.
#[derive(Default)]
struct Noted(Mutex<Vec<Duration>>);

impl Pause for Noted {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }

    fn wait(&self, _: &Call, length: Duration) -> bool {
        self.0.lock().unwrap().push(length);
        true
    }
}

fn http(timeout: &str) -> Http {
    let settings = Connection::new("test", None, None, Some(timeout), "60 s").unwrap();
    let mut http = Http::new(&settings, "0", Arc::new(Noted::default())).unwrap();
    http.authorize("Token", "word").unwrap();
    http
}

fn call() -> Call {
    Call::unlimited("/")
}

fn get(http: &Http, url: &Url) -> Result<Answer, TransportError> {
    http.get(&call(), url)
}

fn post(http: &Http, url: &Url) -> Result<Answer, TransportError> {
    http.send(&call(), &Request::new(Method::POST, url).json(&json!({"a": 1})))
}

/// What a question and a request that changes something meet in the same situation.
fn both(acts: impl Fn() -> Vec<Act>, timeout: &str) -> (TransportError, TransportError) {
    let server = Server::start(acts());
    let asked = get(&http(timeout), &server.url).unwrap_err();
    let server = Server::start(acts());
    let sent = post(&http(timeout), &server.url).unwrap_err();
    assert_eq!(asked.effect, Effect::None, "a question changes nothing: {asked}");
    (asked, sent)
}

#[test]
fn an_answer_is_an_answer_whatever_its_status() {
    let server = Server::start(vec![
        Act::answer("200 OK", &["Content-Type: application/json; charset=utf-8"], "{\"a\": [1]}"),
        Act::answer("503 Busy", &["Retry-After: 30", "Content-Type: text/html"], "<html>"),
    ]);
    let http = http("5 s");
    let good = get(&http, &server.url.join("a/?b=c%20d").unwrap()).unwrap();
    assert_eq!((good.status.as_u16(), good.json().unwrap()), (200, json!({"a": [1]})));
    let bad = post(&http, &server.url).unwrap();
    assert_eq!(bad.status.as_u16(), 503);
    assert_eq!(bad.retry_after(DateTime::UNIX_EPOCH).unwrap().length, Duration::from_secs(30));
    assert_eq!(bad.json().unwrap_err(), NoJson::Other { content_type: "text/html".into() });
    let heard = server.heard();
    assert!(heard[0].starts_with("GET /a/?b=c%20d HTTP/1.1\r\n"), "{}", heard[0]);
    assert!(
        heard[1].starts_with("POST / HTTP/1.1\r\n") && heard[1].ends_with("\r\n\r\n{\"a\":1}"),
        "{}",
        heard[1]
    );
    for request in heard {
        let request = request.to_lowercase();
        assert!(request.contains("authorization: token word\r\n"), "{request}");
        assert!(request.contains("user-agent: nexus-test/0\r\n"), "{request}");
    }
}

#[test]
fn where_nobody_listens_nothing_was_sent() {
    let error = post(&http("5 s"), &Server::gone()).unwrap_err();
    assert_eq!((error.trouble, error.effect), (Trouble::Unreachable, Effect::None), "{error}");
    assert!(error.may_pass());
}

#[test]
fn a_connection_that_ends_leaves_a_change_in_doubt() {
    for act in [|| Act::HangUp, || Act::ReadAndHangUp] {
        let (asked, sent) = both(|| vec![act()], "5 s");
        assert_eq!((asked.trouble, sent.trouble), (Trouble::Unreachable, Trouble::Unreachable));
        assert_eq!(sent.effect, Effect::Maybe, "{sent}");
    }
}

#[test]
fn a_change_is_sent_once_also_on_a_connection_that_was_used_before() {
    let kept = || Act::SayAndStay(answer("200 OK", &[], "{}"));
    let server = Server::start(vec![kept(), Act::ReadAndHangUp, kept()]);
    let http = http("5 s");
    get(&http, &server.url).unwrap();
    let error = post(&http, &server.url).unwrap_err();
    assert_eq!(error.effect, Effect::Maybe, "{error}");
    assert_eq!(server.heard().len(), 2);
    // The next request goes on a new one.
    assert!(get(&http, &server.url).is_ok());
}

#[test]
fn silence_is_waited_for_as_long_as_the_settings_or_the_call_allow() {
    let (asked, sent) = both(|| vec![Act::Silence], "50 ms");
    assert_eq!((asked.trouble, sent.trouble, sent.effect), (Trouble::Slow, Trouble::Slow, Effect::Maybe));
    assert_eq!(sent.class(), FailureClass::Transient);

    let server = Server::start(vec![Act::Silence]);
    let deadline = std::time::Instant::now() + Duration::from_millis(50);
    let call = Call::new(Some(deadline), Cancel::new(), "/".into(), Arc::new(|_, _| {}));
    let error = http("1 h").get(&call, &server.url).unwrap_err();
    assert_eq!(error.trouble, Trouble::Slow, "{error}");
    // Nothing is sent when the time is over.
    let error = http("1 h").send(&call, &Request::new(Method::POST, &server.url)).unwrap_err();
    assert_eq!((error.trouble, error.effect), (Trouble::Stopped, Effect::None));
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn a_body_that_does_not_end_as_it_should() {
    let cut = || {
        let mut bytes = answer("200 OK", &["Content-Type: application/json"], "{\"a\": [1, 2, 3]}");
        bytes.truncate(bytes.len() - 4);
        vec![Act::Say(bytes)]
    };
    let (asked, sent) = both(cut, "5 s");
    assert_eq!((asked.trouble, sent.effect), (Trouble::Unreachable, Effect::Maybe), "{asked}");

    let server =
        Server::start(vec![Act::answer("200 OK", &["Content-Type: application/json"], "{\"a\": [1,")]);
    let garbage = get(&http("5 s"), &server.url).unwrap().json().unwrap_err();
    assert!(matches!(garbage, NoJson::Garbage { .. }), "{garbage}");
}

#[test]
fn a_body_that_is_too_long_is_not_read() {
    let long = "x".repeat(2_000);
    let chunked = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n{long}\r\n0\r\n\r\n");
    for bytes in [answer("200 OK", &[], &long), chunked.into_bytes()] {
        for (most, fits) in [(1_999, false), (2_000, true)] {
            let server = Server::start(vec![Act::Say(bytes.clone())]);
            let mut http = http("5 s");
            http.largest_answer = most;
            let answer = post(&http, &server.url);
            if fits {
                assert_eq!(answer.unwrap().body, long.as_bytes());
            } else {
                let error = answer.unwrap_err();
                assert_eq!((error.trouble, error.effect), (Trouble::TooLong, Effect::Maybe), "{error}");
            }
        }
    }
}

#[test]
fn what_is_no_http_is_no_answer() {
    for garbage in [&b"SSH-2.0-OpenSSH_9.6\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"\0\xff\n\n", b""] {
        let (asked, sent) = both(|| vec![Act::Say(garbage.to_vec())], "5 s");
        assert_eq!((asked.trouble, sent.trouble), (Trouble::Unreachable, Trouble::Unreachable), "{asked}");
        assert_eq!(sent.effect, Effect::Maybe, "{sent}");
    }
}

#[test]
fn a_redirect_is_followed_on_the_same_server_and_by_questions_only() {
    let server = Server::start(vec![
        Act::redirect("301 Moved", "/b/?c=1"),
        Act::redirect("307 Moved", "../d"),
        Act::answer("200 OK", &[], "there"),
    ]);
    let answer = get(&http("5 s"), &server.url.join("a").unwrap()).unwrap();
    assert_eq!((answer.body.as_slice(), answer.url), (&b"there"[..], server.url.join("d").unwrap().into()));
    assert_eq!(server.heard().len(), 3);

    for (status, effect) in
        [("302 Found", Effect::None), ("303 See other", Effect::Maybe), ("307 Moved", Effect::None)]
    {
        let server = Server::start(vec![Act::redirect(status, "/there")]);
        let error = post(&http("5 s"), &server.url).unwrap_err();
        assert_eq!((error.trouble, error.effect), (Trouble::Elsewhere, effect), "{error}");
        assert_eq!(server.heard().len(), 1);
    }
}

#[test]
fn credentials_go_nowhere_else() {
    let other = Server::start(vec![Act::answer("200 OK", &[], "{}")]);
    let to = other.url.join("a?secret=1").unwrap();
    let server = Server::start(vec![Act::redirect("302 Found", to.as_str())]);
    let error = get(&http("5 s"), &server.url).unwrap_err();
    assert_eq!((error.trouble, error.class()), (Trouble::Elsewhere, FailureClass::Permanent));
    assert!(
        error.to_string().contains(other.url.as_str()) && !error.to_string().contains("secret"),
        "{error}"
    );
    assert!(other.heard().is_empty());
}

#[test]
fn redirects_that_lead_nowhere_end() {
    let round = || (0..10).map(|_| Act::redirect("302 Found", "/")).collect();
    let server = Server::start(round());
    let error = get(&http("5 s"), &server.url).unwrap_err();
    assert_eq!((error.trouble, server.heard().len()), (Trouble::Elsewhere, 6), "{error}");
    for odd in ["Location:", "X-Other: a", "Location: http://[", "Location: mailto:a@b.example"] {
        let server = Server::start(vec![Act::answer("302 Found", &[odd], "")]);
        assert_eq!(get(&http("5 s"), &server.url).unwrap_err().trouble, Trouble::Elsewhere, "{odd}");
    }
}

#[test]
fn what_may_pass_is_asked_again() {
    let server = Server::start(vec![Act::HangUp, Act::ReadAndHangUp, Act::answer("200 OK", &[], "{}")]);
    let pause = Arc::new(Noted::default());
    let mut http = http("5 s");
    http.pause = pause.clone();
    let again = |error: &TransportError| if error.may_pass() { Again::Soon } else { Again::Never };
    let answer = http.while_it_helps(&call(), again, || get(&http, &server.url));
    assert_eq!(answer.unwrap().status.as_u16(), 200);
    assert_eq!(*pause.0.lock().unwrap(), [Duration::from_secs(1), Duration::from_secs(2)]);
}

/// The pauses in seconds that are made between these answers, and how it ends.
fn tried(answers: Vec<Result<u8, Again>>) -> (Vec<u64>, Result<u8, Again>) {
    let noted = Noted::default();
    let mut answers = answers.into_iter();
    let end = while_it_helps(&call(), &noted, |again| *again, || answers.next().unwrap_or(Err(Again::Soon)));
    (noted.0.into_inner().unwrap().iter().map(Duration::as_secs).collect(), end)
}

#[test]
fn only_what_can_pass_is_asked_again_and_not_for_ever() {
    assert_eq!(tried(vec![Ok(1)]), (vec![], Ok(1)));
    assert_eq!(tried(vec![Err(Again::Never), Ok(1)]), (vec![], Err(Again::Never)));
    assert_eq!(tried(vec![Err(Again::Soon), Ok(1)]), (vec![1], Ok(1)));
    assert_eq!(tried(vec![]), (vec![1, 2, 4, 8], Err(Again::Soon)));
}

#[test]
fn a_wish_is_granted_if_it_is_short() {
    let after = |seconds| Err(Again::After(Duration::from_secs(seconds)));
    assert_eq!(tried(vec![after(30), Ok(1)]), (vec![30], Ok(1)));
    assert_eq!(tried(vec![after(61), Ok(1)]), (vec![], after(61)));
}

#[test]
fn nothing_secret_is_told() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&lines);
    let sink = Arc::new(move |_, line: &str| noted.lock().unwrap().push(line.to_owned()));
    let call = Call::new(None, Cancel::new(), "/".into(), sink);
    let server = Server::start(vec![Act::answer("200 OK", &[], "{}"), Act::HangUp]);
    let http = http("5 s");
    let mut url = server.url.join("a?signature=secret").unwrap();
    url.set_username("ada").unwrap();
    url.set_password(Some("secret")).unwrap();
    http.get(&call, &url).unwrap();
    let error = http.get(&call, &url).unwrap_err();
    let told = format!("{error} {error:?} {:?}", lines.lock().unwrap());
    assert!(told.contains("200 OK") && told.contains("/a"), "{told}");
    assert!(!told.contains("secret") && !told.contains("word"), "{told}");
}
