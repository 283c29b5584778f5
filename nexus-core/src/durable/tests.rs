use super::*;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn writing_replaces_the_content_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.xml");
    write_atomic(&file, b"a longer first text").unwrap();
    write_atomic(&file, b"second").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["a.xml"]);
}

#[cfg(unix)]
#[test]
fn the_mode_is_set() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    write_atomic_with_mode(&file, b"x", MODE_PRIVATE).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_name_of_the_greatest_length_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("n".repeat(255));
    write_atomic(&file, b"x").unwrap();
    assert!(file.is_file());
}

#[test]
fn a_failed_write_leaves_the_old_state() {
    let folder = tempfile::tempdir().unwrap();
    let occupied = folder.path().join("is-a-folder");
    fs::create_dir(&occupied).unwrap();
    fs::write(occupied.join("inside"), "x").unwrap();
    let error = write_atomic(&occupied, b"text").unwrap_err();
    assert!(error.to_string().contains("is-a-folder"), "{error}");
    assert_eq!(names(folder.path()), ["is-a-folder"]);
}

#[test]
fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_atomic(&folder.path().join("no/such/file"), b"x").unwrap_err();
    assert!(matches!(error, DurableError::Missing { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!(
            "failed to create a file in `{}`: it does not exist",
            folder.path().join("no/such").display()
        )
    );
}

#[test]
fn a_full_disk_is_told_apart() {
    // The one device that is always full.
    let Ok(mut full) = OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("SKIPPED: there is no /dev/full here");
        return;
    };
    let source = full.write_all(b"x").unwrap_err();
    let error = DurableError::new("write", Path::new("/data/a.xml"), source);
    assert!(error.is_disk_full());
    assert_eq!(
        error.to_string(),
        "failed to write `/data/a.xml`: the disk is full (or the quota is used up)"
    );
}

#[test]
fn missing_permission_is_told_apart() {
    let source = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
    let error = DurableError::new("write", Path::new("/data/a.xml"), source);
    assert!(matches!(error, DurableError::Permission { .. }));
    assert_eq!(error.path(), Path::new("/data/a.xml"));
}

#[test]
fn folders_are_made_with_those_above() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("a/b/c");
    create_dir_all_durable(&deep).unwrap();
    create_dir_all_durable(&deep).unwrap();
    assert!(deep.is_dir());
    fs::write(folder.path().join("file"), "x").unwrap();
    let error = create_dir_all_durable(&folder.path().join("file/below")).unwrap_err();
    assert!(error.to_string().contains("file"), "{error}");
}

#[test]
fn removing_twice_is_fine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a");
    write_atomic(&file, b"x").unwrap();
    remove(&file).unwrap();
    remove(&file).unwrap();
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_move_replaces_and_keeps_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("a"), folder.path().join("below/b"));
    create_dir_all_durable(&folder.path().join("below")).unwrap();
    write_atomic(&from, b"new").unwrap();
    write_atomic(&to, b"old").unwrap();
    assert!(move_all_durable([(from.clone(), to.clone())]).is_empty());
    assert!(!from.exists());
    assert_eq!(fs::read(&to).unwrap(), b"new");
    rename_durable(&to, &from).unwrap();
    assert_eq!(fs::read(&from).unwrap(), b"new");
}

#[test]
fn one_file_that_cannot_be_moved_keeps_no_other_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("below");
    create_dir_all_durable(&below).unwrap();
    let names = ["a", "gone", "b"].map(|name| (folder.path().join(name), below.join(name)));
    for at in [0, 2] {
        write_atomic(&names[at].0, b"content").unwrap();
    }
    let failed = move_all_durable(names.clone());
    assert!(matches!(&failed[..], [DurableError::Missing { path, .. }] if *path == names[1].0), "{failed:?}");
    for at in [0, 2] {
        assert!(!names[at].0.exists());
        assert_eq!(fs::read(&names[at].1).unwrap(), b"content");
    }
}

#[test]
fn a_move_to_another_file_system_copies() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED: there is no second file system at /dev/shm");
        return;
    };
    let (from, to) = (folder.path().join("a"), other.path().join("b"));
    write_atomic(&from, b"content").unwrap();
    assert!(move_all_durable([(from.clone(), to.clone())]).is_empty());
    assert!(!from.exists());
    assert_eq!(fs::read(&to).unwrap(), b"content");
    assert_eq!(names(other.path()), ["b"]);
}

#[test]
fn a_folder_is_proved_writable_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    check_writable(folder.path()).unwrap();
    assert!(names(folder.path()).is_empty());
    assert!(matches!(check_writable(&folder.path().join("gone")), Err(DurableError::Missing { .. })));
}

#[test]
fn a_sweep_takes_only_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".nexus-tmp-1", ".nexus-tmp-2", "record.xml", "nexus-tmp-3"] {
        fs::write(folder.path().join(name), "x").unwrap();
    }
    fs::create_dir(folder.path().join(".nexus-tmp-folder")).unwrap();
    assert_eq!(sweep(folder.path()).unwrap(), 2);
    assert_eq!(sweep(folder.path()).unwrap(), 0);
    assert_eq!(names(folder.path()), [".nexus-tmp-folder", "nexus-tmp-3", "record.xml"]);
    assert_eq!(sweep(&folder.path().join("not-there")).unwrap(), 0);
}

#[test]
fn what_a_write_leaves_behind_when_it_is_killed_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = create_temporary(folder.path(), MODE_SHARED).unwrap();
    drop(file);
    assert!(is_temporary(&path));
    assert_eq!(sweep(folder.path()).unwrap(), 1);
}

#[test]
fn an_unsynced_write_makes_folders_and_replaces_the_content() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a/b/c.json");
    write_atomic_unsynced(&file, b"a longer first text", folder.path()).unwrap();
    write_atomic_unsynced(&file, b"second", folder.path()).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["a"]);
    assert_eq!(names(file.parent().unwrap()), ["c.json"]);
    sync_filesystem(folder.path()).unwrap();
}

#[test]
fn an_unsynced_write_reaches_another_file_system() {
    let folder = tempfile::tempdir().unwrap();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("SKIPPED: there is no second file system at /dev/shm");
        return;
    };
    let file = other.path().join("below/c.json");
    write_atomic_unsynced(&file, b"text", folder.path()).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"text");
    assert!(names(folder.path()).is_empty());
    assert_eq!(names(file.parent().unwrap()), ["c.json"]);
}

#[test]
fn an_unsynced_write_that_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let error = write_atomic_unsynced(&folder.path().join("file/below"), b"x", folder.path()).unwrap_err();
    assert!(error.to_string().contains("file/below"), "{error}");
    assert!(!error.is_name_too_long());
    let long = folder.path().join("n".repeat(256));
    assert!(write_atomic_unsynced(&long, b"x", folder.path()).unwrap_err().is_name_too_long());
    assert_eq!(names(folder.path()), ["file"]);
}

#[test]
fn a_missing_folder_cannot_be_synced() {
    let folder = tempfile::tempdir().unwrap();
    let error = sync_filesystem(&folder.path().join("gone")).unwrap_err();
    assert!(matches!(error, DurableError::Missing { .. }), "{error:?}");
}
