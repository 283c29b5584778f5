//! `nexus plugin-host`: a library in a process of its own, and what it cannot do to its host.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use common::Sandbox;
use serde_json::{Value, json};

/// How long a process may live before it is killed, which fails its test: none here has a reason to.
const LIFETIME: Duration = Duration::from_mins(2);

/// Kills a process that lives too long. Dropped before that, it does nothing.
struct Guard {
    _alive: Sender<()>,
}

impl Guard {
    fn over(child: &Child) -> Self {
        let (alive, over) = mpsc::channel::<()>();
        let pid = child.id().to_string();
        std::thread::spawn(move || {
            if over.recv_timeout(LIFETIME) == Err(RecvTimeoutError::Timeout) {
                // Its number is nobody else's yet: the guard is dropped right after its exit code was asked for.
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        Self { _alive: alive }
    }
}

/// A running `nexus plugin-host`.
struct Host {
    child: Child,
    guard: Guard,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
}

/// What it left behind.
#[derive(Debug)]
struct End {
    status: ExitStatus,
    /// What came on standard output after the last reply that was read.
    rest: String,
    log: String,
}

impl Host {
    fn start(sandbox: &Sandbox, library: &Path) -> Self {
        let mut child = sandbox
            .command(["plugin-host".as_ref(), library.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (requests, replies) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let guard = Guard::over(&child);
        Self { child, guard, requests, replies: BufReader::new(replies) }
    }

    /// Started and configured with `{"do": task}`.
    fn told(sandbox: &Sandbox, library: &Path, task: &str) -> Self {
        let mut host = Self::start(sandbox, library);
        assert_eq!(host.ask("manifest", &json!({}))["ok"]["name"], "naughty");
        assert_eq!(host.ask("configure", &json!({"settings": {"do": task}})), json!({"id": 7, "ok": {}}));
        host
    }

    fn put(&mut self, line: &Value) {
        self.requests.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.replies.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.put(&json!({"deadline_ms": 60_000, "id": 7, "method": method, "params": params}));
        self.line()
    }

    /// Asks `check`; the reply is not waited for.
    fn check(&mut self) {
        self.put(&json!({"id": 7, "method": "check", "params": {}}));
    }

    /// Closes its input.
    fn end(self) -> End {
        drop(self.requests);
        Self::wait(self.child, self.guard, self.replies)
    }

    /// Leaves its input open.
    fn wait_for_its_end(self) -> End {
        let end = Self::wait(self.child, self.guard, self.replies);
        drop(self.requests);
        end
    }

    fn wait(mut child: Child, guard: Guard, mut replies: BufReader<ChildStdout>) -> End {
        let (mut rest, mut log) = (String::new(), String::new());
        replies.read_to_string(&mut rest).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let status = child.wait().unwrap();
        drop(guard);
        assert_ne!(status.signal(), Some(9), "it lived for {LIFETIME:?} and had to be killed");
        End { status, rest, log }
    }
}

/// A library from C; `None`, loudly, where there is no compiler.
fn compile(sandbox: &Sandbox, source: &Path, flags: &[&str]) -> Option<PathBuf> {
    let library = sandbox.path("libnaughty.so");
    let include = concat!(env!("CARGO_MANIFEST_DIR"), "/../nexus-plugin-api/include");
    let done = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fPIC", "-shared"])
        .args(flags)
        .args(["-I", include, "-o"])
        .args([&library, source])
        .output();
    match done {
        Ok(done) => {
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            Some(library)
        }
        Err(error) => {
            eprintln!("SKIPPED: there is no C compiler `cc` ({error})");
            None
        }
    }
}

fn naughty(sandbox: &Sandbox, flags: &[&str]) -> Option<PathBuf> {
    compile(sandbox, Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugin_host/naughty.c")), flags)
}

/// The library of this name beside the test binary, where cargo puts those of the dev-dependencies.
fn library(name: &str) -> PathBuf {
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    std::env::current_exe().unwrap().with_file_name(file)
}

fn delivery(sandbox: &Sandbox, name: &str) -> Value {
    let record = sandbox.path(&format!("{name}.xml"));
    std::fs::write(&record, "<a/>").unwrap();
    json!({
        "record": {"path": record, "key": name, "name": name, "content_sha256": "ab",
                   "file_sha256": "cd", "size": 9},
        "session": {"identifier": "1", "start": "2024-03-05T09:10:00-07:00", "end": "2024-03-05T09:11:00-07:00",
                    "instrument": {"pid": "TEM", "display_name": "TEM", "api_url": "x", "timezone": "UTC"}},
        "activities": []
    })
}

#[test]
fn a_library_in_rust_is_served() {
    let sandbox = Sandbox::new();
    let index = sandbox.path("index.tsv");
    let mut host = Host::start(&sandbox, &library("nexus_example_index"));
    assert_eq!(host.ask("manifest", &json!({}))["ok"]["kind"], "destination");
    assert_eq!(host.ask("configure", &json!({"settings": {}}))["error"]["message"], "`file` is missing");
    assert_eq!(host.ask("configure", &json!({"settings": {"file": index}}))["ok"], json!({}));
    assert_eq!(host.ask("target", &json!({}))["ok"]["can_find"], true);
    assert_eq!(host.ask("find", &delivery(&sandbox, "a"))["ok"], "none");
    assert_eq!(host.ask("deliver", &delivery(&sandbox, "a"))["ok"]["done"]["id"], "a");
    assert_eq!(host.ask("find", &delivery(&sandbox, "a"))["ok"]["one"]["content_sha256"], "ab");
    assert_eq!(host.ask("dance", &json!({}))["unsupported"], true);
    let end = host.end();
    assert!(end.status.success() && end.rest.is_empty() && end.log.is_empty(), "{end:?}");
    assert_eq!(std::fs::read_to_string(index).unwrap().lines().count(), 1);
}

#[test]
fn a_library_that_prints_disturbs_nobody() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &["-DIN_LOADING=print()", "-DIN_UNLOADING=print()"]) else {
        return;
    };
    let mut host = Host::told(&sandbox, &library, "print");
    assert_eq!(host.ask("check", &json!({})), json!({"id": 7, "ok": {"items": []}}));
    let end = host.end();
    assert!(end.status.success() && end.rest.is_empty(), "{end:?}");
    // Loading, create, check, destroy, unloading.
    for word in ["printed", "written", "started"] {
        assert_eq!(end.log.lines().filter(|line| *line == word).count(), 5, "{}", end.log);
    }
}

#[test]
fn a_crash_is_the_end_of_its_process_and_of_nothing_else() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &[]) else { return };
    for (task, signal, code) in
        [("segfault", Some(11), None), ("abort", Some(6), None), ("exit", None, Some(3))]
    {
        let mut host = Host::told(&sandbox, &library, task);
        host.check();
        let end = host.wait_for_its_end();
        assert_eq!((end.status.signal(), end.status.code(), end.rest.as_str()), (signal, code, ""), "{task}");
    }
}

#[test]
fn a_library_that_leaves_when_it_is_ended_has_answered_before() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &["-DIN_UNLOADING=leave()"]) else { return };
    for task in ["leave", "nothing"] {
        let mut host = Host::told(&sandbox, &library, task);
        assert_eq!(host.ask("check", &json!({}))["ok"]["items"], json!([]));
        let end = host.end();
        assert_eq!((end.status.code(), end.rest.as_str()), (Some(5), ""), "{task}");
    }
}

