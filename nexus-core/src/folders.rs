//! Where things are on disk. Paths are never stored in the database; they follow from these and a name.

use std::path::{Path, PathBuf};

/// The folders of a facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Root of the instruments' files; never written to.
    pub instrument_data: PathBuf,
    /// Root of previews and side files; holds the lock.
    pub data: PathBuf,
    /// Records that still have somewhere to go.
    pub records: PathBuf,
}

impl Folders {
    /// Records that are delivered everywhere.
    pub fn uploaded(&self) -> PathBuf {
        self.records.join("uploaded")
    }

    /// Records that did not agree with their schema, kept for inspection.
    pub fn rejected(&self) -> PathBuf {
        self.records.join("rejected")
    }

    /// Where an invalid record is kept.
    pub fn rejected_record(&self, record_name: &str) -> PathBuf {
        self.rejected().join(format!("{record_name}.xml"))
    }

    /// Files that cross to plugins during a run.
    pub fn scratch(&self) -> PathBuf {
        self.data.join(".scratch")
    }

    /// Where a record is written first.
    pub fn fresh_record(&self, record_name: &str) -> PathBuf {
        self.records.join(format!("{record_name}.xml"))
    }

    /// Where it goes when it is delivered everywhere.
    pub fn uploaded_record(&self, record_name: &str) -> PathBuf {
        self.uploaded().join(format!("{record_name}.xml"))
    }

    /// Where a record is now; `None` if it is gone.
    pub fn find_record(&self, record_name: &str) -> Option<PathBuf> {
        [self.fresh_record(record_name), self.uploaded_record(record_name)]
            .into_iter()
            .find(|path| path.is_file())
    }

    /// Root of an instrument's files. Leading slashes of the stored path do not count.
    pub fn instrument(&self, filestore_path: &str) -> PathBuf {
        let relative = Path::new(filestore_path.trim_start_matches('/'));
        let clean: PathBuf =
            relative.components().filter(|part| !matches!(part, std::path::Component::CurDir)).collect();
        self.instrument_data.join(clean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruments_folder_lies_below_the_instrument_data() {
        let folders = Folders {
            instrument_data: "/mnt/i".into(),
            data: "/mnt/n".into(),
            records: "/mnt/n/records".into(),
        };
        assert_eq!(folders.instrument("./sem_one"), Path::new("/mnt/i/sem_one"));
        assert_eq!(folders.instrument("/sem/two"), Path::new("/mnt/i/sem/two"));
    }
}
