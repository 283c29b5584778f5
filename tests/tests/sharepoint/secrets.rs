//! What was planted is nowhere but in requests: no password, no token, no assertion.

use nexus_tests::fake_sharepoint::{Door, PASSWORD, SECRET, TOKEN, TOKEN_BEGINS};
use nexus_tests::fault::{Fault, Rule};
use nexus_tests::http::Response;
use nexus_tests::lab::tree;
use nexus_tests::nexus_bin;
use serde_json::json;

use super::bench::{BOTH, Bench, item, on_day};
use super::facility::{Site, Source};
use super::signin::{entering, ways};

/// What must be nowhere: also as it stands in a header or a form, and the beginning of every JWT.
fn planted() -> Vec<String> {
    use base64::Engine as _;
    let user = nexus_tests::fake_sharepoint::USER;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{PASSWORD}"));
    let encoded = SECRET
        .replace('~', "%7E")
        .replace('/', "%2F")
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('&', "%26");
    let key = std::fs::read_to_string(super::signin::data("client.key")).unwrap();
    let of_key = key.lines().nth(3).unwrap().to_owned();
    let mut all =
        vec![PASSWORD.into(), SECRET.into(), TOKEN.into(), TOKEN_BEGINS.into(), basic, encoded, of_key];
    all.push("eyJhbGci".into());
    all.push("eyJ0eXAi".into());
    all.push("client_assertion=".into());
    all
}

#[track_caller]
fn clean(place: &str, text: &str) {
    for secret in planted() {
        assert!(!text.contains(&secret), "{place} holds {secret}: {text}");
    }
}

#[test]
fn nothing_that_is_logged_answered_or_refused_holds_a_secret() {
    for dialect in BOTH {
        for auth in ways(dialect) {
            let bench = entering(Bench::new(dialect), auth);
            let plugin = bench.plugin();
            let ask = |what: &str| {
                let answers = plugin.reservations(&bench.call(), &[on_day("09:00", "12:00")]);
                clean(what, &format!("{answers:?}"));
                let check = plugin.check(&bench.call());
                clean(what, &format!("{check:?}"));
            };
            ask("an answer");
            for door in [Door::Forbidden, Door::LoginPage, Door::WebPage, Door::Basic, Door::Bearer] {
                bench.site.door(door);
                bench.site.expire_tokens();
                ask("a refusal");
            }
            bench.site.server.fail(Rule::on("/", Fault::DropBefore));
            ask("no answer");
            let logged = bench.logged.lock().unwrap().join("\n");
            assert!(!logged.is_empty());
            clean("the log", &logged);
            for request in bench.site.server.requests() {
                clean("an address", &request.target);
            }
        }
    }
}

#[test]
fn a_run_of_the_program_leaves_no_secret_anywhere() {
    for dialect in BOTH {
        for auth in ways(dialect) {
            let bench = entering(Bench::new(dialect), auth).holding([item(470, "13:30", "16:30")]);
            // The program has the machine's clock.
            bench.site.set_clock(chrono::Utc::now());
            let site = Site::new(bench, Source::Log);
            let log = "id,instrument,user,start,end\n1,TITAN,ada,2025-03-03T14:00:00Z,2025-03-03T16:00:00Z\n\
                       2,SEM,ada,2025-03-03T14:00:00Z,2025-03-03T16:00:00Z\n";
            std::fs::write(site.path("usage.csv"), log).unwrap();
            site.file("TITAN", "image", "2025-03-03T14:30:00Z".parse().unwrap());
            let settings = site.settings().replace(
                "plugin = \"scripted\"",
                "plugin = \"logbook\"\npath = \"usage.csv\"\ninstruments = [\"TITAN\", \"SEM\"]",
            );
            std::fs::write(site.path("nexus.toml"), settings).unwrap();
            let sql = "UPDATE instruments SET harvester = 'logbook'";
            rusqlite::Connection::open(site.path("nexus.db")).unwrap().execute(sql, []).unwrap();
            let run = |words: &[&str]| {
                let output = nexus_bin::nexus(site.folder.path())
                    .args(words)
                    .env("NEXUS_LOG", "trace")
                    .output()
                    .unwrap();
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let (out, err) = (text(&output.stdout), text(&output.stderr));
                clean("what is printed", &out);
                clean("what is printed as errors", &err);
                (out, err)
            };
            let (out, err) = run(&["run", "-vv"]);
            assert_eq!(site.delivered(), 1, "{auth} {dialect:?}: {out}{err}");
            assert!(err.contains("plugin=calendar"), "{err}");
            run(&["config", "show"]);
            run(&["config", "check"]);
            site.bench.site.door(Door::Forbidden);
            run(&["run", "-vv"]);
            // A server that repeats what it was told.
            let told = match *auth {
                "client_secret" => SECRET,
                "basic" => PASSWORD,
                _ => TOKEN,
            };
            let echo = format!("not accepted: {told}");
            let body = json!({
                "error": "invalid_client", "error_description": echo,
                "odata.error": {"code": "-1", "message": {"lang": "en-US", "value": echo}},
            });
            if *auth != "none" && *auth != "client_certificate" {
                site.bench.site.server.fail(Rule::on("/", Fault::Answer(Response::json(401, &body))));
            }
            run(&["run", "-vv"]);
            run(&["config", "check"]);
            for (path, bytes) in tree(site.folder.path()) {
                if path.file_name().unwrap() != "nexus.toml" {
                    clean(&path.display().to_string(), &String::from_utf8_lossy(&bytes));
                }
            }
        }
    }
}
