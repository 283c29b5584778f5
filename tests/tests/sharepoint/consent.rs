//! Consent is only ever explicit, unless the facility says that booking is consenting.

use nexus_plugin_api::ReservationAnswer;
use nexus_tests::fake_sharepoint::Kind;
use serde_json::{Value, json};

use super::bench::{TITAN, both, item, on_day};

/// The outcome with this answer in the item.
fn outcome(bench: &super::bench::Bench, answer: &Value) -> String {
    bench.site.put(TITAN, item(1, "09:00", "12:00").consent(answer.clone()));
    bench.outcome(&on_day("09:00", "12:00"))
}

#[test]
fn only_a_known_yes_is_consent() {
    both(|bench| {
        for (answer, expected) in [
            (json!("Agree"), "1"),
            (json!("  agreed "), "1"),
            (json!("YES"), "1"),
            (json!(true), "1"),
            (json!("Disagree"), "no consent"),
            (json!("No"), "no consent"),
            (json!(false), "no consent"),
            (json!("Agree if nobody else sees it"), "no consent"),
            (json!("maybe"), "no consent"),
            (json!(""), "no consent"),
            (Value::Null, "no consent"),
        ] {
            assert_eq!(outcome(&bench, &answer), expected, "{answer} {:?}", bench.dialect);
        }
        let bench = bench.with("consent", json!("assume"));
        for (answer, expected) in [
            (Value::Null, "1"),
            (json!("Agree"), "1"),
            (json!("Disagree"), "no consent"),
            (json!(false), "no consent"),
            (json!("maybe"), "no consent"),
        ] {
            assert_eq!(outcome(&bench, &answer), expected, "{answer} {:?}, assumed", bench.dialect);
        }
        let bench = bench.with("consent", json!("require")).with("consent_answers", json!(["Oui, d'accord"]));
        assert_eq!(outcome(&bench, &json!("oui, D'ACCORD")), "1");
        assert_eq!(outcome(&bench, &json!("Agree")), "no consent");
    });
}

#[test]
fn a_refusal_tells_the_answer_and_nothing_else() {
    both(|bench| {
        let secret = "A title that is nobody's business";
        let mut refused = item(77, "09:00", "12:00").consent(json!("Disagree"));
        refused.title = secret.to_owned();
        let bench = bench.holding([refused.with("Sample_x0020_Details", json!(secret))]);
        let answer = bench.answer(&on_day("09:00", "12:00"));
        let ReservationAnswer::NoConsent { reason } = answer else { panic!("{answer:?}") };
        assert!(reason.contains("Disagree") && reason.contains("77"), "{reason}");
        assert!(!reason.contains("nobody") && !bench.has_logged("nobody"), "{reason} {:#?}", bench.logged);
    });
}

#[test]
fn consent_can_stand_in_another_column_and_be_yes_or_no() {
    both(|bench| {
        bench.site.put_column(TITAN, "May_x0020_publish", Kind::Boolean);
        let bench = bench.with("fields", json!({"consent": "May_x0020_publish"}));
        for (answer, expected) in
            [(json!(true), "1"), (json!(false), "no consent"), (Value::Null, "no consent")]
        {
            bench.site.put(TITAN, item(1, "09:00", "12:00").with("May_x0020_publish", answer));
            assert_eq!(bench.outcome(&on_day("09:00", "12:00")), expected);
        }
    });
}

#[test]
fn a_column_for_consent_that_is_gone_settles_nothing() {
    both(|bench| {
        let bench = bench.holding([item(1, "09:00", "12:00")]);
        bench.site.remove_column(TITAN, "DataConsent");
        bench.site.put_column(TITAN, "Consent_x0020_given", Kind::Text);
        let error = bench.failure(&on_day("09:00", "12:00"));
        assert!(error.message.contains("DataConsent"), "{error}");
        assert!(error.hint.is_some(), "{error}");
        // Where nobody asks for consent, no column is needed.
        let bench = bench.with("consent", json!("assume"));
        assert_eq!(bench.outcome(&on_day("09:00", "12:00")), "1");
    });
}
