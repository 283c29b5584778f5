//! A look at a plugin's file before any of its code runs.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::LoadError;

/// Checks that the file may be trusted and can be loaded here; returns its real path. None of its code runs.
///
/// # Errors
/// [`LoadError`], which names the file.
pub fn inspect(path: &Path) -> Result<PathBuf, LoadError> {
    if !path.is_absolute() {
        return Err(LoadError::NotAbsolute { file: path.to_owned() });
    }
    let unreadable = |source| LoadError::Unreadable { file: path.to_owned(), source };
    let file = path.canonicalize().map_err(unreadable)?;
    let metadata = fs::metadata(&file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(LoadError::NotAFile { file });
    }
    if let Some(place) = world_writable(&file).map_err(unreadable)? {
        return Err(LoadError::WorldWritable { file, place });
    }

    let mut start = Vec::new();
    File::open(&file).and_then(|open| open.take(20).read_to_end(&mut start)).map_err(unreadable)?;
    check_format(&file, &start)?;
    Ok(file)
}

/// What everybody may write: the file itself, or the folder it could be swapped in. A sticky folder
/// (`/tmp`) is no danger: only the owner of a file there can replace it.
///
/// # Errors
/// The system does not tell.
#[cfg(unix)]
pub fn world_writable(file: &Path) -> Result<Option<PathBuf>, std::io::Error> {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;

    if fs::metadata(file)?.permissions().mode() & OTHERS_WRITE != 0 {
        return Ok(Some(file.to_owned()));
    }
    let Some(folder) = file.parent() else { return Ok(None) };
    let mode = fs::metadata(folder)?.permissions().mode();
    Ok((mode & OTHERS_WRITE != 0 && mode & STICKY == 0).then(|| folder.to_owned()))
}

/// What everybody may write; here nobody can tell.
///
/// # Errors
/// None.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "one signature on every system")]
pub fn world_writable(_file: &Path) -> Result<Option<PathBuf>, std::io::Error> {
    Ok(None)
}

/// ELF: a 16-byte identity (magic, word size, byte order), then the type and the machine.
#[cfg(target_os = "linux")]
fn check_format(file: &Path, start: &[u8]) -> Result<(), LoadError> {
    const MAGIC: [u8; 4] = *b"\x7fELF";
    const SHARED_OBJECT: u16 = 3;

    let not_a_library =
        |found: &str| Err(LoadError::NotALibrary { file: file.to_owned(), found: found.to_owned() });
    if start.is_empty() {
        return not_a_library("is empty");
    }
    if !start.starts_with(&MAGIC) {
        return not_a_library(if start.starts_with(b"#!") {
            "is a script; a script is named with `command`, not `library`"
        } else {
            "does not begin like an ELF file"
        });
    }
    let &[
        _,
        _,
        _,
        _,
        word_size,
        byte_order,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        kind_0,
        kind_1,
        machine_0,
        machine_1,
    ] = start
    else {
        return not_a_library("is cut off after the first bytes");
    };
    let number = |bytes: [u8; 2]| {
        if byte_order == 2 { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    };
    let built_for = Machine { word_size, byte_order, number: number([machine_0, machine_1]) };
    if Machine::HERE.number != 0 && built_for != Machine::HERE {
        return Err(LoadError::WrongArchitecture {
            file: file.to_owned(),
            found: built_for.to_string(),
            wanted: Machine::HERE.to_string(),
        });
    }
    if number([kind_0, kind_1]) != SHARED_OBJECT {
        return not_a_library("is an ELF file of another kind, such as an object file or a core dump");
    }
    Ok(())
}

/// Elsewhere the system's loader is left to say it.
#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps, reason = "one signature on every system")]
fn check_format(_file: &Path, _start: &[u8]) -> Result<(), LoadError> {
    Ok(())
}

#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    /// 1: 32 bits, 2: 64 bits.
    word_size: u8,
    /// 1: little endian, 2: big endian.
    byte_order: u8,
    /// The number ELF has for the processor.
    number: u16,
}

#[cfg(target_os = "linux")]
impl Machine {
    /// The machine this program was built for; number 0 for one that is not in the list, where the
    /// system's loader is left to say it.
    const HERE: Self = Self {
        word_size: if cfg!(target_pointer_width = "64") { 2 } else { 1 },
        byte_order: if cfg!(target_endian = "little") { 1 } else { 2 },
        number: if cfg!(target_arch = "x86_64") {
            62
        } else if cfg!(target_arch = "aarch64") {
            183
        } else if cfg!(any(target_arch = "riscv64", target_arch = "riscv32")) {
            243
        } else if cfg!(target_arch = "x86") {
            3
        } else if cfg!(target_arch = "arm") {
            40
        } else if cfg!(target_arch = "powerpc64") {
            21
        } else if cfg!(target_arch = "s390x") {
            22
        } else {
            0
        },
    };
}

#[cfg(target_os = "linux")]
impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            3 => f.write_str("x86")?,
            20 | 21 => f.write_str("powerpc")?,
            22 => f.write_str("s390")?,
            40 => f.write_str("arm")?,
            62 => f.write_str("x86_64")?,
            183 => f.write_str("aarch64")?,
            243 => f.write_str("riscv")?,
            other => write!(f, "machine {other}")?,
        }
        let bits = if self.word_size == 2 { 64 } else { 32 };
        let order = if self.byte_order == 2 { "big" } else { "little" };
        write!(f, " ({bits} bits, {order} endian)")
    }
}
