//! Walks over real folders.

mod links;
mod many_roots;
mod trouble;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::*;

/// A moment that lies in the past of every test.
fn at(nanos: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_000 + nanos)
}

fn window(from: u64, to: u64) -> Window {
    Window { from: at(from), to: at(to) }
}

fn put(root: &Path, name: &str, modified: SystemTime) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::File::create(path).unwrap().set_modified(modified).unwrap();
}

fn root(path: &Path, windows: &[Window]) -> Root {
    Root { path: path.to_owned(), windows: windows.to_vec() }
}

fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap()
}

fn walked(roots: &[Root], selection: &Selection, follow_outside_links: bool) -> Forest {
    let now = at(3_600_000_000_000);
    walk(roots, &Options { selection, follow_outside_links, pool: &pool(), now })
}

fn everything() -> Selection {
    Selection::new(None, &[]).unwrap()
}

/// A walk of everything, links not followed.
fn plain(roots: &[Root]) -> Forest {
    walked(roots, &everything(), false)
}

/// The paths of files without their root's.
fn below(root: &Path, files: &[FoundFile]) -> Vec<String> {
    files.iter().map(|file| file.path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn sessions_on_all_threads_share_a_forest() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Forest>();
}

#[test]
fn the_start_is_excluded_and_the_end_included_to_the_nanosecond() {
    let dir = tempfile::tempdir().unwrap();
    for (name, nanos) in [("start", 1000), ("first", 1001), ("last", 9000), ("after", 9001)] {
        put(dir.path(), name, at(nanos));
    }
    let forest = plain(&[root(dir.path(), &[window(1000, 9000), window(0, 1)])]);
    let tree = forest.tree(0).unwrap();
    assert_eq!(below(dir.path(), &tree.files(window(1000, 9000))), ["first", "last"]);
    assert_eq!(tree.count(window(1000, 9000)), 2);
    assert_eq!(tree.newest_change(window(1000, 9000)), Some(at(9000)));
    assert_eq!(tree.newest_change(window(0, 1)), None);
    assert_eq!(forest.kept(), 2);
}

#[test]
fn a_window_that_ends_before_it_starts_holds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "a", at(5));
    let forest = plain(&[root(dir.path(), &[window(9, 1), window(0, 10)])]);
    let tree = forest.tree(0).unwrap();
    assert_eq!((tree.count(window(9, 1)), tree.files(window(9, 1)).len()), (0, 0));
    assert_eq!(tree.count(window(0, 10)), 1);
}

#[test]
fn ties_are_broken_by_path_and_hidden_files_count() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b/x", "a/y", ".hidden", "a/.z/w", "a.b/v"] {
        put(dir.path(), name, at(5));
    }
    let forest = plain(&[root(dir.path(), &[window(0, 10)])]);
    let files = forest.tree(0).unwrap().files(window(0, 10));
    assert_eq!(below(dir.path(), &files), [".hidden", "a/.z/w", "a/y", "a.b/v", "b/x"]);
    assert!(files.is_sorted_by(|a, b| a.path < b.path));
}

#[test]
fn only_selected_files_are_kept_but_any_file_proves_the_storage() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "deep/down/notes.txt", at(5));
    let selection = Selection::new(Some(&["tif".to_owned()]), &[]).unwrap();
    let forest = walked(&[root(dir.path(), &[window(0, 10)])], &selection, false);
    assert_eq!(forest.tree(0).unwrap().count(window(0, 10)), 0);
    assert!(forest.tree(0).unwrap().holds_files() && forest.tree(0).unwrap().all_read());
    put(dir.path(), "a.TIF", at(6));
    fs::write(dir.path().join("a.TIF"), b"12345").unwrap();
    fs::File::options().write(true).open(dir.path().join("a.TIF")).unwrap().set_modified(at(6)).unwrap();
    let forest = walked(&[root(dir.path(), &[window(0, 10)])], &selection, false);
    let files = forest.tree(0).unwrap().files(window(0, 10));
    assert_eq!(files, [FoundFile { path: dir.path().join("a.TIF"), modified: at(6), size: 5 }]);
}

#[test]
fn an_empty_root_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("a/b")).unwrap();
    let forest = plain(&[root(dir.path(), &[window(0, 10)])]);
    assert!(!forest.tree(0).unwrap().holds_files());
    put(dir.path(), "a/b/old", at(0));
    assert!(plain(&[root(dir.path(), &[])]).tree(0).unwrap().holds_files());
}

#[test]
fn a_walk_without_roots_finds_nothing() {
    let forest = plain(&[]);
    assert_eq!((forest.kept(), forest.problems().len()), (0, 0));
    assert!(forest.tree(0).is_err());
}

#[test]
fn names_that_are_not_utf8_are_found() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(OsStr::from_bytes(b"d\xfe"));
    fs::create_dir(&folder).unwrap();
    let path = folder.join(OsStr::from_bytes(b"bad\xff.tif"));
    fs::File::create(&path).unwrap().set_modified(at(5)).unwrap();
    let selection = Selection::new(Some(&["tif".to_owned()]), &[]).unwrap();
    let forest = walked(&[root(dir.path(), &[window(0, 10)])], &selection, false);
    assert_eq!(forest.tree(0).unwrap().files(window(0, 10))[0].path, path);
}

#[test]
fn a_folder_of_many_files_is_found_whole() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..3000 {
        put(dir.path(), &format!("{number}"), at(number));
    }
    let forest = plain(&[root(dir.path(), &[window(999, 2999)])]);
    let files = forest.tree(0).unwrap().files(window(999, 2999));
    let expected: Vec<String> = (1000..3000).map(|number| number.to_string()).collect();
    assert_eq!(below(dir.path(), &files), expected);
    assert_eq!(forest.kept(), 2000);
}

#[test]
fn times_before_1970_and_far_ahead_are_times_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let old = SystemTime::UNIX_EPOCH - Duration::from_millis(1500);
    put(dir.path(), "old", old);
    let window = Window { from: old - Duration::from_nanos(1), to: old };
    let forest = plain(&[root(dir.path(), &[window])]);
    assert_eq!(forest.tree(0).unwrap().files(window)[0].modified, old);
}
