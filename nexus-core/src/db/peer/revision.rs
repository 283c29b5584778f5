//! The five revisions and their order.

use std::fmt;
use std::str::FromStr;

use crate::db::chain::{MigrationFile, PEER};

/// A revision of the shared schema, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(non_camel_case_types, reason = "the identifiers as the database holds them")]
pub enum Revision {
    /// Instruments and the session log.
    V1_4_3,
    /// Adds the upload log.
    V2_4_0a,
    /// Checks event types and statuses.
    V2_4_0b,
    /// Adds the users' identifiers in other systems.
    V2_5_0a,
    /// Instruments without computer and calendar name.
    V2_5_0b,
}

/// A text that names no revision of this program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no revision; the revisions are v1_4_3, v2_4_0a, v2_4_0b, v2_5_0a and v2_5_0b")]
pub struct UnknownRevision(pub String);

impl Revision {
    /// The newest.
    pub const HEAD: Self = Self::V2_5_0b;

    /// All, oldest first.
    pub const ALL: [Self; 5] = [Self::V1_4_3, Self::V2_4_0a, Self::V2_4_0b, Self::V2_5_0a, Self::V2_5_0b];

    /// As `alembic_version` holds it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_4_3 => "v1_4_3",
            Self::V2_4_0a => "v2_4_0a",
            Self::V2_4_0b => "v2_4_0b",
            Self::V2_5_0a => "v2_5_0a",
            Self::V2_5_0b => "v2_5_0b",
        }
    }

    /// The one before; none for the first.
    pub fn down(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|other| *other < self)
    }

    /// The one after; none for the newest.
    pub fn up(self) -> Option<Self> {
        Self::ALL.into_iter().find(|other| *other > self)
    }

    /// What it is for, in a sentence.
    pub fn title(self) -> &'static str {
        self.file().and_then(|file| file.header("title")).unwrap_or_default()
    }

    /// Its number in the chain of files, from 1.
    pub(in crate::db) fn version(self) -> i32 {
        match self {
            Self::V1_4_3 => 1,
            Self::V2_4_0a => 2,
            Self::V2_4_0b => 3,
            Self::V2_5_0a => 4,
            Self::V2_5_0b => 5,
        }
    }

    pub(in crate::db) fn file(self) -> Option<&'static MigrationFile> {
        PEER.files.iter().find(|file| file.version == self.version())
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Revision {
    type Err = UnknownRevision;

    fn from_str(text: &str) -> Result<Self, UnknownRevision> {
        Self::ALL
            .into_iter()
            .find(|revision| revision.as_str() == text)
            .ok_or_else(|| UnknownRevision(text.to_owned()))
    }
}
