//! Consent is only ever explicit: a known yes, or nothing.

use nexus_plugin_api::PluginError;
use serde_json::Value;

use crate::answers::{Answers, shown};

/// The answers that mean yes unless the settings say otherwise.
pub const DEFAULT_AFFIRMATIVE: [&str; 13] = [
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

/// The question that asks for consent.
pub const QUESTION: &str = "data_consent";

/// The answers that mean yes.
#[derive(Debug, Clone)]
pub struct Affirmative(Vec<String>);

impl Affirmative {
    /// The words of the settings, or the usual ones.
    pub fn new(words: Option<Vec<String>>) -> Result<Self, PluginError> {
        let words = words.unwrap_or_else(|| DEFAULT_AFFIRMATIVE.map(str::to_owned).to_vec());
        let words: Vec<String> = words.iter().map(|word| normal(word)).collect();
        // A blank entry would turn an empty answer into consent.
        if words.iter().any(String::is_empty) {
            return Err(PluginError::permanent(
                "settings of nemo: `affirmative` holds a blank entry, so an empty answer would be consent",
            ));
        }
        if let Some(word) = words.iter().find(|word| REFUSALS.contains(&word.as_str())) {
            return Err(PluginError::permanent(format!(
                "settings of nemo: `affirmative` holds `{word}`, which is a refusal"
            )));
        }
        Ok(Self(words))
    }

    /// Whether the answer means yes.
    pub fn accepts(&self, answer: &str) -> bool {
        let answer = normal(answer);
        !answer.is_empty() && self.0.contains(&answer)
    }

    /// Whether consent was given in these answers; otherwise why not.
    pub fn given(&self, answers: &Answers<'_>) -> Result<(), String> {
        match answers.input(QUESTION) {
            None if answers.has(QUESTION) => Err("consent was asked for and not answered".to_owned()),
            None => Err("consent was not asked for".to_owned()),
            Some(Value::String(text)) if self.accepts(text) => Ok(()),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err("consent was asked for and not answered".to_owned())
            }
            Some(other) => Err(format!("the answer to consent is {}", shown(other))),
        }
    }
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(user_input: &Value) -> Result<(), String> {
        let data = json!({"data_consent": {"user_input": user_input}});
        Affirmative::new(None).unwrap().given(&Answers::of(&data).unwrap())
    }

    #[test]
    fn only_known_words_mean_yes() {
        for yes in ["Agree", " agree ", "AGREED", "I  agree", "yes", "True", "Consented"] {
            assert_eq!(given(&json!(yes)), Ok(()), "{yes}");
        }
        for no in [
            json!("Disagree"),
            json!(" Disagree "),
            json!("I decline"),
            json!("no"),
            json!("agree, but not now"),
            json!("agreee"),
            json!(""),
            json!("  "),
            json!(null),
            json!(true),
            json!(1),
            json!(["Agree"]),
            json!({"0": {"answer": "Agree"}}),
        ] {
            assert!(given(&no).is_err(), "{no}");
        }
    }

    #[test]
    fn the_answer_is_quoted() {
        assert_eq!(given(&json!("I decline")).unwrap_err(), "the answer to consent is `I decline`");
        assert_eq!(given(&json!(["Agree"])).unwrap_err(), "the answer to consent is `[\"Agree\"]`");
        assert_eq!(given(&json!(" ")).unwrap_err(), "consent was asked for and not answered");
        assert_eq!(given(&json!("x".repeat(500))).unwrap_err().chars().count(), 200 + 28);
    }

    #[test]
    fn the_words_can_be_chosen_but_no_refusal_among_them() {
        let words = Affirmative::new(Some(vec!["Einverstanden".to_owned()])).unwrap();
        assert!(words.accepts("einverstanden") && !words.accepts("agree"));
        assert!(Affirmative::new(Some(vec![" ".to_owned()])).is_err());
        assert!(Affirmative::new(Some(vec!["NO".to_owned()])).is_err());
    }
}
