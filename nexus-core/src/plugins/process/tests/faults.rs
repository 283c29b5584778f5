//! Whatever goes wrong costs one call, and says what it was.

use nexus_plugin_api::message::MAX_MESSAGE;
use nexus_plugin_api::{Effect, FailureClass};

use super::*;

/// The first `deliver` of a plugin that goes wrong once; the second works.
fn once(fault: &str) -> PluginError {
    let body =
        format!("def fault(r):\n    {fault}\ndef answer(r): reply(r, 1) if note('calls') else fault(r)");
    let bench = Bench::new(&body);
    let wire = bench.wire();
    let error = bench.ask(&*wire, Method::Deliver).unwrap_err();
    assert_eq!(error.effect, Effect::Maybe, "{error}");
    assert!(error.message.starts_with("plugin `shaky` (python3 shaky.py) "), "{error}");
    assert_eq!(bench.noted("calls"), 1, "`deliver` is never sent twice");
    assert_eq!(bench.ask(&*wire, Method::Deliver).unwrap(), 1);
    error
}

#[test]
fn lines_that_are_no_replies() {
    for (fault, told) in [
        ("say('hello')", "answered `deliver` with something unusable: it is no reply: `hello`"),
        ("say('')", "it is an empty line"),
        ("say('{\"id\": 7, \"ok\": ')", "it is no reply: `{\"id\": 7, \"ok\": `"),
        ("print('progress: 10%', flush=True); reply(r, 1)", "it is no reply: `progress: 10%`"),
        ("say(json.dumps({'id': 8, 'ok': 1}))", "it answers request 8, not 7"),
        (
            "sys.stdout.buffer.write(b'{\"id\": 7, \"ok\": \"\\xff\"}\\n'); sys.stdout.flush()",
            "it is not UTF-8 (at byte 17)",
        ),
    ] {
        let error = once(fault);
        assert!(error.message.contains(told), "{error}");
        assert_eq!(error.class, FailureClass::Permanent);
    }
    let error = once("say('{\"ok\": 1}')");
    assert!(
        error.message.contains("it is an object without an `id`, and no log line: `{\"ok\": 1}`"),
        "{error}"
    );
    assert!(error.hint.unwrap().contains("repeats the `id`"));
    assert!(once("say('x')").hint.unwrap().contains("diagnostics belong on standard error"));
}

#[test]
fn a_line_that_never_ends() {
    let error = once("\n    while True: sys.stdout.buffer.write(b'x' * 65536)");
    assert!(error.message.contains(&format!("it has more than the {MAX_MESSAGE} bytes")), "{error}");
}

#[test]
fn a_flood_of_log_lines() {
    // Many, and long ones.
    for text in ["'x'", "'x' * 65536"] {
        let line = format!("json.dumps({{'log': {{'level': 'info', 'message': {text}}}}})");
        let error = once(&format!("\n    while True: say({line})"));
        let told = "answered `deliver` with something unusable: it wrote more than 10000 log lines, or more than 16 MiB";
        assert!(error.message.contains(told), "{error}");
        assert_eq!(error.class, FailureClass::Permanent);
    }
}

#[test]
fn as_many_log_lines_as_a_call_may_write() {
    let bench = Bench::new(
        "def answer(r):\n    for _ in range(10_000): say('{\"log\": {\"level\": \"debug\", \"message\": \"x\"}}')\n    reply(r, 1)",
    );
    let wire = bench.wire();
    // Each call has as many.
    for _ in 0..2 {
        bench.ask(&*wire, Method::Find).unwrap();
    }
    assert_eq!(bench.heard.lock().unwrap().len(), 20_000);
}

#[test]
fn ways_to_die() {
    for (fault, told) in [
        ("sys.exit(3)", "ended with exit code 3 in `deliver`"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by signal 11 (segmentation fault) in `deliver`"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by signal 9"),
        ("os.abort()", "was killed by signal 6 (abort)"),
        ("os.close(1); signal.pause()", "closed its standard output and was killed in `deliver`"),
        (
            "raise ValueError('the sample is gone')",
            "ended with exit code 1 in `deliver`; the last line on its standard error: `ValueError: the sample is gone`",
        ),
    ] {
        let error = once(fault);
        assert!(error.message.contains(told), "{error}");
        assert_eq!(error.class, FailureClass::Transient);
    }
}

