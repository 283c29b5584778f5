//! A look at a program's files before any of its code runs.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use nexus_plugin_api::host::world_writable;

use crate::record::sha256_hex;

/// Why a plugin that is a program is not started.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No words at all.
    #[error("the command is empty")]
    NoProgram,
    /// It is in none of the folders.
    #[error(
        "there is no program `{program}` in the absolute folders of PATH; the folder of the configuration is not searched"
    )]
    NotInPath {
        /// Its name.
        program: String,
    },
    /// Nothing is there, or no file.
    #[error("there is no program `{}`", program.display())]
    Missing {
        /// Where it should be.
        program: PathBuf,
    },
    /// A file that nobody marked as a program.
    #[error("`{}` is not executable: name the program that runs it first, or make it one (chmod +x)", program.display())]
    NotExecutable {
        /// The file.
        program: PathBuf,
    },
    /// Anybody on this machine could put their own code there.
    #[error(
        "`{}` is refused: everybody may write `{}`; take that right away (chmod o-w)",
        file.display(),
        place.display()
    )]
    WorldWritable {
        /// The program or script.
        file: PathBuf,
        /// What everybody may write: the file or its folder.
        place: PathBuf,
    },
    /// Another file than the one that was pinned.
    #[error("`{}` has SHA-256 {found}, not the pinned {wanted}", file.display())]
    Pin {
        /// The script, program or library.
        file: PathBuf,
        /// Its digest.
        found: String,
        /// The digest of the configuration.
        wanted: String,
    },
    /// The file system says no.
    #[error("`{}` cannot be read: {source}", file.display())]
    Unreadable {
        /// The program or script.
        file: PathBuf,
        /// Its reason.
        source: io::Error,
    },
}

