//! Groups, failures, panics and crashes.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use super::*;
use crate::db::{Access, OpenOptions};

fn put(tx: &Transaction<'_>, key: &str) -> Result<(), WriteError> {
    tx.execute("INSERT INTO nexus_meta (key, value) VALUES (?1, 'x')", [key])?;
    Ok(())
}

fn keys(database: &Database) -> Vec<String> {
    let mut statement = database.read().prepare("SELECT key FROM nexus_meta ORDER BY key").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Holds the writer up inside a job, so that what is submitted meanwhile becomes one group.
fn hold(writer: &Writer) -> (impl FnOnce() + use<>, Ticket<()>) {
    let (open, gate) = channel::<()>();
    let (entered, inside) = channel::<()>();
    let ticket = writer.submit(move |_| {
        entered.send(()).unwrap();
        let _ = gate.recv();
        Ok(())
    });
    inside.recv().unwrap();
    (move || drop(open), ticket)
}

/// How often the file was changed by a commit: SQLite counts it in the file's header.
fn commits(path: &Path) -> u32 {
    let bytes = std::fs::read(path).unwrap();
    u32::from_be_bytes(bytes[24..28].try_into().unwrap())
}

#[test]
fn answers_come_back_typed_and_in_the_database() {
    let writer = Writer::start(Database::in_memory().unwrap());
    let number = writer.submit(|tx| {
        put(tx, "a")?;
        Ok(7_u8)
    });
    let text =
        writer.run(|tx| Ok(tx.query_row("SELECT key FROM nexus_meta", [], |row| row.get::<_, String>(0))?));
    assert_eq!(number.wait().unwrap(), 7);
    assert_eq!(text.unwrap(), "a");
    assert_eq!(keys(&writer.close()), ["a"]);
}

#[test]
fn what_is_ready_is_committed_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    let writer = Writer::start(Database::create(&path).unwrap());
    let before = commits(&path);
    // The first group lasts as long as the gate is shut, so it ends with this one job.
    let (open, held) = hold(&writer);
    let tickets: Vec<_> =
        (0..GROUP_JOBS).map(|n| writer.submit(move |tx| put(tx, &format!("k{n:03}")))).collect();
    open();
    held.wait().unwrap();
    for ticket in tickets {
        ticket.wait().unwrap();
    }
    assert_eq!(keys(&writer.close()).len(), GROUP_JOBS);
    let commits = commits(&path) - before;
    // One for all of them, unless the machine was held up for 5 ms in between.
    assert!((1..32).contains(&commits), "{commits} commits for {GROUP_JOBS} jobs");
}

#[test]
fn a_failing_or_panicking_job_takes_only_itself_back() {
    let writer = Writer::start(Database::in_memory().unwrap());
    let (open, held) = hold(&writer);
    let before = writer.submit(|tx| put(tx, "before"));
    let failed = writer.submit(|tx| {
        put(tx, "failed")?;
        tx.execute("INSERT INTO nexus_meta (key) VALUES ('no value')", [])?;
        Ok(())
    });
    let panicked = writer.submit(|tx| -> Result<(), WriteError> {
        put(tx, "panicked")?;
        panic!("a bug in a job");
    });
    let after = writer.submit(|tx| put(tx, "after"));
    open();
    held.wait().unwrap();
    before.wait().unwrap();
    after.wait().unwrap();
    let failed = failed.wait().unwrap_err();
    assert!(failed.to_string().contains("NOT NULL"), "{failed}");
    assert!(failed.cause::<rusqlite::Error>().is_some());
    let panicked = panicked.wait().unwrap_err();
    assert!(matches!(&panicked, WriteError::Panicked(why) if why == "a bug in a job"), "{panicked}");
    assert_eq!(keys(&writer.close()), ["after", "before"]);
}

#[test]
fn a_failed_commit_is_everybodys_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    drop(Database::create(&path).unwrap());
    let impatient = OpenOptions { busy_timeout: Duration::ZERO };
    let writer = Writer::start(Database::open_with(&path, Access::Write, impatient).unwrap());
    // Somebody in the middle of reading lets a transaction begin, and not end.
    let reader = Database::open(&path, Access::Read).unwrap();
    let mut statement = reader.read().prepare("SELECT name FROM sqlite_master").unwrap();
    let mut rows = statement.query([]).unwrap();
    rows.next().unwrap();
    for ticket in [writer.submit(|tx| put(tx, "one")), writer.submit(|tx| put(tx, "two"))] {
        let error = ticket.wait().unwrap_err();
        assert!(matches!(error, WriteError::Commit(_)), "{error}");
    }
    drop(rows);
    writer.run(|tx| put(tx, "three")).unwrap();
    assert_eq!(keys(&writer.close()), ["three"]);
}