#[test]
fn one_that_ends_too_early_is_told_when_to_end() {
    assert!(once("sys.exit()").hint.unwrap().contains("ends when its input ends"));
    assert_eq!(once("sys.exit(3)").hint, None);
}

#[test]
fn questions_are_put_once_more_after_a_death() {
    let bench = Bench::new("def answer(r): reply(r, 1) if note('calls') else sys.exit(3)");
    assert_eq!(bench.ask(&*bench.wire(), Method::Find).unwrap(), 1);
    assert_eq!(bench.noted("calls"), 2);

    let bench = Bench::new("def answer(r): note('calls'); sys.exit(3)");
    let error = bench.ask(&*bench.wire(), Method::Find).unwrap_err();
    assert_eq!((error.effect, bench.noted("calls")), (Effect::None, 2));

    let bench = Bench::new("def answer(r): note('calls'); say('hello')");
    let error = bench.ask(&*bench.wire(), Method::Find).unwrap_err();
    assert_eq!((error.effect, bench.noted("calls")), (Effect::None, 1));
}

#[test]
fn one_that_died_between_two_calls_costs_nothing() {
    // The first process ends as soon as it has answered, or says something more.
    for (more, told) in [
        ("os._exit(0)", "Warn plugin `shaky` (python3 shaky.py) ended with exit code 0 between two calls"),
        (
            "say('bye')",
            "Warn plugin `shaky` (python3 shaky.py) wrote `bye`, which nobody had asked for, between two calls",
        ),
    ] {
        let bench = Bench::new(&format!(
            "first = not note('starts')\ndef answer(r):\n    reply(r, os.getpid())\n    if first:\n        \
             open('pid', 'w').write(str(os.getpid()))\n        os.close(2)\n        {more}"
        ));
        let wire = bench.wire();
        bench.ask(&*wire, Method::Deliver).unwrap();
        until("it ended", || {
            bench.noted("pid") > 0 && (more.starts_with("say") || has_ended(&bench.path("pid")))
        });
        let mut between = true;
        if more.starts_with("say") {
            // What it says more may be seen in the next call; then that one is lost, and no other.
            between = bench.ask(&*wire, Method::Find).is_ok();
        }
        bench.ask(&*wire, Method::Deliver).unwrap();
        assert_eq!(bench.noted("starts"), 2);
        let heard = bench.heard.lock().unwrap().clone();
        assert!(!between || heard.iter().any(|line| line == told), "{heard:?}");
    }
}

#[test]
fn a_request_that_is_not_read_does_not_block() {
    let bench = Bench::new("def configure(r):\n    reply(r, {})\n    signal.pause()");
    let wire = bench.wire();
    let request =
        message::request(7, Method::Find, &serde_json::json!({"text": "x".repeat(4 << 20)})).unwrap();
    let error = wire.exchange(&bench.call(Duration::from_millis(100)), Method::Find, &request).unwrap_err();
    assert!(error.message.contains("did not answer `find` within"), "{error}");
}

#[test]
fn a_large_request_and_a_large_reply_pass() {
    let bench = Bench::new(
        "def answer(r): say(json.dumps({'log': {'level': 'debug', 'message': 'x'}})); reply(r, r['params'])",
    );
    let wire = bench.wire();
    let params = serde_json::json!({"text": "é".repeat(4 << 20)});
    let request = message::request(7, Method::Find, &params).unwrap();
    let reply = wire.exchange(&bench.call(Duration::from_mins(1)), Method::Find, &request).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&reply).unwrap()["ok"], params);
    assert_eq!(*bench.heard.lock().unwrap(), ["Debug x"]);
}

