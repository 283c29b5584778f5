//! Storage that moves under our feet. The reader does the damage at the moment it is asked.

use super::*;

/// Builds three files; while the second one is read, this happens to it (or to all).
fn while_reading(damage: impl Fn(&Path) + Send + Sync + 'static) -> (Disk, Result<BuiltRecord, BuildError>) {
    let disk = Disk::with(&["a.dat", "b.dm3", "c.dat"]);
    let readers = disk.readers().with(
        "dm",
        &["dm3"],
        0,
        scripted(move |_, path| {
            damage(path);
            Ok(vec![signal("Image", &[])])
        }),
    );
    let built = disk.build(&readers);
    (disk, built)
}

#[test]
fn a_file_that_is_cut_short_makes_the_session_wait() {
    let (disk, built) = while_reading(|path| {
        let file = File::options().write(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_len(1).unwrap();
        file.set_modified(modified).unwrap();
    });
    let error = built.unwrap_err();
    assert!(matches!(&error, BuildError::Changed { path } if path.ends_with("b.dm3")), "{error}");
    assert!(!disk.beside().iter().any(|name| name.starts_with("b.")), "{:?}", disk.beside());
}

#[test]
fn a_file_that_is_touched_makes_the_session_wait() {
    let (_disk, built) = while_reading(|path| {
        let file = File::options().append(true).open(path).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        file.set_modified(modified + Duration::from_micros(1)).unwrap();
    });
    assert!(matches!(built, Err(BuildError::Changed { .. })), "{built:?}");
}

#[test]
fn a_file_that_is_replaced_by_something_else_makes_the_session_wait() {
    let (_disk, built) = while_reading(|path| {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    });
    assert!(matches!(built, Err(BuildError::Changed { .. })), "{built:?}");
}

#[test]
fn a_file_that_vanishes_makes_the_session_wait() {
    let (_disk, built) = while_reading(|path| fs::remove_file(path).unwrap());
    let error = built.unwrap_err();
    assert!(
        matches!(&error, BuildError::Vanished { gone: 1, of: 3, path } if path.ends_with("b.dm3")),
        "{error}"
    );
}

#[test]
fn a_folder_that_is_gone_makes_the_session_wait() {
    let disk = Disk::with(&["sem/a.dat", "sem/b.dat"]);
    fs::remove_dir_all(disk.instrument_data().join("sem")).unwrap();
    let error = disk.build(&disk.readers()).unwrap_err();
    assert!(matches!(error, BuildError::Vanished { gone: 2, of: 2, .. }), "{error}");
    fs::remove_dir_all(disk.instrument_data()).unwrap();
    fs::write(disk.instrument_data(), b"a file").unwrap();
    let error = disk.build(&disk.readers()).unwrap_err();
    assert!(matches!(error, BuildError::Vanished { gone: 2, of: 2, .. }), "{error}");
}

#[test]
fn a_file_that_changed_since_it_was_found_is_not_read_at_all() {
    let disk = Disk::with(&["a.dat"]);
    fs::write(&disk.files[0].path, b"another length").unwrap();
    let error = disk.build(&disk.readers()).unwrap_err();
    assert!(matches!(error, BuildError::Changed { .. }), "{error}");
    assert!(disk.beside().is_empty());
}

#[test]
fn side_files_that_cannot_be_written_are_warnings() {
    let disk = Disk::with(&["sem/a.dat"]);
    // A file stands where the folder should be made.
    fs::write(disk.data().join("sem"), b"in the way").unwrap();
    let built = disk.build(&disk.readers()).unwrap();
    assert_eq!(built.file_count, 1);
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(built.warnings[0].contains("a.dat.json"), "{:?}", built.warnings);
}

#[test]
fn a_picture_that_cannot_be_drawn_is_a_warning() {
    let disk = Disk::with(&["broken.png"]);
    let (readers, clock) = (disk.readers(), clock());
    let built = build(&Material { previews: true, ..disk.material(&readers, &clock) }).unwrap();
    assert_eq!(built.warnings.len(), 1, "{:?}", built.warnings);
    assert!(!text(&built).contains("<preview>"));
}
