//! What cannot be read, what is too deep, what vanishes, what comes from the future.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use rustix::fs::{CWD, Mode, OFlags};

use super::*;

/// Makes folders in one another, also where their path is longer than the system takes.
fn nest(start: &Path, name: &str, depth: usize) {
    let open = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut here = rustix::fs::openat(CWD, start, open, Mode::empty()).unwrap();
    for _ in 0..depth {
        rustix::fs::mkdirat(&here, name, Mode::RWXU).unwrap();
        here = rustix::fs::openat(&here, name, open, Mode::empty()).unwrap();
    }
}

#[test]
fn a_path_that_is_too_long_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a", at(5));
    nest(dir.path(), &"n".repeat(250), 20);
    let forest = plain(&[root(dir.path(), &[window(0, 10)])]);
    let tree = forest.tree(0).unwrap();
    assert_eq!(tree.count(window(0, 10)), 1);
    assert!(!tree.all_read());
    assert_eq!(forest.problems().len(), 1);
    assert_eq!(forest.problems()[0].kind, ProblemKind::Unreadable);
    assert!(forest.problems()[0].reason.contains("this deep"), "{:?}", forest.problems());
    let forest = plain(&[root(&dir.path().join("x".repeat(5000)), &[])]);
    assert!(matches!(forest.tree(0), Err(WalkError::Unreadable { .. })));
}

#[test]
fn a_deep_tree_is_walked_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    nest(dir.path(), "d", 400);
    let end = "d/".repeat(400) + "file";
    put(dir.path(), &end, at(5));
    let forest = plain(&[root(dir.path(), &[window(0, 10)])]);
    assert_eq!(below(dir.path(), &forest.tree(0).unwrap().files(window(0, 10))), [end]);
}

/// Says that this process is the one that may not read everything.
const BOUND: &str = "NEXUS_TEST_BOUND_BY_PERMISSIONS";

/// Permissions do not bind root: there, the test runs once more in a process without that privilege.
#[test]
fn folders_without_permission_are_problems_and_cost_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "closed/secret", at(5));
    put(dir.path(), "open/a", at(5));
    let closed = dir.path().join("closed");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read_dir(&closed).is_ok() {
        assert!(std::env::var_os(BOUND).is_none(), "permissions do not bind without the privilege either");
        let name = "walk::tests::trouble::folders_without_permission_are_problems_and_cost_nothing_else";
        let done = Command::new("setpriv")
            .arg("--bounding-set=-dac_override,-dac_read_search")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(BOUND, "1")
            .output()
            .expect("root needs setpriv (util-linux) for this test");
        let said = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && said.contains("1 passed"), "{said}{:?}", done.stderr);
        return;
    }
    let forest = plain(&[root(dir.path(), &[window(0, 10)]), root(&closed, &[window(0, 10)])]);
    let tree = forest.tree(0).unwrap();
    assert_eq!(below(dir.path(), &tree.files(window(0, 10))), ["open/a"]);
    assert!(tree.holds_files() && !tree.all_read());
    let problems = forest.problems();
    assert_eq!((problems.len(), &problems[0].path), (1, &closed));
    assert!(problems[0].reason.contains("let the user"), "{problems:?}");
    assert!(matches!(forest.tree(1), Err(WalkError::Unreadable { path, .. }) if *path == closed));
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_vanishes_meanwhile_was_not_there() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "steady/a", at(5));
    std::thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for _ in 0..25 {
                for number in 0..20 {
                    put(dir.path(), &format!("brief{number}/sub/file"), at(5));
                }
                for number in 0..20 {
                    fs::remove_dir_all(dir.path().join(format!("brief{number}"))).unwrap();
                }
            }
        });
        while !churn.is_finished() {
            // Files get their time a moment after they are made: until then they are as new as the test.
            let now = SystemTime::UNIX_EPOCH + Duration::from_hours(27_000_000);
            let (selection, pool) = (everything(), pool());
            let options = Options { selection: &selection, follow_outside_links: true, pool: &pool, now };
            let forest = walk(&[root(dir.path(), &[window(0, 10)])], &options);
            let files = forest.tree(0).unwrap().files(window(0, 10));
            assert!(files.iter().any(|file| file.path.ends_with("steady/a")));
            assert!(files.is_sorted_by(|a, b| a.path < b.path), "{files:?}");
            assert_eq!(forest.problems(), []);
        }
    });
}

#[test]
fn files_from_the_future_are_reported_once_for_each_root() {
    let dir = tempfile::tempdir().unwrap();
    let hour = 3_600_000_000_000;
    put(dir.path(), "b/past", at(5));
    put(dir.path(), "b/ahead2", at(2 * hour));
    put(dir.path(), "b/ahead1", at(3 * hour));
    put(dir.path(), "c/ahead0", at(4 * hour));
    put(dir.path(), "d/far", SystemTime::UNIX_EPOCH + Duration::from_hours(2_500_000));
    let forest =
        plain(&[root(dir.path(), &[window(0, 3 * hour)]), root(&dir.path().join("c"), &[window(0, 1)])]);
    let said: Vec<_> = forest.problems().iter().map(|problem| (problem.kind, problem.path.clone())).collect();
    assert_eq!(
        said,
        [
            (ProblemKind::ClockAhead, dir.path().join("b/ahead1")),
            (ProblemKind::ClockAhead, dir.path().join("c/ahead0")),
        ]
    );
    assert!(forest.problems()[0].reason.contains("3 more"), "{:?}", forest.problems());
    assert!(forest.problems()[0].reason.contains("2023-11-15 01:13:20 UTC"), "{:?}", forest.problems());
    // It belongs to its session all the same.
    assert_eq!(forest.tree(0).unwrap().count(window(0, 3 * hour)), 3);
}

#[test]
fn nothing_is_written_below_a_root() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a/b", at(5));
    let facts = |path: &Path| {
        let metadata = fs::symlink_metadata(path).unwrap();
        (metadata.modified().unwrap(), metadata.len(), metadata.permissions())
    };
    let paths = [dir.path().to_owned(), dir.path().join("a"), dir.path().join("a/b")];
    let before: Vec<_> = paths.iter().map(|path| facts(path)).collect();
    plain(&[root(dir.path(), &[window(0, 10)])]);
    assert_eq!(paths.iter().map(|path| facts(path)).collect::<Vec<_>>(), before);
}
