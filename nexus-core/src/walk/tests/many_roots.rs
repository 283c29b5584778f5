//! Several roots in one walk: in one another, equal, under other names; and any tree against a plain filter.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

#[test]
fn roots_in_one_another_each_have_what_is_below_them() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "sem/a", at(5));
    put(dir.path(), "sem/eds/b", at(6));
    put(dir.path(), "sem/eds/late", at(25));
    let (outer, inner) = (dir.path().join("sem"), dir.path().join("sem/eds"));
    for order in [[0, 1], [1, 0]] {
        let mut roots = [root(&outer, &[window(0, 10)]), root(&inner, &[window(20, 30), window(5, 6)])];
        roots.swap(0, order[0]);
        let forest = plain(&roots);
        let (first, second) = (forest.tree(order[0]).unwrap(), forest.tree(order[1]).unwrap());
        assert_eq!(below(&outer, &first.files(window(0, 10))), ["a", "eds/b"]);
        // Inside a window of the inner root only.
        assert_eq!(first.count(window(20, 30)), 0);
        assert_eq!(below(&inner, &second.files(window(20, 30))), ["late"]);
        assert_eq!(below(&inner, &second.files(window(5, 6))), ["b"]);
        assert_eq!(forest.kept(), 3);
    }
}

#[test]
fn instruments_that_share_a_folder_share_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let (real, other) = (dir.path().join("real"), dir.path().join("other"));
    put(&real, "x/a", at(5));
    put(&real, "b", at(15));
    symlink(&real, &other).unwrap();
    let windows = [window(0, 10), window(4, 20), window(14, 16)];
    let roots = [root(&real, &windows[..1]), root(&real, &windows[1..2]), root(&other, &windows[2..])];
    let forest = plain(&roots);
    assert_eq!(below(&real, &forest.tree(0).unwrap().files(windows[0])), ["x/a"]);
    assert_eq!(below(&real, &forest.tree(1).unwrap().files(windows[1])), ["x/a", "b"]);
    // Under the name that this root has.
    assert_eq!(below(&other, &forest.tree(2).unwrap().files(windows[2])), ["b"]);
    assert_eq!((forest.kept(), forest.problems()), (2, &[][..]));
}

#[test]
fn a_bad_root_costs_no_other() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "good/a", at(5));
    put(dir.path(), "file", at(5));
    let names = ["gone", "good", "file", "good/a/below"];
    let roots: Vec<Root> = names.map(|name| root(&dir.path().join(name), &[window(0, 10)])).into();
    let forest = plain(&roots);
    assert!(matches!(forest.tree(0), Err(WalkError::Missing(path)) if *path == dir.path().join("gone")));
    assert_eq!(forest.tree(1).unwrap().count(window(0, 10)), 1);
    assert!(matches!(forest.tree(2), Err(WalkError::NotAFolder(_))));
    assert!(matches!(forest.tree(3), Err(WalkError::NotAFolder(_))));
    assert!(forest.tree(0).unwrap_err().to_string().contains("mounted"));
}

/// Folders that the files of the property lie in, and that are its roots.
const FOLDERS: [&str; 6] = ["", "a", "a/b", "a/b/c", "d", "d/e"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_walk_finds_what_a_plain_filter_finds(
        files in prop::collection::btree_map((0..FOLDERS.len(), 0u8..6), 0u64..40, 0..25),
        roots in prop::collection::vec(
            (0..FOLDERS.len(), prop::collection::vec((0u64..40, 0u64..40), 0..4)),
            0..5,
        ),
    ) {
        let dir = tempfile::tempdir().unwrap();
        for folder in FOLDERS {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let mut written: Vec<(PathBuf, SystemTime)> = Vec::new();
        for (&(folder, number), &time) in &files {
            let suffix = if number % 2 == 0 { "tif" } else { "txt" };
            let path = dir.path().join(FOLDERS[folder]).join(format!("{number}.{suffix}"));
            put(path.parent().unwrap(), path.file_name().unwrap().to_str().unwrap(), at(time));
            written.push((path, at(time)));
        }
        let roots: Vec<Root> = roots
            .iter()
            .map(|(folder, windows)| {
                let windows: Vec<Window> = windows.iter().map(|&(from, to)| window(from, to)).collect();
                root(&dir.path().join(FOLDERS[*folder]), &windows)
            })
            .collect();
        let selection = Selection::new(Some(&["tif".to_owned()]), &[]).unwrap();
        let forest = walked(&roots, &selection, false);
        prop_assert_eq!(forest.problems(), &[]);
        for (number, root) in roots.iter().enumerate() {
            let tree = forest.tree(number).unwrap();
            let below: Vec<&(PathBuf, SystemTime)> =
                written.iter().filter(|(path, _)| path.starts_with(&root.path)).collect();
            prop_assert_eq!(tree.holds_files(), !below.is_empty());
            for &window in &root.windows {
                let mut expected: Vec<(SystemTime, PathBuf)> = below
                    .iter()
                    .filter(|(path, time)| window.contains(*time) && path.extension().unwrap() == "tif")
                    .map(|(path, time)| (*time, path.clone()))
                    .collect();
                expected.sort();
                let found: Vec<(SystemTime, PathBuf)> =
                    tree.files(window).into_iter().map(|file| (file.modified, file.path)).collect();
                prop_assert_eq!(tree.count(window), expected.len());
                prop_assert_eq!(tree.newest_change(window), expected.last().map(|(time, _)| *time));
                prop_assert_eq!(found, expected);
            }
        }
    }
}
