//! Whether the storage below an instrument is the one it was in the last run.
//!
//! When a mount is missing, its empty mount point is found instead, or another system's files. Sessions must
//! then wait; without this they would be settled as having no files.
//!
//! A storage is known by the kind of its file system and the identifier that the file system says it has.
//! The device number will not do: it changes with the order in which devices are found and mounts are made.
//! For the same reason an identifier that merely repeats the device number (XFS, FAT) does not count, nor does that
//! of an overlay, which is a new one in every container. Network file systems often have none (NFS). Then the kind
//! alone is compared, which still tells a share from the bare mount point.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};
use rustix::fs::{AtFlags, CWD, StatxFlags};
use serde::{Deserialize, Serialize};

use crate::meta;
use crate::own_table::OwnTableError;

/// The fact of `nexus_meta` that holds all storages: a JSON map from root to identity.
const KEY: &str = "storage";

/// What tells one storage from another; the same after a reboot and after a remount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Kind of the file system, such as `ext4` or `nfs`; its number if it has no name here.
    pub kind: String,
    /// The file system's own identifier, in hexadecimal; `None`: it has none that lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl Identity {
    /// The storage that a folder lies on now.
    ///
    /// # Errors
    /// The folder is not there or cannot be asked.
    pub fn of(root: &Path) -> io::Result<Self> {
        let kind = kind(&format!("{:x}", rustix::fs::statfs(root)?.f_type));
        let id = rustix::fs::statvfs(root)?.f_fsid;
        let facts = rustix::fs::statx(CWD, root, AtFlags::empty(), StatxFlags::empty())?;
        let device = device_number(facts.stx_dev_major, facts.stx_dev_minor);
        let lasts = id != 0 && id != device && kind != "overlay";
        Ok(Self { kind, id: lasts.then(|| format!("{id:016x}")) })
    }

    /// Whether both may be the same storage: an identifier that one of them lacks decides nothing.
    fn may_be(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (&self.id, &other.id) {
                (Some(one), Some(another)) => one == another,
                _ => true,
            }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "{} ({id})", self.kind),
            None => f.write_str(&self.kind),
        }
    }
}

/// The device number as file systems without an identifier repeat it.
fn device_number(major: u32, minor: u32) -> u64 {
    let (major, minor) = (u64::from(major), u64::from(minor));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// The name of a kind of file system, by its number in hexadecimal (Linux, `statfs(2)`).
fn kind(number: &str) -> String {
    // The C library of a 32-bit system extends the sign.
    let name = match number.strip_prefix("ffffffff").unwrap_or(number) {
        "ef53" => "ext4",
        "58465342" => "xfs",
        "9123683e" => "btrfs",
        "2fc12fc1" => "zfs",
        "ca451a4e" => "bcachefs",
        "f2f52010" => "f2fs",
        "6969" => "nfs",
        "ff534d42" | "fe534d42" | "517b" => "cifs",
        "65735546" => "fuse",
        "794c7630" => "overlay",
        "1021994" => "tmpfs",
        "858458f6" => "ramfs",
        "4d44" => "vfat",
        "2011bab0" => "exfat",
        "7366746e" | "5346544e" => "ntfs",
        "c36400" => "ceph",
        "bd00bd0" => "lustre",
        "47504653" => "gpfs",
        "19830326" => "fhgfs",
        "1161970" => "gfs2",
        "7461636f" => "ocfs2",
        "5346414f" => "afs",
        "1021997" => "9p",
        "187" => "autofs",
        "73717368" => "squashfs",
        "9660" => "iso9660",
        _ => return format!("file system 0x{number}"),
    };
    name.to_owned()
}

/// The storages of the last runs, by root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Known(BTreeMap<String, Identity>);

/// A root that is not on the storage it was on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub root: PathBuf,
    /// What is remembered.
    pub was: Identity,
    /// What is there now.
    pub is: Identity,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "instrument folder `{}` was on {} in the last run and is on {} now: is its storage mounted? \
             If it has moved, say so with `--accept-storage`",
            self.root.display(),
            self.was,
            self.is
        )
    }
}

/// What is remembered.
pub fn known(connection: &Connection) -> Result<Known, OwnTableError> {
    let Some(text) = meta::get(connection, KEY)? else { return Ok(Known::default()) };
    serde_json::from_str(&text).map_err(|error| OwnTableError {
        what: format!("understand `{KEY}` in nexus_meta"),
        source: rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)),
    })
}

/// Whether a root is on another storage than is remembered. A root that is met for the first time has not
/// changed, nor has one that cannot be asked: the walk says what is the matter with it.
pub fn changed(known: &Known, root: &Path) -> Option<Change> {
    known.compare(root, Identity::of(root).ok()?)
}

impl Known {
    fn compare(&self, root: &Path, is: Identity) -> Option<Change> {
        let was = self.0.get(&*root.to_string_lossy())?;
        (!was.may_be(&is)).then(|| Change { root: root.to_owned(), was: was.clone(), is })
    }
}

