//! NEMO-CE itself, installed once in the user's cache folder, with a database of the test's own.
//!
//! The folder holds `venv/` and `migrated.db`, an empty database whose making takes minutes. `NEXUS_TEST_NEMO=/path` uses
//! such a folder that is there already. Where it cannot be had (no network, no Python 3.10 to 3.13) the tests
//! that need it say so on standard error and pass; with `CI` or `NEXUS_REQUIRE_REAL` set they fail.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::peer::{cache, run, tell};

/// The version that the tests run.
pub const VERSION: &str = "8.1.5";

/// A running NEMO-CE. It ends when dropped.
pub struct RealNemo {
    server: Child,
    port: u16,
    _folder: TempDir,
}

impl RealNemo {
    /// Starts a server with these rows ([`FakeNemo::dump`](crate::fake_nemo::FakeNemo::dump)); `None` when it
    /// cannot be had and need not be.
    pub fn start(rows: &Value) -> Option<Self> {
        static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let found = FOUND.get_or_init(|| match std::env::var_os("NEXUS_TEST_NEMO") {
            Some(folder) => Ok(folder.into()),
            None => installed(),
        });
        match found {
            Ok(place) => Some(started(place, rows).unwrap_or_else(|why| panic!("NEMO-CE {VERSION}: {why}"))),
            Err(why) => {
                let required =
                    ["CI", "NEXUS_REQUIRE_REAL"].iter().any(|name| std::env::var_os(name).is_some());
                assert!(!required, "NEMO-CE {VERSION} cannot be had: {why}");
                tell(&format!("*** SKIPPED: NEMO-CE {VERSION} cannot be had, so nothing was tested: {why}"));
                None
            }
        }
    }

    /// The API root: `http://127.0.0.1:PORT/api/`.
    pub fn api(&self) -> String {
        format!("http://127.0.0.1:{}/api/", self.port)
    }
}

impl Drop for RealNemo {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Installs it when this is the first call on this machine. Other processes wait meanwhile.
fn installed() -> Result<PathBuf, String> {
    let cache = cache()?;
    let name = format!("nemo-ce-{VERSION}");
    let lock = File::create(cache.join(format!("{name}.lock"))).and_then(|file| file.lock().map(|()| file));
    let lock = lock.map_err(|error| format!("cannot lock {}: {error}", cache.display()))?;
    let place = cache.join(name);
    let migrated = place.join("migrated.db");
    if !migrated.exists() {
        tell(&format!("installing NEMO-CE {VERSION} in {} (once, some minutes)", place.display()));
        drop(std::fs::remove_dir_all(&place));
        let venv = place.join("venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"])
            .arg(format!("NEMO-CE=={VERSION}")))?;
        let half = place.join("half-migrated.db");
        run(python(&place, &half).args(["-m", "django", "migrate", "--verbosity", "0"]))?;
        std::fs::rename(&half, &migrated)
            .map_err(|error| format!("cannot rename {}: {error}", half.display()))?;
    }
    drop(lock);
    Ok(place)
}

/// Python with the settings of `tests/real/nemo/site`.
fn python(place: &Path, database: &Path) -> Command {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/nemo/site");
    let mut command = Command::new(place.join("venv/bin/python"));
    command
        .env_clear()
        .env("PYTHONPATH", site)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("DJANGO_SETTINGS_MODULE", "settings")
        .env("NEMO_TEST_DB", database);
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

fn started(place: &Path, rows: &Value) -> Result<RealNemo, String> {
    let told = |what: &str| {
        let what = what.to_owned();
        move |error: std::io::Error| format!("{what}: {error}")
    };
    let folder = tempfile::tempdir().map_err(told("no folder"))?;
    let database = folder.path().join("nemo.db");
    std::fs::copy(place.join("migrated.db"), &database).map_err(told("cannot copy migrated.db"))?;
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("real/nemo/site/seed.py");
    let mut seeding = python(place, &database)
        .arg(seed)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(told("cannot run python"))?;
    if let Some(mut input) = seeding.stdin.take() {
        input.write_all(rows.to_string().as_bytes()).map_err(told("cannot hand over the rows"))?;
    }
    let seeded = seeding.wait_with_output().map_err(told("cannot wait for seed.py"))?;
    if !seeded.status.success() {
        return Err(format!("seed.py failed: {}", String::from_utf8_lossy(&seeded.stderr)));
    }
    // Free a moment ago; nothing else listens on fixed ports here.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(told("no free port"))?
        .port();
    let server = python(place, &database)
        .args(["-m", "django", "runserver", "--noreload", "--skip-checks"])
        .arg(format!("127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(told("cannot start the server"))?;
    let mut nemo = RealNemo { server, port, _folder: folder };
    // Another program's start has no event to wait for.
    for _ in 0..1_200 {
        if let Ok(Some(status)) = nemo.server.try_wait() {
            return Err(format!("the server ended at once: {status}"));
        }
        if is_healthy(port) {
            return Ok(nemo);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("the server did not come up within two minutes".to_owned())
}

fn is_healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let asked = stream.write_all(b"GET /health/ HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
}
