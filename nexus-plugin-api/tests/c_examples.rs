//! The C examples under the address and undefined-behaviour sanitizers and under valgrind, against whole, cut and
//! damaged requests.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

const SANITIZERS: &[&str] = &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// The driver with an example; `None`, loudly, where it cannot be had.
fn compile(folder: &Path, example: &str, flags: &[&str]) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let driver = folder.join("driver");
    let compiled = Command::new("cc")
        .args(["-std=c11", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .args(flags)
        .arg("-I")
        .arg(root.join("include"))
        .arg("-o")
        .args([&driver, &root.join("tests/c/driver.c"), &root.join("../examples").join(example)])
        .output()
        .inspect_err(|error| eprintln!("SKIPPED: there is no C compiler `cc` ({error})"))
        .ok()?;
    let said = String::from_utf8_lossy(&compiled.stderr);
    if said.contains("libasan") || said.contains("libubsan") || said.contains("unsupported option") {
        eprintln!("SKIPPED: this C compiler has no sanitizers ({said})");
        return None;
    }
    assert!(compiled.status.success(), "{said}");
    Some(driver)
}

/// What the driver printed: the reply to each whole request, and its last line.
fn run(mut command: Command, rounds: u32, settings: &Value, requests: &[Value]) -> (Vec<Value>, String) {
    command.arg(rounds.to_string()).arg(settings.to_string());
    let done = command.args(requests.iter().map(ToString::to_string)).output().unwrap();
    assert!(done.status.success(), "{:?} {}", done.status, String::from_utf8_lossy(&done.stderr));
    let printed = String::from_utf8(done.stdout).unwrap();
    let mut lines: Vec<&str> = printed.lines().collect();
    let last = lines.pop().unwrap().to_owned();
    (lines.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect(), last)
}

/// `valgrind` over a program; `None`, loudly, where there is none.
fn valgrind(driver: &Path) -> Option<Command> {
    let there = Command::new("valgrind").arg("--version").output();
    if let Err(error) = there {
        eprintln!("SKIPPED: there is no valgrind ({error})");
        return None;
    }
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=all"]);
    command.arg(driver);
    Some(command)
}

fn tally_requests() -> [Value; 4] {
    [
        json!({"id": 1, "method": "check", "params": {}}),
        json!({"id": 2, "method": "harvest", "params": {
            "instruments": [{"instrument": {"pid": "TITAN"}, "cursor": null}, {"instrument": {"pid": "a\\\"\u{1}b"}}],
            "from": null,
            "open": []
        }}),
        json!({"id": 3, "method": "reservations", "params": {"sessions": [
            {"session_identifier": "1"}, {"session_identifier": "né"}, {"session_identifier": "2"}
        ]}}),
        json!({"id": 4, "method": "dance"}),
    ]
}

const LINE: &str = "1\tTITAN\tada\t2024-03-05T09:10:00-07:00\t2024-03-05T11:00:00.125-07:00\tyes";

#[test]
fn the_harvester_reads_no_byte_too_far() {
    let folder = tempfile::tempdir().unwrap();
    let tally = folder.path().join("tally.txt");
    let settings = json!({"file": tally});
    // Lines that end in the middle of everything, and the last one without its newline.
    let mut text: Vec<u8> = Vec::new();
    for cut in 0..=LINE.len() {
        text.extend(LINE.as_bytes().get(..cut).unwrap());
        text.extend(if cut % 3 == 0 { &b"\xe2\x98\n"[..] } else { b"\n" });
    }
    text.extend(LINE.as_bytes());
    let Some(driver) = compile(folder.path(), "tally-harvester-c/tally.c", SANITIZERS) else { return };
    for tally_text in [text.as_slice(), b"", b"\n", b"#", b"\t\t\t\t\t", b"\xf0"] {
        fs::write(&tally, tally_text).unwrap();
        let (replies, last) = run(Command::new(&driver), 2000, &settings, &tally_requests());
        assert_eq!(replies.last(), Some(&json!({"id": 4, "unsupported": true})));
        assert_ne!(last, "0 log lines");
    }
    let Some(driver) = compile(folder.path(), "tally-harvester-c/tally.c", &[]) else { return };
    fs::write(&tally, LINE).unwrap();
    let Some(command) = valgrind(&driver) else { return };
    let (replies, _) = run(command, 30, &settings, &tally_requests());
    assert_eq!(replies[1]["ok"]["events"][0]["external_id"], "1");
}

#[test]
fn the_destination_reads_no_byte_too_far_and_writes_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let (record, shelf) = (folder.path().join("r.xml"), folder.path().join("shelf"));
    fs::write(&record, "<Experiment/>\n").unwrap();
    let settings = json!({"folder": shelf});
    let delivery = |key: &str, path: &Path, size: u64| json!({"record": {"path": path, "key": key, "name": "n", "content_sha256": "ab".repeat(32), "size": size}});
    let ask = |id: u32, method: &str, params: Value| json!({"id": id, "method": method, "params": params});
    let key = "0b1ee0a8-0000-4000-8000-000000000001";
    let requests = [
        ask(1, "check", json!({})),
        ask(2, "target", json!({})),
        ask(3, "deliver", delivery(key, &record, 14)),
        ask(4, "find", delivery(key, &record, 14)),
        ask(5, "deliver", delivery("../out", &record, 14)),
        ask(6, "deliver", delivery(key, &record, 15)),
        ask(7, "deliver", delivery(key, &folder.path().join("absent.xml"), 14)),
        ask(8, "find", delivery("nothing", &record, 14)),
    ];
    let answered = |command: Command, rounds: u32| {
        let _ = fs::remove_dir_all(&shelf);
        fs::create_dir(&shelf).unwrap();
        let (replies, last) = run(command, rounds, &settings, &requests);
        let remote = json!({"id": format!("{key}.xml"), "content_sha256": "ab".repeat(32)});
        assert_eq!(replies[0]["ok"]["items"][0]["result"], "ok");
        assert_eq!(replies[1]["ok"]["id"], json!(shelf));
        assert_eq!(replies[2], json!({"id": 3, "ok": {"done": remote}}));
        // In between, damaged hashes were delivered: which one is there now is not known, but it is whole.
        assert_eq!(replies[3]["ok"]["one"]["id"], json!(format!("{key}.xml")));
        assert!(replies[4]["error"]["message"].as_str().unwrap().contains("no name for a file"));
        assert!(replies[5]["error"]["message"].as_str().unwrap().contains("another size"));
        assert!(replies[6]["error"]["message"].as_str().unwrap().contains("No such file"));
        assert_eq!(replies[7], json!({"id": 8, "ok": "none"}));
        assert_ne!(last, "0 log lines");
        for entry in fs::read_dir(&shelf).unwrap() {
            let path = entry.unwrap().path();
            let suffix = path.extension().unwrap().to_str().unwrap();
            assert!(["xml", "sha256"].contains(&suffix), "{}", path.display());
            assert!(suffix != "xml" || fs::read(&path).unwrap() == b"<Experiment/>\n", "{}", path.display());
        }
        let beside: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(beside.len(), 3, "{beside:?}");
    };
    let Some(driver) = compile(folder.path(), "shelf-destination-c/shelf.c", SANITIZERS) else { return };
    answered(Command::new(&driver), 200);
    let Some(driver) = compile(folder.path(), "shelf-destination-c/shelf.c", &[]) else { return };
    let Some(command) = valgrind(&driver) else { return };
    answered(command, 5);
}