#[test]
fn a_transaction_that_sqlite_ended_is_no_success() {
    let writer = Writer::start(Database::in_memory().unwrap());
    writer.run(|tx| put(tx, "there")).unwrap();
    let (open, held) = hold(&writer);
    let first = writer.submit(|tx| put(tx, "first"));
    let fatal = writer.submit(|tx| {
        tx.execute("INSERT OR ROLLBACK INTO nexus_meta (key, value) VALUES ('there', 'again')", [])?;
        Ok(())
    });
    open();
    let answers = [held.wait(), first.wait(), fatal.wait()];
    let database = writer.close();
    let first_is_there = keys(&database).contains(&"first".to_owned());
    assert_eq!(answers[1].is_ok(), first_is_there, "{answers:?}");
    assert!(answers[2].as_ref().unwrap_err().cause::<rusqlite::Error>().is_some(), "{answers:?}");
}

#[test]
fn a_job_may_not_submit_a_job() {
    let writer = Arc::new(Writer::start(Database::in_memory().unwrap()));
    let inner = Arc::clone(&writer);
    let answer = writer.run(move |_| Ok(inner.run(|_| Ok(())).map_err(|error| error.to_string())));
    assert!(answer.unwrap().unwrap_err().contains("may not wait for another"));
}

#[test]
fn a_job_after_the_end_is_an_error() {
    let writer = Writer::start(Database::in_memory().unwrap());
    writer.queue.send(Message::Stop).unwrap();
    let late = writer.submit(|tx| put(tx, "late"));
    assert!(matches!(late.wait(), Err(WriteError::Closed)));
    assert!(keys(&writer.close()).is_empty());
}

#[test]
fn the_queue_is_bounded() {
    const JOBS: usize = 2_000;
    let writer = Writer::with_queue(Database::in_memory().unwrap(), 2);
    let (open, held) = hold(&writer);
    let waiting = Arc::new(AtomicUsize::new(0));
    let most = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..JOBS {
                let mine = Arc::clone(&waiting);
                most.fetch_max(waiting.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                drop(writer.submit(move |_| {
                    mine.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }));
            }
        });
        while waiting.load(Ordering::SeqCst) < 3 {
            std::thread::yield_now();
        }
        (0..10_000).for_each(|_| std::thread::yield_now());
        open();
    });
    held.wait().unwrap();
    // Two queued, one being handed over, one just taken out.
    assert!(most.load(Ordering::SeqCst) <= 4, "{most:?} jobs waited");
    drop(writer);
    assert_eq!(waiting.load(Ordering::SeqCst), 0, "dropping carries out what was submitted");
}

/// What a power cut at this instant would leave: the file and its journal as they are now.
fn snapshot(from: &Path, to: &Path) {
    for suffix in ["", "-journal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        if Path::new(&name(from)).exists() {
            std::fs::copy(name(from), name(to)).unwrap();
        }
    }
}

#[test]
fn a_crash_at_any_moment_leaves_whole_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nexus.db");
    let writer = Writer::start(Database::create(&path).unwrap());
    for round in 0..4 {
        let (from, to) = (path.clone(), folder.path().join(format!("crash-{round}.db")));
        writer
            .run(move |tx| {
                // Pages go to the file before the commit, as they do in a large transaction.
                tx.execute_batch("PRAGMA cache_size = 2; PRAGMA cache_spill = 1")?;
                for half in 0..200 {
                    tx.execute(
                        "INSERT INTO nexus_meta (key, value) VALUES (?1, hex(zeroblob(500)))",
                        [format!("{round}-{half:03}")],
                    )?;
                    if half == 120 {
                        snapshot(&from, &to);
                    }
                }
                Ok(())
            })
            .unwrap();
        snapshot(&path, &folder.path().join(format!("after-{round}.db")));
    }
    drop(writer);
    for round in 0..4 {
        let crashed = Database::open(&folder.path().join(format!("crash-{round}.db")), Access::Read).unwrap();
        assert_eq!(keys(&crashed).len(), round * 200, "an unfinished job left nothing");
        let answered =
            Database::open(&folder.path().join(format!("after-{round}.db")), Access::Read).unwrap();
        assert_eq!(keys(&answered).len(), (round + 1) * 200, "an answered one everything");
    }
    assert_eq!(keys(&Database::open(&path, Access::Read).unwrap()).len(), 800);
}
