use nexus_plugin_api::Sample;
use nexus_plugin_consent::{Affirmative, USUAL};
use proptest::prelude::*;
use serde_json::json;

use super::details::Details;
use super::*;

/// Any JSON, with the names that matter among its keys.
pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec!["Agree", "Disagree", "yes", "PID", "Sample Name", "Fe", "\u{1}"])
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        4 => prop::sample::select(vec![
            "data_consent", "user_input", "experiment_title", "experiment_purpose", "project_id", "sample_group",
            "sample_name", "sample_or_pid", "sample_details", "periodic_table", "0", "1", "id", "tool", "user",
            "username", "start", "results", "next", "count",
        ]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn read(data: &Value) -> Details {
    details(&Answers::of(data).unwrap())
}

#[test]
fn the_usual_answers() {
    let data = json!({
        "experiment_title": {"type": "textbox", "user_input": " Grain size "},
        "experiment_purpose": {"type": "textarea", "title": "Why"},
        "project_id": {"user_input": "AL-2"},
        "sample_group": {"user_input": {
            "0": {"sample_name": "hdl:1/77", "sample_or_pid": "PID", "sample_details": null},
            "2": {"sample_name": "Coupon 4", "sample_or_pid": "sample name", "sample_details": "polished",
                  "periodic_table": ["Fe", "C"]},
        }},
    });
    let details = read(&data);
    assert_eq!(details.title.as_deref(), Some("Grain size"));
    assert_eq!(details.purpose, None);
    assert_eq!(details.projects[0].id.as_deref(), Some("AL-2"));
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        details.samples,
        [
            Sample { pid: text("hdl:1/77"), ..Sample::default() },
            Sample {
                name: text("Coupon 4"),
                details: text("polished"),
                elements: vec!["Fe".into(), "C".into()],
                pid: None
            },
        ]
    );
    assert!(details.warnings.is_empty(), "{:?}", details.warnings);
}

#[test]
fn an_old_form_without_a_group_has_one_sample() {
    let data = json!({
        "sample_name": {"user_input": "Foil 3"}, "sample_details": {"user_input": "rolled"},
        "sample_group": {"type": "group"},
    });
    let samples = read(&data).samples;
    assert_eq!((samples.len(), samples[0].name.as_deref()), (1, Some("Foil 3")));
    assert_eq!(samples[0].details.as_deref(), Some("rolled"));
}

#[test]
fn odd_answers_are_left_out_with_a_warning() {
    for (data, warning) in [
        (
            json!({"experiment_title": {"user_input": ["a", "b"]}}),
            "experiment_title is `[\"a\",\"b\"]`, which is no text",
        ),
        (
            json!({"experiment_title": {"user_input": "a\u{1}b"}}),
            "experiment_title holds characters that a record cannot carry",
        ),
        (json!({"project_id": {"user_input": true}}), "project_id is `true`"),
        (json!({"sample_group": {"user_input": 7}}), "sample_group is `7`"),
        (json!({"sample_group": {"user_input": {"0": "x"}}}), "sample 1 is `x`, which is no sample"),
        (
            json!({"sample_group": {"user_input": {"0": {"sample_name": "x", "sample_or_pid": "Other"}}}}),
            "sample 1: `x` is neither a sample name nor a PID but `other`",
        ),
        (
            json!({"sample_group": {"user_input": {"0": {"periodic_table": ["Fe", 26]}}}}),
            "sample 1: `26` is no chemical element",
        ),
        (
            json!({"sample_group": {"user_input": {"0": {"periodic_table": true}}}}),
            "periodic_table of sample 1 is `true`",
        ),
    ] {
        let warnings = read(&data).warnings;
        assert!(warnings.len() == 1 && warnings[0].contains(warning), "{data}: {warnings:?}");
    }
    assert_eq!(
        read(&json!({"experiment_title": {"user_input": "a\u{1}b"}})).title.as_deref(),
        Some("a\u{1}b")
    );
    assert_eq!(read(&json!({"experiment_title": {"user_input": 42}})).title.as_deref(), Some("42"));
}

#[test]
fn what_is_not_answered_is_silent() {
    for data in [
        json!({"x": 1}),
        json!({"experiment_title": {"user_input": ""}, "sample_group": {"user_input": {}}}),
        json!({"experiment_title": {"user_input": null}, "sample_group": {"user_input": ""}}),
        json!({"sample_group": {"user_input": {"0": {"sample_name": "", "sample_or_pid": null}}}}),
        json!({"experiment_title": "no object", "sample_group": null}),
    ] {
        assert_eq!(read(&data), Details::default(), "{data}");
    }
}

#[test]
fn run_data_is_text_that_holds_an_object() {
    for nothing in
        [json!(null), json!(""), json!("  "), json!("[1]"), json!("{}"), json!("no json"), json!(7)]
    {
        assert_eq!(RunData::read(&nothing), RunData::Nothing, "{nothing}");
    }
    let object = json!({"a": 1});
    assert_eq!(RunData::read(&json!("{\"a\": 1}")), RunData::Data(object.clone()));
    assert_eq!(RunData::read(&object), RunData::Data(object));
    let deep = format!("{{\"data_consent\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    assert!(matches!(RunData::read(&json!(deep)), RunData::Unclear(_)));
}

proptest! {
    #[test]
    fn any_answers_can_be_read(data in any_json()) {
        if let Some(answers) = Answers::of(&data) {
            let details = details(&answers);
            for text in [details.title, details.purpose].into_iter().flatten() {
                prop_assert_eq!(text.trim(), &text);
            }
        }
        let _ = (RunData::read(&data), RunData::read(&Value::String(data.to_string())));
    }

    #[test]
    fn consent_is_never_given_by_accident(data in any_json()) {
        let words = Affirmative::new(&USUAL).unwrap();
        if let Some(answers) = Answers::of(&data)
            && crate::consent::given(&words, &answers).is_ok()
        {
            let answer = data["data_consent"]["user_input"].as_str().unwrap();
            prop_assert!(USUAL.contains(&answer.trim().to_lowercase().as_str()));
        }
    }
}
