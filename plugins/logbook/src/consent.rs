//! Consent is only ever explicit: a known yes, or nothing.

use nexus_plugin_api::PluginError;

use crate::book::Book;
use crate::column::Column;
use crate::row::Row;
use crate::settings::{ColumnAbsent, Settings};

/// The answers that mean yes unless the settings say otherwise.
pub const DEFAULT_AFFIRMATIVE: [&str; 8] =
    ["yes", "y", "true", "agree", "agreed", "i agree", "consent", "consented"];

/// The answers that mean yes.
#[derive(Debug, Clone)]
pub struct Affirmative(Vec<String>);

impl Affirmative {
    /// The words of the settings, or the usual ones.
    pub fn new(words: Option<Vec<String>>) -> Result<Self, PluginError> {
        let words = words.unwrap_or_else(|| DEFAULT_AFFIRMATIVE.map(str::to_owned).to_vec());
        let words: Vec<String> = words.iter().map(|word| normal(word)).collect();
        // A blank entry would turn every missing answer into consent.
        if words.iter().any(String::is_empty) {
            return Err(PluginError::permanent(
                "settings of the logbook: `affirmative` holds a blank entry, so a missing answer would be consent",
            ));
        }
        Ok(Self(words))
    }

    /// Whether the answer means yes.
    pub fn accepts(&self, answer: &str) -> bool {
        let answer = normal(answer);
        !answer.is_empty() && self.0.contains(&answer)
    }
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

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
        Some(answer) => Err(format!("the answer to consent is `{}`", shortened(answer))),
    }
}

fn shortened(answer: &str) -> String {
    const LONGEST: usize = 200;
    if answer.chars().count() <= LONGEST {
        return answer.to_owned();
    }
    answer.chars().take(LONGEST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_mean_yes() {
        let words = Affirmative::new(None).unwrap();
        for yes in ["yes", " Yes ", "I  AGREE", "TRUE", "Consented"] {
            assert!(words.accepts(yes), "{yes}");
        }
        for no in ["", "no", "yes, but", "n", "not agreed", "disagree", "yess", "ok", "1", "ja", "false"] {
            assert!(!words.accepts(no), "{no}");
        }
    }

    #[test]
    fn the_words_can_be_chosen() {
        let words = Affirmative::new(Some(vec!["Ja".to_owned(), "einverstanden".to_owned()])).unwrap();
        assert!(words.accepts("ja"));
        assert!(!words.accepts("yes"));
    }
}
