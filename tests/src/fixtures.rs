//! The databases that NexusLIMS made, see `testdata/db/README.md`.

use std::path::{Path, PathBuf};

/// The folder of all test data.
pub fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

/// Copies a database of `testdata/db` into a folder; `name` without the suffix, such as `v2_5_0b`.
pub fn copy_database(name: &str, folder: &Path) -> PathBuf {
    let source = testdata().join("db").join(format!("{name}.sqlite"));
    let target = folder.join(format!("{name}.sqlite"));
    std::fs::copy(&source, &target)
        .unwrap_or_else(|error| panic!("cannot copy {}: {error}", source.display()));
    target
}
