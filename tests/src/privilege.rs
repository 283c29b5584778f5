//! Tests that need other privileges than they have: they run once more, alone, in a process that has them.
//!
//! ```no_run
//! if nexus_tests::privilege::elsewhere(&nexus_tests::privilege::MOUNTS, "storage::name_of_this_test") {
//!     return;
//! }
//! // here the test may mount
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

/// A privilege, or the lack of one, and the commands that give it to a process.
pub struct Privilege {
    /// Set in a process that has it.
    mark: &'static str,
    /// Tried in turn.
    commands: &'static [&'static [&'static str]],
    hint: &'static str,
}

/// May mount; what it mounts is seen by nobody else and goes with it.
pub const MOUNTS: Privilege = Privilege {
    mark: "NEXUS_TEST_MAY_MOUNT",
    commands: &[&["unshare", "--mount"], &["unshare", "--map-root-user", "--mount"]],
    hint: "it takes root with CAP_SYS_ADMIN, or user namespaces",
};

/// Permissions of files bind it.
pub const BOUND_BY_PERMISSIONS: Privilege = Privilege {
    mark: "NEXUS_TEST_BOUND_BY_PERMISSIONS",
    commands: &[&["setpriv", "--bounding-set=-dac_override,-dac_read_search"], &["env"]],
    hint: "root needs setpriv (util-linux)",
};

/// Runs the test of this name in a process with the privilege, unless this is that process.
///
/// A machine that cannot give the privilege fails the test, unless `NEXUS_TEST_WITHOUT_PRIVILEGES` is set.
pub fn elsewhere(privilege: &Privilege, test: &str) -> bool {
    if std::env::var_os(privilege.mark).is_some() {
        return false;
    }
    if std::env::var_os("NEXUS_TEST_WITHOUT_PRIVILEGES").is_some() {
        return true;
    }
    let possible = |command: &&&[&str]| {
        let (program, arguments) = command.split_first().unwrap();
        Command::new(program).args(arguments).arg("true").output().is_ok_and(|done| done.status.success())
    };
    let command = privilege.commands.iter().find(possible).unwrap_or_else(|| {
        panic!("`{test}` cannot be tested here: {} (or set NEXUS_TEST_WITHOUT_PRIVILEGES)", privilege.hint)
    });
    let (program, arguments) = command.split_first().unwrap();
    let done = Command::new(program)
        .args(arguments)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(privilege.mark, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let complained = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("1 passed"), "{said}{complained}");
    true
}

/// A small file system in memory, mounted until this is dropped.
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts one of this size (as `mount` writes it) over a folder.
    pub fn over(folder: &Path, size: &str) -> Self {
        let options = format!("size={size}");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "nexus-test"])
            .arg(folder)
            .output()
            .expect("mount (util-linux)");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        Self(folder.to_owned())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What stays goes with the process.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
