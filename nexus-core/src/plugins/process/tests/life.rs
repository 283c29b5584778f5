//! A process is started, asked, kept, asked to stop, replaced, ended.

use std::sync::Barrier;

use super::*;

#[test]
fn one_process_is_started_and_kept() {
    let bench = Bench::new("note('starts')");
    let wire = bench.wire();
    let first = bench.ask(&*wire, Method::Deliver).unwrap();
    let second = bench.ask(&*wire, Method::Find).unwrap();
    assert_eq!(first["pid"], second["pid"]);
    assert_eq!(bench.noted("starts"), 1);
    assert_eq!(first["settings"], serde_json::json!({"key": "value"}));
    let request = &first["request"];
    assert_eq!(request["scratch"], bench.path("scratch").to_str().unwrap());
    assert!((50_000..=60_000).contains(&request["deadline_ms"].as_u64().unwrap()), "{request}");
    assert_eq!(request["params"]["text"], "é\n");
}

#[test]
fn it_has_a_group_of_its_own_and_starts_in_the_folder() {
    let bench = Bench::new(
        "def answer(r): reply(r, {'group': os.getpgid(0), 'pid': os.getpid(), 'folder': os.getcwd(), \
         'protocol': os.environ['NEXUS_PLUGIN_PROTOCOL']})",
    );
    let wire = bench.wire();
    let told = bench.ask(&*wire, Method::Check).unwrap();
    assert_eq!(told["group"], told["pid"]);
    assert_eq!(told["folder"], bench.home.path().canonicalize().unwrap().to_str().unwrap());
    assert_eq!(told["protocol"], "1.0");
}

#[test]
fn nobody_is_left_when_the_instance_is_dropped() {
    let bench = Bench::new("open('pid', 'w').write(str(os.getpid()))");
    let wire = bench.wire();
    bench.ask(&*wire, Method::Check).unwrap();
    assert!(!has_ended(&bench.path("pid")));
    drop(wire);
    assert!(has_ended(&bench.path("pid")));
    // Nor of a plugin that nobody made an instance of.
    let plugin = bench.plugin().unwrap();
    assert!(!has_ended(&bench.path("pid")));
    drop(plugin);
    assert!(has_ended(&bench.path("pid")));
}

#[test]
fn an_idle_process_may_end_by_itself_when_it_is_let_go() {
    let bench = Bench::new("import atexit; atexit.register(lambda: note('farewell'))");
    drop(bench.wire());
    assert_eq!(bench.noted("farewell"), 1);
}

#[test]
fn as_many_processes_work_as_are_allowed() {
    let mut bench = Bench::new(
        "def answer(r):\n    with open('gate') as gate: gate.read()\n    reply(r, os.getpid())\nnote('starts')",
    );
    bench.processes = 2;
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.path("gate"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    let wire = bench.wire();
    assert_eq!(bench.noted("starts"), 1, "the second is started when it is needed");
    let begin = Barrier::new(3);
    let pids: Vec<_> = std::thread::scope(|scope| {
        let asking = || {
            begin.wait();
            bench.ask(&*wire, Method::Find).unwrap()
        };
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(asking)).collect();
        // Each opening lets all through that read by then.
        while calls.iter().any(|call| !call.is_finished()) {
            let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
            if bench.noted("starts") == 2 {
                drop(rustix::fs::open(bench.path("gate"), flags, rustix::fs::Mode::empty()));
            }
            std::thread::yield_now();
        }
        calls.into_iter().map(|call| call.join().unwrap().to_string()).collect()
    });
    assert_eq!(bench.noted("starts"), 2);
    assert_eq!(pids.len(), 3);
}

#[test]
fn a_slow_start_is_waited_for() {
    // Slower than any pause or patience of ours, and within what a question may take.
    let bench = Bench::new("for _ in range(3_000_000): pass");
    bench.ask(&*bench.wire(), Method::Check).unwrap();
}

#[test]
fn a_call_that_is_no_longer_wanted_may_end_by_itself() {
    let mut bench = Bench::new(
        "held = []\ndef answer(r):\n    if r['method'] == 'check': return reply(r, os.getpid())\n    held.append(r)\n\
         def cancel(c):\n    assert c == {'cancel': 7}, c\n    \
         say(json.dumps({'id': 7, 'error': {'class': 'transient', 'effect': 'none', 'message': 'stopped'}}))",
    );
    bench.limits.patience = Duration::from_mins(1);
    bench.limits.grace = Duration::from_mins(4);
    let wire = bench.wire();
    let before = bench.ask(&*wire, Method::Check).unwrap();
    let call = bench.call(Duration::from_mins(1));
    call.cancel.cancel();
    let request = message::request(7, Method::Deliver, &serde_json::json!({})).unwrap();
    let reply = wire.exchange(&call, Method::Deliver, &request).unwrap();
    assert!(String::from_utf8(reply).unwrap().contains("stopped"));
    assert_eq!(bench.ask(&*wire, Method::Check).unwrap(), before, "it need not be killed");
}

#[test]
fn a_call_whose_deadline_passes_is_killed_and_the_next_one_works() {
    let bench = Bench::new("def answer(r): reply(r, 1) if note('calls') else signal.pause()");
    let wire = bench.wire();
    let error = ask(&*wire, Method::Deliver, &bench.call(Duration::from_millis(50))).unwrap_err();
    assert!(
        error.message.contains("plugin `shaky` (python3 shaky.py) did not answer `deliver` within"),
        "{error}"
    );
    assert_eq!(error.effect, nexus_plugin_api::Effect::Maybe);
    assert_eq!(error.class, nexus_plugin_api::FailureClass::Transient);
    assert_eq!(bench.ask(&*wire, Method::Deliver).unwrap(), 1);
}

#[test]
fn settings_that_it_refuses_are_refused_at_once() {
    let bench = Bench::new(
        "def configure(r): say(json.dumps({'id': r['id'], 'error': {'class': 'permanent', 'effect': 'none', \
         'message': 'no such folder'}}))",
    );
    let error = bench.plugin().unwrap().connect(&serde_json::json!({})).err().unwrap();
    assert_eq!(error.message, "no such folder");
}

#[test]
fn whom_a_process_leaves_behind_is_told_by_name_and_ended() {
    let starts = |more: &str| {
        format!(
            "def answer(r):\n    child = subprocess.Popen(['sleep', '1000'], stdin=subprocess.DEVNULL, \
             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL{more})\n    \
             open('pid', 'w').write(str(child.pid))\n    reply(r, 1)"
        )
    };
    // In its group, and out of it.
    for more in ["", ", start_new_session=True"] {
        let bench = Bench::new(&starts(more));
        let wire = bench.wire();
        assert!(wire.let_go().is_empty(), "it has started nobody yet");
        bench.ask(&*wire, Method::Find).unwrap();
        assert_eq!(wire.let_go(), ["sleep"]);
        assert!(has_ended(&bench.path("pid")));
        // The next one is started anew, and what it leaves is told in the log of a run.
        bench.ask(&*wire, Method::Find).unwrap();
        drop(wire);
        let told = "Warn plugin `shaky` (python3 shaky.py) ended and left 1 of its processes behind, which were killed: `sleep`";
        assert!(bench.heard.lock().unwrap().iter().any(|line| line == told), "{:?}", bench.heard);
    }
    // Who waits for those it started leaves nobody.
    let bench = Bench::new(&format!("{}\n    child.kill()\n    child.wait()", starts("")));
    let wire = bench.wire();
    bench.ask(&*wire, Method::Find).unwrap();
    assert!(wire.let_go().is_empty());
}
