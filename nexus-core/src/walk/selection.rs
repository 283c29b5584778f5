//! Which files count at all, by their names.

use std::ffi::OsStr;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Which files count at all.
#[derive(Debug, Clone)]
pub struct Selection {
    suffixes: Option<Vec<String>>,
    ignore: GlobSet,
}

impl Selection {
    /// Files with one of `suffixes` (compared without regard to case; `None`: every file) whose name
    /// matches none of the `ignore` globs (without regard to case).
    ///
    /// # Errors
    /// A glob cannot be read.
    pub fn new(suffixes: Option<&[String]>, ignore: &[String]) -> Result<Self, globset::Error> {
        let mut globs = GlobSetBuilder::new();
        for pattern in ignore {
            globs.add(GlobBuilder::new(pattern).case_insensitive(true).build()?);
        }
        Ok(Self {
            suffixes: suffixes
                .map(|list| list.iter().map(|s| s.trim_start_matches('.').to_lowercase()).collect()),
            ignore: globs.build()?,
        })
    }

    /// Whether a file of this name counts.
    pub fn accepts(&self, name: &OsStr) -> bool {
        let suffix_fits = self.suffixes.as_ref().is_none_or(|list| {
            Path::new(name)
                .extension()
                .and_then(OsStr::to_str)
                .is_some_and(|suffix| list.iter().any(|wanted| wanted.eq_ignore_ascii_case(suffix)))
        });
        suffix_fits && !self.ignore.is_match(Path::new(name))
    }
}
