//! One folder as the system shows it: its identity, its entries, the look at a file.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, Statx, StatxFlags};
use rustix::io::Errno;

/// Room for the answers of one call: the whole of most folders.
const BUFFER: usize = 32 * 1024;

/// Which folder it is, whatever its name.
///
/// The time of its last change belongs to it. Some storage shows older states of a folder beside the present one
/// (snapshots) under the same number: the present one must be read too. A folder that changes between
/// two looks is at worst read twice.
// Packed, since one is held for every folder of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(Rust, packed(4))]
pub(super) struct Identity {
    device: (u32, u32),
    number: u64,
    changed_seconds: i64,
    changed_nanos: u32,
}

impl Identity {
    pub(super) fn of_path(path: &Path) -> Result<(Self, FileType), Errno> {
        let facts = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS)?;
        Ok((Self::from(&facts), kind(&facts)))
    }

    pub(super) fn of_open(folder: impl AsFd) -> Result<Self, Errno> {
        let facts = rustix::fs::statx(folder, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        Ok(Self::from(&facts))
    }
}

impl From<&Statx> for Identity {
    fn from(facts: &Statx) -> Self {
        Self {
            device: (facts.stx_dev_major, facts.stx_dev_minor),
            number: facts.stx_ino,
            changed_seconds: facts.stx_ctime.tv_sec,
            changed_nanos: facts.stx_ctime.tv_nsec,
        }
    }
}

fn kind(facts: &Statx) -> FileType {
    FileType::from_raw_mode(facts.stx_mode.into())
}

/// Opens a folder for reading; `follow`: also one that is reached through a link.
pub(super) fn open(path: &Path, follow: bool) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, if follow { flags } else { flags | OFlags::NOFOLLOW }, Mode::empty())
}

/// Shows every entry but `.` and `..`, with its kind; the reading ends at the first error.
pub(super) fn each_entry(folder: impl AsFd, mut show: impl FnMut(&CStr, FileType)) -> Result<(), Errno> {
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(Errno::INTR) => continue,
            // Linux says so of a folder that was removed while it was read.
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(error),
        };
        let name = entry.file_name();
        if name != c"." && name != c".." {
            show(name, entry.file_type());
        }
    }
    Ok(())
}

/// What an entry is, where the listing does not say.
pub(super) fn kind_of(folder: impl AsFd, name: &CStr) -> Result<FileType, Errno> {
    rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE).map(|facts| kind(&facts))
}

/// Modification time and size of a regular file; `None`: it has become something else.
pub(super) fn look(folder: impl AsFd, name: &CStr) -> Result<Option<(SystemTime, u64)>, Errno> {
    let wanted = StatxFlags::TYPE | StatxFlags::MTIME | StatxFlags::SIZE;
    let facts = rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, wanted)?;
    if kind(&facts) != FileType::RegularFile {
        return Ok(None);
    }
    let modified = time(facts.stx_mtime.tv_sec, facts.stx_mtime.tv_nsec).ok_or(Errno::OVERFLOW)?;
    Ok(Some((modified, facts.stx_size)))
}

fn time(seconds: i64, nanoseconds: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let second = if seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    second?.checked_add(Duration::from_nanos(nanoseconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_count_forward_from_their_second() {
        let half = Duration::from_millis(500);
        assert_eq!(time(-1, 500_000_000), UNIX_EPOCH.checked_sub(half));
        assert_eq!(time(1, 500_000_000), UNIX_EPOCH.checked_add(Duration::from_secs(1) + half));
        let _ = (time(i64::MIN, 0), time(i64::MAX, u32::MAX));
    }
}
