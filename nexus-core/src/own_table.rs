//! What the rooms of the `nexus_*` tables share: the error of a statement.

/// A table of our own could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what}")]
pub struct OwnTableError {
    /// What was asked of the database.
    pub what: String,
    /// Its answer.
    pub source: rusqlite::Error,
}

impl OwnTableError {
    pub(crate) fn to(what: impl Into<String>) -> impl FnOnce(rusqlite::Error) -> Self {
        let what = what.into();
        move |source| Self { what, source }
    }
}

/// The text, cut to so many bytes, at a character's boundary.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}
