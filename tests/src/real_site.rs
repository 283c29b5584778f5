//! A Django site made of packages from the index: installed once in the user's cache folder, its database made once and
//! copied for every test.
//!
//! The folder of a site holds `venv/`, `installed` (written last) and `made-HASH/`, the database and the files beside it as
//! made by these versions from these scripts. Where Python packages cannot be had the tests that need the site say so on standard error and pass;
//! with `CI` or `NEXUS_REQUIRE_REAL` set they fail. A database that cannot be made is a failure everywhere.

mod server;

use std::fs::File;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub use server::Running;

use crate::peer::{cache, run, tell};

/// Its name in a site's folder; uploaded files are beside it.
const DATABASE: &str = "site.db";

/// How a site is made.
pub struct Recipe {
    /// What people call it, with its version.
    pub title: String,
    /// Its folder in the cache.
    pub folder: String,
    /// What pip installs.
    pub requirement: String,
    /// The variable that names another folder with a `venv` that has it already.
    pub variable: &'static str,
    /// Its settings and scripts, a folder below `tests/real`.
    pub scripts: &'static str,
    /// The commands of Python that make the database, in the folder of the scripts.
    pub commands: &'static [&'static [&'static str]],
    /// The files that the database is made from, seen from that folder.
    pub sources: &'static [&'static str],
}

/// A site that can be started.
#[derive(Clone)]
pub struct Site {
    venv: PathBuf,
    scripts: PathBuf,
    made: PathBuf,
}

/// Why there is no site.
pub enum Trouble {
    /// The packages cannot be had.
    Packages(String),
    /// The packages are there, and what we make of them does not work.
    Broken(String),
}

impl Recipe {
    /// The site; `None` when it cannot be had and need not be.
    pub fn site(&self, found: &OnceLock<Result<Site, Trouble>>) -> Option<Site> {
        let title = &self.title;
        match found.get_or_init(|| self.made()) {
            Ok(site) => Some(site.clone()),
            Err(Trouble::Broken(why)) => panic!("{title}: {why}"),
            Err(Trouble::Packages(why)) => {
                let required =
                    ["CI", "NEXUS_REQUIRE_REAL"].iter().any(|name| std::env::var_os(name).is_some());
                assert!(!required, "{title} cannot be had: {why}");
                tell(&format!("*** SKIPPED: {title} cannot be had, so nothing was tested: {why}"));
                None
            }
        }
    }

    /// Installs and makes what is not there yet. Other processes wait meanwhile.
    fn made(&self) -> Result<Site, Trouble> {
        let place = match std::env::var_os(self.variable) {
            Some(folder) => folder.into(),
            None => cache().map_err(Trouble::Broken)?.join(&self.folder),
        };
        let broken = |what: &str, error: &std::io::Error| {
            Trouble::Broken(format!("{what} {}: {error}", place.display()))
        };
        std::fs::create_dir_all(&place).map_err(|error| broken("cannot make", &error))?;
        let lock = File::create(place.join("lock")).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(|error| broken("cannot lock", &error))?;
        let venv = place.join("venv");
        if std::env::var_os(self.variable).is_none() {
            self.install(&place, &venv)?;
        }
        let scripts = script(self.scripts);
        let made = place.join(format!("made-{:016x}", self.hash(&scripts)?));
        let site = Site { venv, scripts, made };
        if !site.made.exists() {
            self.make(&place, &site)?;
        }
        drop(lock);
        Ok(site)
    }

    fn install(&self, place: &Path, venv: &Path) -> Result<(), Trouble> {
        // Written last: an installation that was broken off is made anew.
        let installed = place.join("installed");
        if std::fs::read_to_string(&installed).is_ok_and(|text| text == self.requirement) {
            return Ok(());
        }
        tell(&format!("installing {} in {} (once)", self.title, place.display()));
        drop(std::fs::remove_file(&installed));
        drop(std::fs::remove_dir_all(venv));
        run(Command::new("python3").args(["-m", "venv"]).arg(venv)).map_err(Trouble::Packages)?;
        run(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"])
            .arg(&self.requirement))
        .map_err(Trouble::Packages)?;
        std::fs::write(&installed, &self.requirement)
            .map_err(|error| Trouble::Broken(format!("cannot write {}: {error}", installed.display())))
    }

    fn make(&self, place: &Path, site: &Site) -> Result<(), Trouble> {
        tell(&format!("making the database of {} (once, some minutes)", self.title));
        let half = tempfile::tempdir_in(place)
            .map_err(|error| Trouble::Broken(format!("no folder in {}: {error}", place.display())))?;
        let database = half.path().join(DATABASE);
        for arguments in self.commands {
            run(site.python(&database).current_dir(&site.scripts).args(*arguments))
                .map_err(Trouble::Broken)?;
        }
        let half = half.keep();
        std::fs::rename(&half, &site.made)
            .map_err(|error| Trouble::Broken(format!("cannot rename {}: {error}", half.display())))
    }

    fn hash(&self, scripts: &Path) -> Result<u64, Trouble> {
        let mut hasher = DefaultHasher::new();
        (&self.requirement, self.commands).hash(&mut hasher);
        for path in self.sources.iter().map(|source| scripts.join(source)) {
            let bytes = std::fs::read(&path);
            let bytes =
                bytes.map_err(|error| Trouble::Broken(format!("cannot read {}: {error}", path.display())))?;
            bytes.hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}

impl Site {
    /// Python with the site's settings and this database.
    pub fn python(&self, database: &Path) -> Command {
        let mut command = Command::new(self.venv.join("bin/python"));
        command
            .env_clear()
            .env("PYTHONPATH", &self.scripts)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .env("DJANGO_SETTINGS_MODULE", "settings")
            .env("NEXUS_TEST_SITE_DB", database);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
    }

    /// A copy of the database and the files beside it, in a folder. The database's path.
    pub(crate) fn copy_into(&self, folder: &Path) -> PathBuf {
        copy(&self.made, folder).expect("copy the site's database");
        folder.join(DATABASE)
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let (entry, target) = entry.map(|entry| (entry.path(), to.join(entry.file_name())))?;
        if entry.is_dir() {
            std::fs::create_dir(&target)?;
            copy(&entry, &target)?;
        } else {
            std::fs::copy(&entry, &target)?;
        }
    }
    Ok(())
}

/// A file or folder below `tests/real`.
pub fn script(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("real").join(path)
}
