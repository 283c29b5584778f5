//! Why a plugin cannot be used at all.

use std::fmt;
use std::path::PathBuf;

use crate::abi::ENTRY_SYMBOL;
use crate::message::VersionError;

/// Where a plugin came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A library.
    File(PathBuf),
    /// A program, as the configuration names it.
    Program(String),
    /// This program.
    Linked,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "plugin library `{}`", path.display()),
            Self::Program(command) => write!(f, "plugin program `{command}`"),
            Self::Linked => f.write_str("a linked plugin"),
        }
    }
}

/// A plugin that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A relative path.
    #[error("plugin library `{}` is not an absolute path; no folder is searched", file.display())]
    NotAbsolute {
        /// The path as given.
        file: PathBuf,
    },
    /// The file system says no.
    #[error("plugin library `{}` cannot be read", file.display())]
    Unreadable {
        /// The path as given.
        file: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
    /// A folder, a socket, ….
    #[error("plugin library `{}` is not a file", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
    },
    /// Anybody on this machine could put their own code there.
    #[error(
        "plugin library `{}` is refused: everybody may write `{}`; take that right away (chmod o-w)",
        file.display(),
        place.display()
    )]
    WorldWritable {
        /// The library.
        file: PathBuf,
        /// What everybody may write: the file or its folder.
        place: PathBuf,
    },
    /// Not the format of this system's shared libraries.
    #[error("`{}` is not a shared library: it {found}", file.display())]
    NotALibrary {
        /// The file.
        file: PathBuf,
        /// What it looks like: a verb and what follows.
        found: String,
    },
    /// Made for another machine.
    #[error("plugin library `{}` is built for {found}, this program runs on {wanted}", file.display())]
    WrongArchitecture {
        /// The library.
        file: PathBuf,
        /// What it was built for.
        found: String,
        /// What is needed.
        wanted: String,
    },
    /// The system's loader says no: a library it needs is missing, ….
    #[error("plugin library `{}` cannot be loaded", file.display())]
    Open {
        /// The library.
        file: PathBuf,
        /// The loader's reason.
        source: libloading::Error,
    },
    /// A library, but no plugin.
    #[error(
        "`{}` is a shared library but no nexus plugin: it has no symbol `{ENTRY_SYMBOL}`",
        file.display()
    )]
    NoEntry {
        /// The library.
        file: PathBuf,
        /// The loader's reason.
        source: libloading::Error,
    },
    /// The entry returned null, or something no table can be.
    #[error("{origin} gave no function table")]
    NoTable {
        /// Which plugin.
        origin: Origin,
    },
    /// Another layout.
    #[error("{origin} was built for plugin ABI {theirs}, this program speaks {ours}; {}", older(*theirs, *ours))]
    AbiVersion {
        /// Which plugin.
        origin: Origin,
        /// Its layout.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// Less of a table than its version has.
    #[error("{origin} has a function table of {theirs} bytes, ABI {version} has at least {least}")]
    TableSize {
        /// Which plugin.
        origin: Origin,
        /// The size it states.
        theirs: u32,
        /// The size of the smallest table of this ABI.
        least: u32,
        /// The version both speak.
        version: u32,
    },
    /// A null pointer in the table.
    #[error("{origin} has no function `{function}` in its table")]
    MissingFunction {
        /// Which plugin.
        origin: Origin,
        /// Which function.
        function: &'static str,
    },
    /// No manifest, or not one that can be read.
    #[error("{origin} gave no usable manifest: {reason}")]
    Manifest {
        /// Which plugin.
        origin: Origin,
        /// What is wrong with it.
        reason: String,
    },
    /// A name no configuration could use.
    #[error("{origin} calls itself `{name}`; a name is 1 to 64 of a-z, 0-9, hyphen, underscore")]
    Name {
        /// Which plugin.
        origin: Origin,
        /// The name.
        name: String,
    },
    /// Another protocol.
    #[error("plugin `{name}` ({origin}) cannot be used")]
    Protocol {
        /// Which plugin.
        origin: Origin,
        /// Its name.
        name: String,
        /// Both versions.
        source: VersionError,
    },
}

fn older(theirs: u32, ours: u32) -> &'static str {
    if theirs > ours { "a newer nexus is needed" } else { "the plugin must be built again" }
}