/// The `which`th file that is to be on disk does not get there.
const FAULT: &str = "#include <errno.h>
#include <unistd.h>
static inline int fsync_or_not(int file)
{
    static int asked;
    if (++asked == WHICH) {
        errno = EIO;
        return -1;
    }
    return fsync(file);
}
#define fsync fsync_or_not
";

#[test]
fn the_destination_says_when_a_failure_may_have_left_the_record_there() {
    let folder = tempfile::tempdir().unwrap();
    let (record, shelf, fault) =
        (folder.path().join("r.xml"), folder.path().join("shelf"), folder.path().join("fault.h"));
    fs::write(&record, "<Experiment/>\n").unwrap();
    fs::write(&fault, FAULT).unwrap();
    let key = "0b1ee0a8-0000-4000-8000-000000000001";
    let deliver = json!({"id": 1, "method": "deliver", "params": {"record":
        {"path": record, "key": key, "name": "n", "content_sha256": "ab".repeat(32), "size": 14}}});
    // The copy, the folder before it has its name, the folder after.
    for (which, effect) in [(1, "none"), (2, "none"), (3, "maybe")] {
        let _ = fs::remove_dir_all(&shelf);
        fs::create_dir(&shelf).unwrap();
        let (which, fault) = (format!("-DWHICH={which}"), fault.to_str().unwrap());
        let flags = ["-D_DEFAULT_SOURCE", &which, "-include", fault];
        let Some(driver) = compile(folder.path(), "shelf-destination-c/shelf.c", &flags) else { return };
        let (replies, _) =
            run(Command::new(&driver), 0, &json!({"folder": shelf}), std::slice::from_ref(&deliver));
        assert_eq!(replies[0]["error"]["effect"], effect, "{replies:?}");
        let is_there = shelf.join(format!("{key}.xml")).exists();
        assert_eq!(is_there, effect == "maybe", "{which}");
    }
}