#[test]
fn it_ends_with_its_input_whatever_the_library_does() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &[]) else { return };
    // In the middle of a call, and in the destruction of the instance.
    let mut host = Host::told(&sandbox, &library, "loop");
    host.check();
    assert_eq!(host.end().rest, "");
    let host = Host::told(&sandbox, &library, "stay");
    assert_eq!(host.end().rest, "");
    // While it is loaded, and while the process ends.
    let library = naughty(&sandbox, &["-DIN_LOADING=loop()"]).unwrap();
    assert_eq!(Host::start(&sandbox, &library).end().rest, "");
    let library = naughty(&sandbox, &["-DIN_UNLOADING=loop()"]).unwrap();
    let host = Host::told(&sandbox, &library, "nothing");
    assert_eq!(host.end().status.signal(), Some(6));
}

#[test]
fn a_call_is_cancelled_while_it_runs() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &[]) else { return };
    let mut host = Host::told(&sandbox, &library, "wait");
    host.check();
    assert_eq!(host.line(), json!({"log": {"level": "info", "message": "waiting"}}));
    host.put(&json!({"cancel": 7}));
    assert_eq!(host.line()["ok"]["items"], json!([]));
    assert!(host.end().status.success());
}

#[test]
fn what_is_no_reply_costs_its_call() {
    let sandbox = Sandbox::new();
    let Some(library) = naughty(&sandbox, &[]) else { return };
    let real = library.canonicalize().unwrap();
    for (task, message) in [
        (
            "garbage",
            "plugin `naughty` answered `check` with something unusable: it does not have the form of an answer: \
             expected value at line 1 column 1"
                .to_owned(),
        ),
        ("bytes", "plugin `naughty` answered `check` with something unusable: it is not UTF-8 (at byte 14)".into()),
        (
            "panic",
            format!("plugin `naughty` ({}) failed in `check`: it returned 30 (NEXUS_PANICKED)", real.display()),
        ),
    ] {
        let mut host = Host::told(&sandbox, &library, task);
        for _ in 0..2 {
            assert_eq!(host.ask("check", &json!({}))["error"]["message"], message, "{task}");
        }
        assert!(host.end().status.success());
    }
}

