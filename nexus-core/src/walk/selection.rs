//! Which files count at all, by their names.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Which files count at all.
#[derive(Debug, Clone)]
pub struct Selection {
    suffixes: Option<Vec<Suffix>>,
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
            suffixes: suffixes.map(|list| list.iter().map(|suffix| Suffix::new(suffix)).collect()),
            ignore: globs.build()?,
        })
    }

    /// Whether a file of this name (without its folder) counts.
    pub fn accepts(&self, name: &OsStr) -> bool {
        self.suffixes.as_ref().is_none_or(|list| list.iter().any(|suffix| suffix.ends(name)))
            && !self.ignore.is_match(Path::new(name))
    }
}

/// The end of a name with its dot, in lower case.
#[derive(Debug, Clone)]
struct Suffix(String);

impl Suffix {
    fn new(suffix: &str) -> Self {
        Self(format!(".{}", suffix.trim_start_matches('.').to_lowercase()))
    }

    fn ends(&self, name: &OsStr) -> bool {
        if self.0.is_ascii() {
            // Bytes: the rest of the name need not be text.
            let name = name.as_bytes();
            name.len()
                .checked_sub(self.0.len())
                .and_then(|at| name.get(at..))
                .is_some_and(|end| end.eq_ignore_ascii_case(self.0.as_bytes()))
        } else {
            name.to_str().is_some_and(|name| name.to_lowercase().ends_with(&self.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(suffixes: &[&str], ignore: &[&str]) -> Selection {
        let own = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Selection::new(Some(&own(suffixes)), &own(ignore)).unwrap()
    }

    #[test]
    fn suffixes_and_globs_disregard_case() {
        let selection = selection(&["dm3", ".TIF"], &["*_tmp*"]);
        let accepted = |name: &str| selection.accepts(OsStr::new(name));
        assert!(accepted("a.DM3") && accepted("b.tif") && accepted("c.ome.tif"));
        assert!(!accepted("a.txt") && !accepted("dm3") && !accepted("adm3") && !accepted("x_TMP1.tif"));
    }

    #[test]
    fn suffixes_of_any_script_disregard_case_too() {
        let selection = selection(&["ÄÖ", "ДАННЫЕ"], &[]);
        assert!(selection.accepts(OsStr::new("a.äÖ")) && selection.accepts(OsStr::new("b.данные")));
        assert!(!selection.accepts(OsStr::new("a.ao")));
    }

    #[test]
    fn names_that_are_no_text_have_suffixes() {
        let selection = selection(&["tif"], &["*.bad?.tif"]);
        assert!(selection.accepts(OsStr::from_bytes(b"\xff\xfe.TIF")));
        assert!(!selection.accepts(OsStr::from_bytes(b"x.bad\xff.tif")));
        assert!(!selection.accepts(OsStr::from_bytes(b"\xfftif")));
    }

    #[test]
    fn hidden_files_are_files_like_others() {
        let selection = selection(&["tif"], &["*.db"]);
        assert!(selection.accepts(OsStr::new(".a.tif")) && selection.accepts(OsStr::new(".tif")));
        let every = Selection::new(None, &["*.db".to_owned()]).unwrap();
        assert!(every.accepts(OsStr::new(".x")) && !every.accepts(OsStr::new(".thumbs.DB")));
    }
}
