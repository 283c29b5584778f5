//! Links: inside, outside, in circles, to the same place twice.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn links_neither_hide_nor_double_files() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "foreign", at(5));
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "real/one", at(5));
    symlink(dir.path().join("real"), dir.path().join("again")).unwrap();
    symlink(dir.path(), dir.path().join("real/loop")).unwrap();
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink(dir.path().join("real/one"), dir.path().join("file-link")).unwrap();
    symlink(outside.path().join("foreign"), dir.path().join("foreign-file")).unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("dangling")).unwrap();
    let forest = plain(&[root(dir.path(), &[window(0, 10)])]);
    let tree = forest.tree(0).unwrap();
    assert_eq!(below(dir.path(), &tree.files(window(0, 10))), ["real/one"]);
    assert!(tree.all_read());
    let problems = forest.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!((problems[0].kind, &problems[0].path), (ProblemKind::LinkOut, &dir.path().join("out")));
    assert!(problems[0].reason.contains(&outside.path().display().to_string()), "{problems:?}");
}

#[test]
fn links_out_are_followed_if_asked_for() {
    let outside = tempfile::tempdir().unwrap();
    put(outside.path(), "sub/foreign", at(5));
    symlink(outside.path(), outside.path().join("sub/circle")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "real/one", at(5));
    // The same place by two names: the first counts. Back to the root: known already.
    symlink(outside.path(), dir.path().join("z")).unwrap();
    symlink(outside.path().join("sub"), dir.path().join("y")).unwrap();
    symlink(outside.path(), dir.path().join("real/x")).unwrap();
    symlink(dir.path(), outside.path().join("back")).unwrap();
    let forest = walked(&[root(dir.path(), &[window(0, 10)])], &everything(), true);
    let tree = forest.tree(0).unwrap();
    assert_eq!(below(dir.path(), &tree.files(window(0, 10))), ["real/one", "y/foreign"]);
    assert_eq!(forest.problems(), []);
    assert!(tree.files(window(0, 10)).iter().all(|file| file.path.is_file()));
}

#[test]
fn a_link_above_the_root_does_not_double_it() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "sem/a", at(5));
    put(dir.path(), "tem/b", at(5));
    symlink(dir.path(), dir.path().join("sem/up")).unwrap();
    let sem = dir.path().join("sem");
    let forest = walked(&[root(&sem, &[window(0, 10)])], &everything(), true);
    assert_eq!(below(&sem, &forest.tree(0).unwrap().files(window(0, 10))), ["a", "up/tem/b"]);
}

#[test]
fn a_link_to_another_instrument_brings_its_files_in_its_own_windows() {
    let dir = tempfile::tempdir().unwrap();
    let (sem, tem) = (dir.path().join("sem"), dir.path().join("tem"));
    put(&sem, "a", at(5));
    put(&tem, "x/early", at(6));
    put(&tem, "x/late", at(25));
    symlink(&tem, sem.join("tem")).unwrap();
    let roots = [root(&sem, &[window(0, 10)]), root(&tem, &[window(20, 30)]), root(dir.path(), &[])];
    for _ in 0..20 {
        let forest = walked(&roots, &everything(), true);
        let tree = forest.tree(0).unwrap();
        assert_eq!(below(&sem, &tree.files(window(0, 10))), ["a", "tem/x/early"]);
        assert_eq!(below(&tem, &forest.tree(1).unwrap().files(window(20, 30))), ["x/late"]);
        assert_eq!((forest.kept(), forest.problems()), (3, &[][..]));
    }
    // Not followed, it leads out of one root and not out of the other.
    let forest = plain(&roots);
    assert_eq!(below(&sem, &forest.tree(0).unwrap().files(window(0, 10))), ["a"]);
    assert_eq!(forest.problems().len(), 1);
    assert_eq!(forest.problems()[0].path, sem.join("tem"));
}

#[test]
fn a_link_that_leads_nowhere_is_missed_only_where_links_are_followed() {
    let dir = tempfile::tempdir().unwrap();
    symlink("/nowhere/at/all", dir.path().join("dangling")).unwrap();
    let roots = [root(dir.path(), &[window(0, 10)])];
    assert_eq!(plain(&roots).problems(), []);
    let forest = walked(&roots, &everything(), true);
    assert_eq!(forest.problems().len(), 1);
    assert!(!forest.tree(0).unwrap().all_read());
    // A link to itself can be followed by nobody.
    symlink(dir.path().join("self"), dir.path().join("self")).unwrap();
    assert_eq!(plain(&roots).problems().len(), 1);
}
