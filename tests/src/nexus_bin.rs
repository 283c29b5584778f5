//! The built program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `nexus` program: `NEXUS_BIN`, else the one of this build, which is brought up to date first.
///
/// Cargo hands the path of a program only to tests of its own package, and these are in another.
pub fn path() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| std::env::var_os("NEXUS_BIN").map_or_else(build, PathBuf::from))
}

/// The `nexus` command in a folder of the test's, with none of its variables set.
pub fn nexus(folder: &Path) -> Command {
    let mut command = Command::new(path());
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("NX_") || name.starts_with("NEXUS_")) {
            command.env_remove(name);
        }
    }
    command
}

fn build() -> PathBuf {
    // TARGET/PROFILE/deps/TEST
    let test = std::env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("a test lies in TARGET/PROFILE/deps");
    let target = profile.parent().expect("a profile's folder lies in the target folder");
    let name = profile.file_name().and_then(|name| name.to_str()).expect("a profile's name is text");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--package", "nexus-cli"]);
    command.args(["--profile", if name == "debug" { "dev" } else { name }]).arg("--target-dir").arg(target);
    let status = command.status().expect("cargo can be run");
    assert!(status.success(), "nexus could not be built");
    profile.join(format!("nexus{}", std::env::consts::EXE_SUFFIX))
}