/// What is behind the system's refusal to start a program that is there: it speaks of the interpreter as if it were the
/// program. Empty if nothing more is known.
pub(super) fn behind(program: &Path, refusal: &io::Error) -> String {
    let mut start = [0; 256];
    let read = fs::File::open(program).and_then(|mut file| file.read(&mut start)).unwrap_or_default();
    let start = start.get(..read).unwrap_or_default();
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let interpreter = first.strip_prefix(b"#!").map(|rest| {
        let rest = String::from_utf8_lossy(rest).trim_start().to_owned();
        rest.split([' ', '\t']).next().unwrap_or_default().to_owned()
    });
    match (refusal.kind(), interpreter) {
        (io::ErrorKind::NotFound, Some(_)) if first.ends_with(b"\r") => ": its lines end as those of Windows do, so the \
             interpreter it names has a carriage return at its end: save it with the line ends of Linux (`dos2unix`)"
            .to_owned(),
        (io::ErrorKind::NotFound, Some(interpreter)) => {
            format!(": the file is there, but not the interpreter `{interpreter}` that its first line names")
        }
        (io::ErrorKind::NotFound, None) if start.starts_with(b"\x7fELF") => {
            ": the file is there, but not the loader it was built for (another C library or another architecture)".to_owned()
        }
        (_, None) if refusal.raw_os_error() == Some(NO_PROGRAM) && !start.starts_with(b"\x7fELF") => {
            ": it is a script whose first line names no interpreter (`#!/usr/bin/env python3`): write one, or name the \
             interpreter first in `command`"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// What Linux calls a file that it does not know how to run (ENOEXEC).
const NO_PROGRAM: i32 = 8;

/// A command whose program was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program; absolute, links not followed: some programs look at the name by which they are called.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The first argument that is a file; absolute.
    pub script: Option<PathBuf>,
}

impl Program {
    /// Looks a command up. A name without `/` is looked for in the absolute folders of `search` (a value of
    /// PATH), one with `/` starts at `folder`.
    ///
    /// # Errors
    /// There is no such program.
    pub fn find(words: &[String], folder: &Path, search: Option<&OsString>) -> Result<Self, FileError> {
        let (program, arguments) = words.split_first().ok_or(FileError::NoProgram)?;
        let path = if program.contains('/') {
            let path = folder.join(program);
            let metadata = fs::metadata(&path).map_err(|_| FileError::Missing { program: path.clone() })?;
            if !metadata.is_file() {
                return Err(FileError::Missing { program: path });
            }
            if !is_executable(&metadata) {
                return Err(FileError::NotExecutable { program: path });
            }
            path
        } else {
            search
                .into_iter()
                .flat_map(std::env::split_paths)
                .filter(|folder| folder.is_absolute())
                .map(|folder| folder.join(program))
                .find(|path| fs::metadata(path).is_ok_and(|found| found.is_file() && is_executable(&found)))
                .ok_or_else(|| FileError::NotInPath { program: program.clone() })?
        };
        let script = arguments.iter().map(|word| folder.join(word)).find(|path| path.is_file());
        Ok(Self { path, arguments: arguments.iter().map(OsString::from).collect(), script })
    }

    /// The file that makes this plugin what it is: the script, or the program where there is none.
    pub fn identity(&self) -> &Path {
        self.script.as_deref().unwrap_or(&self.path)
    }

    /// Checks that nobody could have put other code there, and that it is what was pinned.
    ///
    /// # Errors
    /// [`FileError`], which names the file.
    pub fn check(&self, pin: Option<&str>) -> Result<(), FileError> {
        for file in std::iter::once(&self.path).chain(&self.script) {
            trusted(file)?;
        }
        check_pin(self.identity(), pin)
    }
}

/// Nobody but its owners may write a file, nor the folder where its name or the file itself lies.
fn trusted(file: &Path) -> Result<(), FileError> {
    let unreadable = |source| FileError::Unreadable { file: file.to_owned(), source };
    let real = file.canonicalize().map_err(unreadable)?;
    for name in [file, &real] {
        if let Some(place) = world_writable(name).map_err(unreadable)? {
            return Err(FileError::WorldWritable { file: file.to_owned(), place });
        }
    }
    Ok(())
}

/// The file is the one that was pinned, if one was.
///
/// # Errors
/// It is another one, or cannot be read.
pub(super) fn check_pin(file: &Path, pin: Option<&str>) -> Result<(), FileError> {
    let Some(wanted) = pin else { return Ok(()) };
    let bytes = fs::read(file).map_err(|source| FileError::Unreadable { file: file.to_owned(), source })?;
    let found = sha256_hex(&bytes);
    if found == wanted {
        return Ok(());
    }
    Err(FileError::Pin { file: file.to_owned(), found, wanted: wanted.to_owned() })
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_metadata: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn put(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "text").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_bare_name_is_looked_up_in_absolute_folders_only() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("tool"), 0o755);
        put(&home.path().join("bin/tool"), 0o755);
        put(&home.path().join("first/tool"), 0o644);
        let folders = ["", ".", "bin"].map(PathBuf::from).into_iter();
        let search = std::env::join_paths(folders.clone()).unwrap();
        let error = Program::find(&words(&["tool"]), home.path(), Some(&search)).unwrap_err();
        assert!(matches!(error, FileError::NotInPath { .. }), "{error}");
        // What is not executable is passed over, as shells do.
        let search =
            std::env::join_paths(folders.chain([home.path().join("first"), home.path().join("bin")]))
                .unwrap();
        let found = Program::find(&words(&["tool"]), home.path(), Some(&search)).unwrap();
        assert_eq!(found.path, home.path().join("bin/tool"));
        assert!(Program::find(&words(&["tool"]), home.path(), None).is_err());
    }

    #[test]
    fn a_name_with_a_slash_starts_at_the_folder() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("bin/tool"), 0o755);
        put(&home.path().join("bin/text"), 0o644);
        put(&home.path().join("share.py"), 0o644);
        let find = |list: &[&str]| Program::find(&words(list), home.path(), None);
        let found = find(&["bin/tool", "-u", "share.py", "bin/text"]).unwrap();
        assert_eq!(found.identity(), home.path().join("share.py"));
        assert_eq!(found.arguments, ["-u", "share.py", "bin/text"]);
        assert_eq!(find(&["bin/tool", "-u"]).unwrap().identity(), home.path().join("bin/tool"));
        assert!(matches!(find(&["./bin/text"]), Err(FileError::NotExecutable { .. })));
        assert!(matches!(find(&["./bin"]), Err(FileError::Missing { .. })));
        assert!(matches!(find(&[]), Err(FileError::NoProgram)));
    }

    #[test]
    fn what_everybody_may_write_is_refused_with_its_place() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| home.path().join(name);
        put(&path("bin/tool"), 0o755);
        put(&path("plugins/share.py"), 0o644);
        put(&path("plugins/open.py"), 0o646);
        put(&path("open/share.py"), 0o644);
        fs::set_permissions(path("open"), fs::Permissions::from_mode(0o777)).unwrap();
        std::os::unix::fs::symlink(path("plugins/share.py"), path("open/link.py")).unwrap();
        let place = |script: &str| match Program::find(&words(&["bin/tool", script]), home.path(), None)
            .unwrap()
            .check(None)
        {
            Err(FileError::WorldWritable { place, .. }) => Some(place),
            Err(other) => panic!("{other}"),
            Ok(()) => None,
        };
        assert_eq!(place("plugins/share.py"), None);
        assert_eq!(place("plugins/open.py"), Some(path("plugins/open.py")));
        assert_eq!(place("open/share.py"), Some(path("open")));
        assert_eq!(place("open/link.py"), Some(path("open")));
        fs::set_permissions(path("open"), fs::Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(place("open/share.py"), None);
        fs::set_permissions(path("bin/tool"), fs::Permissions::from_mode(0o757)).unwrap();
        assert_eq!(place("plugins/share.py"), Some(path("bin/tool")));
    }

    #[test]
    fn a_pin_is_of_the_script() {
        let home = tempfile::tempdir().unwrap();
        put(&home.path().join("tool"), 0o755);
        put(&home.path().join("share.py"), 0o644);
        fs::write(home.path().join("share.py"), "other").unwrap();
        let program = Program::find(&words(&["./tool", "share.py"]), home.path(), None).unwrap();
        program.check(Some(&sha256_hex(b"other"))).unwrap();
        let error = program.check(Some(&sha256_hex(b"text"))).unwrap_err().to_string();
        assert!(error.contains("share.py` has SHA-256") && error.contains(&sha256_hex(b"other")), "{error}");
    }
}
