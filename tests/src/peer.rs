//! NexusLIMS 2.8.0 itself, installed once in the user's cache folder.
//!
//! `NEXUS_TEST_PEER=/path/to/venv` uses a Python environment that has it already. Else it is installed with `python3 -m
//! venv` and pip, which takes some minutes once. Where that does not work (no network, no Python 3.11) the tests that
//! need it say so on standard error and pass; with `CI` or `NEXUS_REQUIRE_REAL` set they fail.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The version that the tests run.
pub const VERSION: &str = "2.8.0";

/// An installed NexusLIMS.
#[derive(Debug, Clone)]
pub struct Peer {
    venv: PathBuf,
    /// Its libraries keep caches under HOME that cost seconds to make.
    home: PathBuf,
}

impl Peer {
    /// The installed NexusLIMS; `None` when it cannot be had and need not be.
    ///
    /// Installs it when this is the first call on this machine. Other processes wait meanwhile.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Result<Peer, String>> = OnceLock::new();
        match FOUND.get_or_init(|| match std::env::var_os("NEXUS_TEST_PEER") {
            Some(venv) => Self::at(Path::new(&venv)),
            None => Self::installed(),
        }) {
            Ok(peer) => Some(peer.clone()),
            Err(why) => {
                let required =
                    ["CI", "NEXUS_REQUIRE_REAL"].iter().any(|name| std::env::var_os(name).is_some());
                assert!(!required, "NexusLIMS {VERSION} cannot be had: {why}");
                tell(&format!(
                    "*** SKIPPED: NexusLIMS {VERSION} cannot be had, so nothing was tested: {why}"
                ));
                None
            }
        }
    }

    /// NexusLIMS in a Python environment that has it already; else why it cannot be used.
    pub fn at(venv: &Path) -> Result<Self, String> {
        let peer = Self { venv: venv.to_owned(), home: cache()?.join("home") };
        check(&peer)?;
        Ok(peer)
    }

    /// NexusLIMS in the user's cache folder, installed there if this is the first call on this machine; else
    /// why it cannot be had.
    pub fn installed() -> Result<Self, String> {
        let cache = cache()?;
        let name = format!("peer-{VERSION}");
        let lock =
            File::create(cache.join(format!("{name}.lock"))).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
        let peer = Self { venv: cache.join(&name), home: cache.join("home") };
        // Written last: an installation that was broken off is made anew.
        let complete = peer.venv.join("nexus-tests-complete");
        if !complete.exists() {
            install(&peer.venv)?;
            check(&peer)?;
            File::create(&complete)
                .map_err(|error| format!("cannot write {}: {error}", complete.display()))?;
        }
        drop(lock);
        Ok(peer)
    }

    /// The `nexuslims` command, without any setting of this process's environment, in a folder of the test's.
    pub fn nexuslims(&self, folder: &Path) -> Command {
        self.program("nexuslims", folder)
    }

    /// The Python that NexusLIMS is installed in, with the same environment.
    pub fn python(&self, folder: &Path) -> Command {
        self.program("python", folder)
    }

    fn program(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(name));
        command.env_clear().current_dir(folder).env("HOME", &self.home).env("NO_PROXY", "127.0.0.1");
        // Several tests run it at once; its numerical libraries would each take every core and wait by spinning.
        for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, "1");
        }
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }
}

/// The folder for what is installed once, with a home folder in it.
pub(crate) fn cache() -> Result<PathBuf, String> {
    let cache = cache_folder()?.join("nexus-tests");
    let home = cache.join("home");
    std::fs::create_dir_all(&home).map_err(|error| format!("cannot make {}: {error}", home.display()))?;
    Ok(cache)
}

fn cache_folder() -> Result<PathBuf, String> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || from("HOME").map(|home| home.join(".cache"));
    from("XDG_CACHE_HOME").or_else(home).ok_or_else(|| "neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

fn install(venv: &Path) -> Result<(), String> {
    tell(&format!("installing NexusLIMS {VERSION} in {} (once, some minutes)", venv.display()));
    drop(std::fs::remove_dir_all(venv));
    run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    run(Command::new(venv.join("bin/python"))
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
        .arg(format!("nexusLIMS=={VERSION}")))
}

fn check(peer: &Peer) -> Result<(), String> {
    let folder = std::env::temp_dir();
    let output = peer.nexuslims(&folder).arg("--version").output();
    let output =
        output.map_err(|error| format!("cannot run nexuslims of {}: {error}", peer.venv.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains(VERSION) {
        return Ok(());
    }
    Err(format!("{} holds another version: {}", peer.venv.display(), text.trim()))
}

/// Not by a macro: what those print in a test that passes is never seen.
pub(crate) fn tell(line: &str) {
    drop(writeln!(std::io::stderr(), "\n{line}"));
}

pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