#[test]
fn ten_megabytes_of_diagnostics_block_nobody() {
    let bench = Bench::new(
        "def answer(r):\n    for _ in range(10_000): sys.stderr.write('y' * 1048 + '\\n')\n    sys.stderr.flush()\n    reply(r, 1)",
    );
    let wire = bench.wire();
    bench.ask(&*wire, Method::Find).unwrap();
    drop(wire);
    until("every line is heard", || bench.heard.lock().unwrap().len() >= 10_000);
    assert!(bench.heard.lock().unwrap().iter().all(|line| line.starts_with("Info yyy")));
}

#[test]
fn an_endless_loop_is_killed_at_the_deadline() {
    let bench = Bench::new("def answer(r):\n    while True: pass\nopen('pid', 'w').write(str(os.getpid()))");
    let wire = bench.wire();
    let error = ask(&*wire, Method::Find, &bench.call(Duration::from_millis(50))).unwrap_err();
    assert_eq!((error.class, error.effect), (FailureClass::Transient, Effect::None));
    assert!(error.message.contains("did not answer `find` within"), "{error}");
    assert!(has_ended(&bench.path("pid")));
}

#[test]
fn descendants_go_with_their_process() {
    for escape in ["", ", start_new_session=True"] {
        let bench = Bench::new(&format!(
            "def answer(r):\n    child = subprocess.Popen(['sleep', '1000'], stdin=subprocess.DEVNULL, \
             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL{escape})\n    \
             open('pid', 'w').write(str(child.pid))\n    sys.exit(1)"
        ));
        bench.ask(&*bench.wire(), Method::Deliver).unwrap_err();
        assert!(has_ended(&bench.path("pid")), "{escape}");
    }
}

#[test]
fn a_descendant_that_takes_long_to_end_is_waited_for() {
    // The system shows nothing of a process while it takes back its memory, and that takes the longer the more there is.
    let large = "import time; x = b'x' * (1 << 28); open('ready', 'w').write('x'); time.sleep(1000)";
    for escape in ["", ", start_new_session=True"] {
        let bench = Bench::new(&format!(
            "def answer(r):\n    child = subprocess.Popen([sys.executable, '-c', {large:?}], \
             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL{escape})\n    \
             open('pid', 'w').write(str(child.pid))\n    \
             while not os.path.exists('ready'): time.sleep(0.01)\n    sys.exit(1)"
        ));
        bench.ask(&*bench.wire(), Method::Deliver).unwrap_err();
        assert!(has_ended(&bench.path("pid")), "{escape}");
    }
}

#[test]
fn one_that_dies_and_leaves_its_output_to_another_is_not_waited_for() {
    // The other one holds all three pipes, as a program does that was started in the background of a shell.
    let body = |end: &str| {
        format!(
            "def answer(r):\n    child = subprocess.Popen(['sleep', '1000'])\n    \
             open('pid', 'w').write(str(child.pid))\n    {end}"
        )
    };
    let bench = Bench::new(&body("sys.exit(3)"));
    // Whoever waits for the output waits until the deadline.
    let error = bench.ask(&*bench.wire(), Method::Deliver).unwrap_err();
    assert!(error.message.contains("ended with exit code 3 in `deliver`"), "{error}");
    assert_eq!(error.effect, Effect::Maybe);
    assert!(has_ended(&bench.path("pid")));

    // What it said before is heard.
    let bench = Bench::new(&body("reply(r, 1); os._exit(0)"));
    assert_eq!(bench.ask(&*bench.wire(), Method::Deliver).unwrap(), 1);
}

#[test]
fn one_that_dies_again_and_again_is_started_ever_more_slowly() {
    let bench = Bench::new("def answer(r): note('calls'); sys.exit(3)");
    let wire = bench.wire();
    let error = ask(&*wire, Method::Deliver, &bench.call(Duration::from_mins(1))).unwrap_err();
    assert!(error.message.contains("exit code 3"), "{error}");
    // No time for the pause: it is not asked, and that is certain.
    let error = ask(&*wire, Method::Deliver, &bench.call(Duration::ZERO)).unwrap_err();
    assert!(error.message.contains("was not asked: it died again and again"), "{error}");
    assert_eq!((error.effect, bench.noted("calls")), (Effect::None, 1));
}
