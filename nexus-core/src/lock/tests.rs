use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use super::*;

fn holder() -> Holder {
    Holder {
        pid: std::process::id(),
        host: "vault".to_owned(),
        command: "nexus run".to_owned(),
        started_at: "2024-03-05T16:10:00Z".parse().unwrap(),
    }
}

/// A python3 process that holds an exclusive flock until its standard input ends; `None` without python3.
fn python_holding(path: &Path) -> Option<Child> {
    let script = "import fcntl, sys\n\
                  f = open(sys.argv[1], 'w')\n\
                  fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n\
                  print('held', flush=True)\n\
                  sys.stdin.read()\n";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    let mut answer = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut answer).unwrap();
    assert_eq!(answer.trim(), "held");
    Some(child)
}

fn end(mut child: Child) {
    drop(child.stdin.take());
    child.wait().unwrap();
}

#[test]
fn the_second_is_told_who_and_since_when() {
    let data = tempfile::tempdir().unwrap();
    let lock = RunLock::try_acquire_as(data.path(), &holder()).unwrap();
    let error = RunLock::try_acquire(data.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is locked by `nexus run` (process {} on vault) since 2024-03-05 16:10:00 UTC",
            lock.path().display(),
            std::process::id()
        )
    );
}

#[test]
fn release_removes_the_details_and_keeps_the_file() {
    let data = tempfile::tempdir().unwrap();
    drop(RunLock::try_acquire(data.path()).unwrap());
    assert!(data.path().join(".builder.lock").is_file());
    assert!(!data.path().join(".builder.lock.holder").exists());
    drop(RunLock::try_acquire(data.path()).unwrap());
}

#[test]
fn the_file_is_neither_emptied_nor_written_into() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join(".builder.lock");
    fs::write(&file, "somebody's").unwrap();
    let lock = RunLock::try_acquire(data.path()).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
    drop(lock);
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's");
}

#[test]
fn details_of_a_dead_process_are_not_believed() {
    let data = tempfile::tempdir().unwrap();
    let lock = RunLock::try_acquire(data.path()).unwrap();
    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let left = Holder { pid: dead.id(), host: host_name(), ..holder() };
    fs::write(data.path().join(".builder.lock.holder"), serde_json::to_vec(&left).unwrap()).unwrap();
    let error = RunLock::try_acquire(data.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("`{}` is locked by another program, perhaps NexusLIMS", lock.path().display())
    );
}

#[test]
fn broken_details_are_not_believed() {
    let data = tempfile::tempdir().unwrap();
    let _lock = RunLock::try_acquire(data.path()).unwrap();
    for text in ["", "{", "{\"pid\": -1}", "\u{0}"] {
        fs::write(data.path().join(".builder.lock.holder"), text).unwrap();
        assert!(matches!(RunLock::try_acquire(data.path()), Err(LockError::Held { holder: None, .. })));
    }
}

#[test]
fn this_process_names_itself() {
    let now = crate::clock::ManualClock::at("2024-03-05T16:10:00Z".parse().unwrap());
    let this = Holder::this_process(&now);
    assert_eq!(this.pid, std::process::id());
    assert_eq!(this.started_at, now.now());
    assert!(this.may_be_alive());
    assert!(this.command.starts_with("nexus_core"), "{}", this.command);
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let data = tempfile::tempdir().unwrap();
    let error = RunLock::try_acquire(&data.path().join("gone")).unwrap_err();
    assert!(matches!(error, LockError::Io { .. }));
    assert!(error.to_string().contains("gone/.builder.lock"), "{error}");
}

#[test]
fn a_file_system_without_locks_is_refused() {
    assert!(is_unsupported(&io::Error::from_raw_os_error(37)));
    assert!(is_unsupported(&io::Error::from_raw_os_error(95)));
    assert!(!is_unsupported(&io::Error::from(io::ErrorKind::PermissionDenied)));
}

#[test]
fn locks_are_tried_without_a_trace() {
    let data = tempfile::tempdir().unwrap();
    check_supported(data.path()).unwrap();
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
    assert!(matches!(check_supported(&data.path().join("gone")), Err(LockError::Io { .. })));
}

#[test]
fn python_and_nexus_exclude_each_other() {
    let data = tempfile::tempdir().unwrap();
    let Some(child) = python_holding(&data.path().join(".builder.lock")) else {
        eprintln!("SKIPPED: there is no python3 here");
        return;
    };
    let error = RunLock::try_acquire(data.path()).unwrap_err();
    assert!(error.to_string().ends_with("is locked by another program, perhaps NexusLIMS"), "{error}");
    end(child);

    let _lock = RunLock::try_acquire(data.path()).unwrap();
    let script = "import fcntl, sys\nf = open(sys.argv[1], 'w')\n\
                  try: fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)\n\
                  except BlockingIOError: sys.exit(7)\n";
    let tried =
        Command::new("python3").args(["-c", script]).arg(data.path().join(".builder.lock")).status().unwrap();
    assert_eq!(tried.code(), Some(7));
}

#[test]
fn the_database_lock_stands_beside_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("nexus.db");
    let lock = DatabaseLock::try_acquire(&database).unwrap();
    assert_eq!(lock.path(), folder.path().join("nexus.db.lock"));
    assert!(DatabaseLock::try_acquire(&database).unwrap_err().is_held());
    assert!(DatabaseLock::acquire(&database, Duration::from_millis(1)).unwrap_err().is_held());
    drop(lock);
    DatabaseLock::acquire(&database, Duration::ZERO).unwrap();
}

#[cfg(unix)]
#[test]
fn two_names_of_one_database_share_a_lock() {
    let folder = tempfile::tempdir().unwrap();
    let (database, link) = (folder.path().join("nexus.db"), folder.path().join("link.db"));
    fs::write(&database, "").unwrap();
    std::os::unix::fs::symlink(&database, &link).unwrap();
    let _lock = DatabaseLock::try_acquire(&link).unwrap();
    assert!(DatabaseLock::try_acquire(&database).unwrap_err().is_held());
}

#[test]
fn waiting_ends_when_the_holder_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("nexus.db");
    let Some(mut child) = python_holding(&DatabaseLock::path_for(&database)) else {
        eprintln!("SKIPPED: there is no python3 here");
        return;
    };
    assert!(DatabaseLock::try_acquire(&database).unwrap_err().is_held());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| DatabaseLock::acquire(&database, Duration::from_mins(1)));
        child.stdin.take().unwrap().flush().unwrap();
        end(child);
        assert!(waiter.join().unwrap().is_ok());
    });
}

#[cfg(unix)]
#[test]
fn a_lock_on_a_removed_file_does_not_count() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join(".builder.lock");
    let file = File::create(&path).unwrap();
    assert!(is_same_file(&file, &path));
    fs::remove_file(&path).unwrap();
    assert!(!is_same_file(&file, &path));
    File::create(&path).unwrap();
    assert!(!is_same_file(&file, &path));
}
