//! Consent is only ever explicit: a known yes, or nothing. Unless a facility says that booking is consenting.

use nexus_plugin_consent::{Affirmative, USUAL, is_refusal, quoted};
use serde_json::Value;

/// What counts as consent.
#[derive(Debug, Clone)]
pub struct Consent {
    answers: Affirmative,
    /// Whether an item that says nothing counts as agreed to.
    assume: bool,
}

impl Consent {
    /// The words of the settings, or the usual ones; says what is wrong with them.
    pub fn new(answers: Option<Vec<String>>, assume: bool) -> Result<Self, String> {
        Ok(Self { answers: Affirmative::given_or(answers, &USUAL)?, assume })
    }

    /// Whether silence is consent.
    pub fn is_assumed(&self) -> bool {
        self.assume
    }

    /// Whether the answer in an item means yes; otherwise why not, with nothing in it but the answer.
    pub fn given(&self, answer: Option<&Value>) -> Result<(), String> {
        let answer = answer.unwrap_or(&Value::Null);
        let silent = match answer {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(several) => several.is_empty(),
            _ => false,
        };
        if silent {
            return if self.assume { Ok(()) } else { Err("consent was not answered".to_owned()) };
        }
        let is_yes = match answer {
            Value::Bool(yes) => *yes,
            Value::String(text) => self.answers.accepts(text),
            Value::Array(several) => {
                several.iter().all(|one| one.as_str().is_some_and(|one| self.answers.accepts(one)))
            }
            _ => false,
        };
        if is_yes { Ok(()) } else { Err(format!("the answer to consent is {}", shown(answer))) }
    }

    /// The same for the categories of a calendar event, among which consent is one beside others.
    pub fn given_among(&self, categories: &[String]) -> Result<(), String> {
        if let Some(no) = categories.iter().find(|one| is_refusal(one)) {
            return Err(format!("a category is `{no}`"));
        }
        if self.assume || categories.iter().any(|one| self.answers.accepts(one)) {
            return Ok(());
        }
        Err("no category says that consent was given".to_owned())
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| quoted(&value.to_string()), quoted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_known_words_mean_yes() {
        let consent = Consent::new(None, false).unwrap();
        for yes in [json!("Agree"), json!(" I  agree "), json!("YES"), json!(true), json!(["Agree"])] {
            assert_eq!(consent.given(Some(&yes)), Ok(()), "{yes}");
        }
        for no in [
            json!("Disagree"),
            json!("agree, but not now"),
            json!("agreee"),
            json!(""),
            json!(null),
            json!(false),
            json!(1),
            json!([]),
            json!(["Agree", "Disagree"]),
            json!({"Label": "Agree"}),
        ] {
            assert!(consent.given(Some(&no)).is_err(), "{no}");
        }
        assert!(consent.given(None).is_err());
    }

    #[test]
    fn assuming_it_takes_silence_and_nothing_else() {
        let consent = Consent::new(None, true).unwrap();
        assert_eq!(consent.given(None), Ok(()));
        assert_eq!(consent.given(Some(&json!(" "))), Ok(()));
        assert!(consent.given(Some(&json!("Disagree"))).is_err());
        assert!(consent.given(Some(&json!(false))).is_err());
    }

    #[test]
    fn a_category_can_be_consent_beside_others() {
        let all = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let consent = Consent::new(Some(all(&["Data consent"])), false).unwrap();
        assert_eq!(consent.given_among(&all(&["Blue", "data consent"])), Ok(()));
        assert!(consent.given_among(&all(&["Blue"])).is_err());
        assert!(consent.given_among(&all(&["Data consent", "No"])).is_err());
        assert!(Consent::new(Some(all(&["NO"])), false).is_err());
        assert!(Consent::new(Some(all(&[" "])), false).is_err());
    }

    #[test]
    fn the_answer_is_quoted_and_short() {
        let consent = Consent::new(None, false).unwrap();
        assert_eq!(consent.given(Some(&json!("Later"))).unwrap_err(), "the answer to consent is `Later`");
        let long = consent.given(Some(&json!("x".repeat(500)))).unwrap_err();
        assert_eq!(long.chars().count(), 200 + 28);
    }
}
