//! Consent is only ever explicit: a known yes, or nothing.

use nexus_plugin_consent::Affirmative;
use serde_json::Value;

use crate::answers::{Answers, shown};

/// The question that asks for consent.
pub const QUESTION: &str = "data_consent";

/// Whether consent was given in these answers; otherwise why not.
pub fn given(affirmative: &Affirmative, answers: &Answers<'_>) -> Result<(), String> {
    match answers.input(QUESTION) {
        None if answers.has(QUESTION) => Err("consent was asked for and not answered".to_owned()),
        None => Err("consent was not asked for".to_owned()),
        Some(Value::String(text)) if affirmative.accepts(text) => Ok(()),
        Some(Value::String(text)) if text.trim().is_empty() => {
            Err("consent was asked for and not answered".to_owned())
        }
        Some(other) => Err(format!("the answer to consent is {}", shown(other))),
    }
}

#[cfg(test)]
mod tests {
    use nexus_plugin_consent::USUAL;
    use serde_json::json;

    use super::*;

    fn answered(user_input: &Value) -> Result<(), String> {
        let data = json!({"data_consent": {"user_input": user_input}});
        given(&Affirmative::new(&USUAL)?, &Answers::of(&data).unwrap())
    }

    #[test]
    fn only_known_words_mean_yes() {
        for yes in ["Agree", " agree ", "AGREED", "I  agree", "yes", "True", "Consented"] {
            assert_eq!(answered(&json!(yes)), Ok(()), "{yes}");
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
            assert!(answered(&no).is_err(), "{no}");
        }
    }

    #[test]
    fn the_answer_is_quoted() {
        assert_eq!(answered(&json!("I decline")).unwrap_err(), "the answer to consent is `I decline`");
        assert_eq!(answered(&json!(["Agree"])).unwrap_err(), "the answer to consent is `[\"Agree\"]`");
        assert_eq!(answered(&json!(" ")).unwrap_err(), "consent was asked for and not answered");
        assert_eq!(answered(&json!("x".repeat(500))).unwrap_err().chars().count(), 200 + 28);
    }
}