/// Remembers the storages of some roots, and tells whether that changed anything; writes nothing if not.
///
/// To be given only roots that hold files, so that an empty mount point of a first run is not taken for
/// the storage, and that have not [`changed`], or whose change somebody has accepted.
pub fn remember<'a>(
    tx: &Transaction<'_>,
    roots: impl IntoIterator<Item = (&'a Path, Identity)>,
) -> Result<bool, OwnTableError> {
    let before = known(tx)?;
    let mut after = before.clone();
    for (root, is) in roots {
        let root = root.to_string_lossy().into_owned();
        match after.0.get(&root) {
            // What is known is not given up for less.
            Some(was) if is.id.is_none() && was.may_be(&is) => {}
            _ => {
                after.0.insert(root, is);
            }
        }
    }
    if before == after {
        return Ok(false);
    }
    let text = serde_json::to_string(&after).map_err(|error| OwnTableError {
        what: format!("write `{KEY}` as JSON"),
        source: rusqlite::Error::ToSqlConversionFailure(Box::new(error)),
    })?;
    meta::set(tx, KEY, &text)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Database;

    fn identity(kind: &str, id: Option<&str>) -> Identity {
        Identity { kind: kind.to_owned(), id: id.map(str::to_owned) }
    }

    fn change(was: &Identity, is: &Identity) -> Option<Change> {
        Known([("/m".to_owned(), was.clone())].into()).compare(Path::new("/m"), is.clone())
    }

    #[test]
    fn a_change_needs_two_kinds_or_two_identifiers() {
        let (one, two, none) =
            (identity("ext4", Some("1")), identity("ext4", Some("2")), identity("ext4", None));
        let share = identity("nfs", None);
        for (was, is, changed) in [
            (&one, &one, false),
            (&one, &two, true),
            (&one, &none, false),
            (&none, &one, false),
            (&share, &none, true),
            (&share, &share, false),
        ] {
            assert_eq!(change(was, is).is_some(), changed, "{was} -> {is}");
        }
    }

    #[test]
    fn a_change_says_what_was_and_what_to_do() {
        let text = change(&identity("nfs", None), &identity("ext4", Some("0a"))).unwrap().to_string();
        for part in ["`/m`", "was on nfs", "is on ext4 (0a) now", "mounted", "--accept-storage"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_is_remembered_is_written_once() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        let (a, b) = (Path::new("/a"), Path::new("/b"));
        assert_eq!(known(&tx).unwrap(), Known::default());
        let full = identity("ext4", Some("1"));
        assert!(remember(&tx, [(a, full.clone()), (b, identity("nfs", None))]).unwrap());
        assert!(!remember(&tx, [(a, full.clone())]).unwrap());
        assert!(!remember(&tx, [(a, identity("ext4", None))]).unwrap());
        let remembered = known(&tx).unwrap();
        assert_eq!(remembered.compare(a, full), None);
        assert!(remembered.compare(a, identity("nfs", None)).is_some());
        assert!(remembered.compare(b, identity("ext4", None)).is_some());
        assert_eq!(remembered.compare(Path::new("/new"), identity("xfs", None)), None);
        assert!(remember(&tx, [(b, identity("xfs", None))]).unwrap());
        assert_eq!(known(&tx).unwrap().compare(b, identity("xfs", None)), None);
    }

    #[test]
    fn a_row_that_somebody_spoilt_is_named() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        meta::set(&tx, KEY, "{").unwrap();
        assert!(known(&tx).unwrap_err().to_string().contains("`storage`"));
    }

    #[test]
    fn a_folder_is_on_the_storage_that_its_neighbours_are_on() {
        let dir = tempfile::tempdir().unwrap();
        let sub = dir.path().join("sub");
        std::fs::create_dir(&sub).unwrap();
        let here = Identity::of(dir.path()).unwrap();
        assert!(!here.kind.is_empty());
        assert_eq!(Identity::of(&sub).unwrap(), here);
        assert!(Identity::of(&dir.path().join("gone")).is_err());
        let known = Known([(dir.path().to_string_lossy().into_owned(), here)].into());
        assert_eq!(changed(&known, dir.path()), None);
        assert_eq!(changed(&known, &dir.path().join("gone")), None);
    }

    /// `/proc` is on a file system of its own wherever there is Linux.
    #[test]
    fn another_file_system_is_a_change() {
        let proc = Path::new("/proc");
        let dir = tempfile::tempdir().unwrap();
        let known = Known([("/proc".to_owned(), Identity::of(dir.path()).unwrap())].into());
        let change = changed(&known, proc).unwrap();
        assert_eq!((change.root.as_path(), change.is), (proc, Identity::of(proc).unwrap()));
    }

    #[test]
    fn device_numbers_are_put_together_as_linux_does() {
        assert_eq!(device_number(8, 1), 0x801);
        assert_eq!(device_number(259, 0x345), 0x0030_0000 | (259 << 8) | 0x45);
    }

    #[test]
    fn kinds_have_names() {
        assert_eq!(kind("ef53"), "ext4");
        assert_eq!(kind("ffffffffff534d42"), "cifs");
        assert_eq!(kind("abc"), "file system 0xabc");
    }
}