#[test]
fn a_library_that_cannot_be_loaded_says_why_and_ends() {
    let sandbox = Sandbox::new();
    let text = sandbox.write("notes.txt", "hello");
    let relative = PathBuf::from("notes.txt");
    let mut cases = vec![
        (text, "is not a shared library: it does not begin like an ELF file"),
        (sandbox.path("absent.so"), "cannot be read: No such file or directory"),
        (relative, "is not an absolute path; no folder is searched"),
    ];
    let other = Sandbox::new();
    let empty = other.write("empty.c", "int answer(void) { return 42; }\n");
    if let Some(library) = compile(&other, &empty, &[]) {
        cases.push((library, "it has no symbol `nexus_plugin_entry`: "));
    }
    let newer = Sandbox::new();
    if let Some(library) = naughty(&newer, &["-DABI=2u"]) {
        cases.push((library, "was built for plugin ABI 2, this program speaks 1; a newer nexus is needed"));
    }
    for (library, reason) in cases {
        let mut host = Host::start(&sandbox, &library);
        let reply = host.ask("manifest", &json!({}));
        let message = reply["error"]["message"].as_str().unwrap_or_else(|| panic!("{reply}"));
        assert!(message.contains(reason), "{message}");
        assert!(message.contains(library.file_name().unwrap().to_str().unwrap()), "{message}");
        assert_eq!((&reply["id"], &reply["error"]["class"]), (&json!(7), &json!("permanent")));
        let end = host.wait_for_its_end();
        assert_eq!((end.status.code(), end.rest.as_str(), end.log.as_str()), (Some(1), "", ""));
    }
}

#[test]
fn it_is_not_shown_but_explains_itself() {
    let sandbox = Sandbox::new();
    let help = sandbox.command(["--help"]).output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("plugin-host"));
    let help = sandbox.command(["plugin-host", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words: Vec<&str> = help.split_whitespace().collect();
    assert!(words.join(" ").contains("ends when its input ends"), "{help}");
}
