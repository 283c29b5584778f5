//! A folder of its own for each test, the built `nexus` run in it, and what it answered.

#![allow(dead_code, reason = "every test file uses a part of this")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

pub mod facility;

/// A folder that is gone when the test ends.
pub struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A copy of a database from `tests/testdata/db`, under the same name.
    pub fn fixture(&self, name: &str) -> PathBuf {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testdata/db").join(name);
        let content = fs::read(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        self.write(name, content)
    }

    /// `nexus` in this folder, without the settings of whoever runs the test.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nexus"));
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("NX_") || name.starts_with("NEXUS_")) {
                command.env_remove(name);
            }
        }
        command.current_dir(self.dir.path()).args(args);
        command
    }

    /// Runs `nexus` in this folder to its end.
    pub fn nexus<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        self.finish(&mut self.command(args))
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Outcome {
        let output = command.output().unwrap();
        let text = |bytes| self.without_folder(&String::from_utf8(bytes).unwrap());
        Outcome { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The names in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The folder's name differs in every run: messages are compared with `[DIR]` in its place.
    fn without_folder(&self, text: &str) -> String {
        let dir = self.dir.path();
        let real = dir.canonicalize().unwrap();
        text.replace(real.to_str().unwrap(), "[DIR]").replace(dir.to_str().unwrap(), "[DIR]")
    }
}

/// What a command answered.
#[derive(Debug)]
pub struct Outcome {
    /// None if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// It ended with this code.
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// It was done, and complained about nothing; returns what it printed.
    #[track_caller]
    pub fn done(self) -> String {
        let outcome = self.code(0);
        assert_eq!(outcome.stderr, "", "\nstdout: {}", outcome.stdout);
        outcome.stdout
    }

    /// It was refused with this code and exactly this text, and printed nothing else.
    #[track_caller]
    pub fn refused(self, code: i32, text: &str) {
        let outcome = self.code(code);
        assert_eq!(outcome.stdout, "");
        assert_eq!(outcome.stderr.trim_end(), text.trim_end());
    }

    /// The JSON it printed.
    #[track_caller]
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.done()).unwrap()
    }
}
