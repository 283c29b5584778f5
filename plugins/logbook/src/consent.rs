//! Consent is only ever explicit: a known yes, or nothing.

use nexus_plugin_consent::quoted;

use crate::book::Book;
use crate::column::Column;
use crate::row::Row;
use crate::settings::{ColumnAbsent, Settings};

/// The answers that mean yes unless the settings say otherwise: those that people write into a table.
pub const DEFAULT_AFFIRMATIVE: [&str; 8] =
    ["yes", "y", "true", "agree", "agreed", "i agree", "consent", "consented"];

/// Whether consent was given for this row; otherwise why not.
pub fn given(book: &Book, settings: &Settings, row: &Row) -> Result<(), String> {
    if !book.has_consent_column {
        if let Some(heading) = &book.like_consent {
            return Err(format!(
                "{} has a column `{heading}` but none named `consent`, so no answer was read",
                book.file_name
            ));
        }
        return match settings.column_absent {
            ColumnAbsent::Assume => Ok(()),
            ColumnAbsent::Require => Err(format!("{} has no column `consent`", book.file_name)),
        };
    }
    match row.text(Column::Consent) {
        None => Err("consent was not answered".to_owned()),
        Some(answer) if settings.affirmative.accepts(answer) => Ok(()),
        Some(answer) => Err(format!("the answer to consent is {}", quoted(answer))),
    }
}
