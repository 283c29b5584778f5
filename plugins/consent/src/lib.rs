//! Which answers mean that a user consents. Consent is only ever explicit: a known yes, or nothing.
//!
//! Where an answer stands, and what silence means, is the harvester's own business.

/// The answers that mean yes where a scheduler asks, unless the settings say otherwise.
pub const USUAL: [&str; 13] = [
    "agree",
    "agreed",
    "i agree",
    "yes",
    "y",
    "true",
    "consent",
    "consented",
    "i consent",
    "accept",
    "accepted",
    "i accept",
    "affirmative",
];

/// The words by which NexusLIMS knows a refusal. None of them can be made a yes.
const REFUSALS: [&str; 4] = ["disagree", "no", "false", "negative"];

/// Longest answer that is quoted, in characters.
const LONGEST_QUOTE: usize = 200;

/// The answers that mean yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affirmative(Vec<String>);

impl Affirmative {
    /// These words.
    ///
    /// # Errors
    /// One of them is blank or a refusal; the reason fits behind the key of the settings.
    pub fn new<W: AsRef<str>>(words: &[W]) -> Result<Self, String> {
        let words: Vec<String> = words.iter().map(|word| normal(word.as_ref())).collect();
        // A blank entry would turn an empty answer into consent.
        if words.iter().any(String::is_empty) {
            return Err("holds a blank entry, so a missing answer would be consent".to_owned());
        }
        if let Some(word) = words.iter().find(|word| is_refusal(word)) {
            return Err(format!("holds `{word}`, which is a refusal"));
        }
        Ok(Self(words))
    }

    /// The words of the settings, or these usual ones.
    ///
    /// # Errors
    /// As for [`Affirmative::new`].
    pub fn given_or(words: Option<Vec<String>>, usual: &[&str]) -> Result<Self, String> {
        words.map_or_else(|| Self::new(usual), |words| Self::new(&words))
    }

    /// Whether the answer means yes. Capitals, and how many blanks there are, make no difference.
    #[must_use]
    pub fn accepts(&self, answer: &str) -> bool {
        self.0.contains(&normal(answer))
    }
}

/// Whether the answer is a no that everybody knows.
#[must_use]
pub fn is_refusal(answer: &str) -> bool {
    REFUSALS.contains(&normal(answer).as_str())
}

/// An answer in back quotes, cut off where it gets long.
#[must_use]
pub fn quoted(answer: &str) -> String {
    match answer.char_indices().nth(LONGEST_QUOTE) {
        None => format!("`{answer}`"),
        Some((end, _)) => format!("`{}…`", answer.get(..end).unwrap_or_default()),
    }
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_known_words_mean_yes() {
        let words = Affirmative::new(&USUAL).unwrap();
        for yes in ["Agree", " agree ", "I  AGREE", "i\tagree\n", "TRUE", "Consented"] {
            assert!(words.accepts(yes), "{yes}");
        }
        for no in ["", " ", "no", "agree, but not now", "agreee", "not agreed", "disagree", "ok", "1", "ja"] {
            assert!(!words.accepts(no), "{no}");
        }
    }

    #[test]
    fn the_words_can_be_chosen_but_no_refusal_among_them() {
        let chosen = |word: &str| Affirmative::given_or(Some(vec!["ja".to_owned(), word.to_owned()]), &USUAL);
        let words = chosen("Einverstanden").unwrap();
        assert!(words.accepts("einverstanden") && !words.accepts("agree"));
        assert!(chosen(" ").unwrap_err().contains("blank"));
        assert!(chosen("NO ").unwrap_err().contains("`no`, which is a refusal"));
        assert!(Affirmative::given_or(None, &USUAL).unwrap().accepts("agree"));
    }

    #[test]
    fn refusals_are_known_however_they_are_written() {
        assert!(is_refusal(" Disagree") && is_refusal("FALSE"));
        assert!(!is_refusal("nope") && !is_refusal(""));
    }

    #[test]
    fn a_long_answer_is_cut() {
        assert_eq!(quoted("I decline"), "`I decline`");
        assert_eq!(quoted(&"é".repeat(200)).chars().count(), 202);
        assert_eq!(quoted(&"é".repeat(201)), format!("`{}…`", "é".repeat(200)));
    }

    proptest! {
        #[test]
        fn nothing_but_the_words_is_consent(answer in "\\PC{0,20}|(?i)[ ]{0,2}(i )?(dis|not )?agreed?[.,!]?[ ]{0,2}") {
            let words = Affirmative::new(&USUAL).unwrap();
            if words.accepts(&answer) {
                let plain = answer.split_whitespace().collect::<Vec<_>>().join(" ");
                prop_assert!(USUAL.iter().any(|usual| usual.to_lowercase() == plain.to_lowercase()));
            }
            prop_assert!(!(words.accepts(&answer) && is_refusal(&answer)));
            let _ = quoted(&answer);
        }
    }
}
