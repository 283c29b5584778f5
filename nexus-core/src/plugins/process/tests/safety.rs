//! Who may be started, what it is told, and what is not shown.

use super::*;
use crate::record::sha256_hex;
use crate::secret::Secret;

fn refused(bench: &Bench) -> String {
    bench.plugin().err().map(|error| crate::causes::with_causes(&error)).unwrap()
}

#[test]
fn a_manifest_that_cannot_be_used_says_why() {
    for (body, told) in [
        (
            "sys.exit(2)",
            "plugin program `python3 shaky.py` gave no usable manifest: it ended with exit code 2 in `manifest`",
        ),
        ("import nothing_of_this_name", "`ModuleNotFoundError: No module named 'nothing_of_this_name'`"),
        ("print('welcome')", "it is no reply: `welcome`; standard output is for replies only"),
        (
            "def manifest(r): reply(r, {'name': 'x'})",
            "it does not have the form of an answer: missing field `version`",
        ),
        (
            "def manifest(r): reply(r, {'name': 'x', 'version': '1', 'kind': 'destination', 'protocol': '2.0'})",
            "it speaks protocol 2.0, this program speaks 1.0",
        ),
        (
            "def manifest(r): reply(r, {'name': 'X Y', 'version': '1', 'kind': 'destination', 'protocol': '1.0'})",
            "calls itself `X Y`",
        ),
        (
            "def manifest(r): say(json.dumps({'id': r['id'], 'unsupported': True}))",
            "does not know the method `manifest`",
        ),
    ] {
        let error = refused(&Bench::new(body));
        assert!(error.contains(told) && error.contains("python3 shaky.py"), "{error}");
    }
}

#[test]
fn one_that_keeps_its_reply_to_itself_is_told_about_buffers() {
    let mut bench = Bench::new("def manifest(r): signal.pause()");
    bench.limits.ask = Duration::from_millis(50);
    let error = refused(&bench);
    assert!(error.contains("did not answer `manifest` within") && error.contains("does it flush"), "{error}");
}

#[test]
fn newer_fields_are_ignored() {
    let bench = Bench::new(
        "def manifest(r): say(json.dumps({'took_ms': 3, 'id': r['id'], 'ok': {'name': 'shaky', 'version': '1', \
         'kind': 'destination', 'protocol': '1.7', 'colour': {'deep': [1]}}, 'more': None}))",
    );
    bench.ask(&*bench.wire(), Method::Check).unwrap();
}

#[test]
fn a_plugin_that_becomes_another_is_not_used() {
    let bench = Bench::new(
        "first = not note('starts')\nif not first:\n    def manifest(r): reply(r, {'name': 'other', 'version': '1', \
         'kind': 'destination', 'protocol': '1.0'})\ndef answer(r): sys.exit(1)",
    );
    let wire = bench.wire();
    let error = bench.ask(&*wire, Method::Find).unwrap_err();
    assert!(error.message.contains("by now it is `other` (destination)"), "{error}");
}

#[test]
fn a_pinned_script_that_changes_is_not_started_again() {
    let bench = Bench::new("def answer(r): sys.exit(1)");
    let words = ["python3", "shaky.py"].map(str::to_owned);
    let pin = sha256_hex(&fs::read(bench.path("shaky.py")).unwrap());
    let launch = Launch::command("bench", &words, &bench.surroundings, bench.limits).unwrap();
    let plugin = ProcessPlugin::start(launch.with_pin(Some(&pin))).unwrap();
    let wire = plugin.connect(&serde_json::json!({})).unwrap();
    fs::write(bench.path("shaky.py"), "print()").unwrap();
    let error = bench.ask(&*wire, Method::Find).unwrap_err();
    assert!(error.message.contains("could not be started again") && error.message.contains(&pin), "{error}");
    let launch = Launch::command("bench", &words, &bench.surroundings, bench.limits).unwrap();
    assert!(matches!(ProcessPlugin::start(launch.with_pin(Some(&pin))), Err(StartError::File(_))));
}

#[test]
fn secrets_are_shown_nowhere() {
    let bench = Bench::new(
        "def answer(r):\n    say(json.dumps({'log': {'level': 'warn', 'message': 'logged hunter2'}}))\n    \
         sys.stderr.write('written hunter2\\n' + 'x' * 16380 + 'hunter2 and the rest\\n')\n    \
         sys.exit('died of hunter2')\n\
         def configure(r):\n    reply(r, {})\n    sys.stderr.write('configured hunter2\\n')",
    );
    bench.surroundings.redactor.learn(&Secret::new("hunter2"));
    let wire = bench.wire();
    let error = bench.ask(&*wire, Method::Deliver).unwrap_err();
    assert!(error.message.ends_with("`died of ***`"), "{error}");
    let heard = bench.heard.lock().unwrap().clone();
    for line in ["Info configured ***", "Warn logged ***", "Info written ***"] {
        assert!(heard.contains(&line.to_owned()), "{heard:?}");
    }
    assert!(!heard.iter().any(|line| line.contains("hunt")), "{heard:?}");

    let bench = Bench::new("def answer(r): say('x' * 195 + 'hunter2')");
    bench.surroundings.redactor.learn(&Secret::new("hunter2"));
    let error = bench.ask(&*bench.wire(), Method::Deliver).unwrap_err();
    assert!(error.message.contains("xxx***") && !error.message.contains("hunt"), "{error}");
}

#[test]
fn variables_that_hold_secrets_are_not_inherited() {
    let mut bench = Bench::new("def answer(r): reply(r, sorted(os.environ))");
    let name =
        std::env::vars().map(|(name, _)| name).find(|name| name != "PATH" && name != "LC_CTYPE").unwrap();
    let inherited = |bench: &Bench| bench.ask(&*bench.wire(), Method::Check).unwrap().to_string();
    assert!(inherited(&bench).contains(&format!("\"{name}\"")));
    bench.surroundings.without = vec![name.clone()];
    let names = inherited(&bench);
    assert!(!names.contains(&format!("\"{name}\"")) && names.contains("\"PATH\""), "{names}");
}

#[test]
fn a_program_that_cannot_be_started_says_what_is_missing() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new("");
    let mut elf = fs::read("/bin/sh").unwrap();
    let loader = elf.windows(8).position(|bytes| bytes.starts_with(b"/lib")).unwrap();
    elf[loader + 1] = b'X';
    for (text, told) in [
        (&b"#!/usr/bin/python3\r\nprint(1)\r\n"[..], "its lines end as those of Windows do"),
        (b"#! /opt/no/python -u\n", "not the interpreter `/opt/no/python` that its first line names"),
        (b"print(1)\n", "a script whose first line names no interpreter"),
        (&elf, "not the loader it was built for"),
    ] {
        let program = bench.path("program");
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let launch =
            Launch::command("x", &["./program".to_owned()], &bench.surroundings, bench.limits).unwrap();
        let Err(error) = ProcessPlugin::start(launch) else { panic!("it was started") };
        assert!(error.to_string().contains(told), "{error} should say {told}");
    }
}
