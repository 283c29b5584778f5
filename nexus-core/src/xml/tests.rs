use super::*;
use crate::validate;
use proptest::prelude::*;

fn experiment(title: &str, value: &str, name: &str) -> Experiment {
    Experiment {
        title: title.to_owned(),
        sample_id: "s-0".to_owned(),
        summary: Summary {
            instrument_pid: "SEM-1".to_owned(),
            instrument_name: "Example SEM".to_owned(),
            ..Summary::default()
        },
        projects: vec![Project::default()],
        activities: vec![Activity {
            start: "2024-03-05T09:10:00-07:00".to_owned(),
            setup: vec![],
            datasets: vec![Dataset {
                dataset_type: "Unknown".to_owned(),
                name: name.to_owned(),
                location: "/a".to_owned(),
                preview: None,
                meta: vec![Parameter {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    unit: Some("kV".to_owned()),
                    warning: true,
                }],
            }],
        }],
        ..Experiment::default()
    }
}

#[test]
fn empty_elements_close_themselves_and_empty_values_do_not() {
    let text = String::from_utf8(write(&experiment("T", "", "n"))).unwrap();
    assert!(text.starts_with("<?xml version='1.0' encoding='UTF-8'?>\n<Experiment xmlns="), "{text}");
    assert!(text.contains("\n  <project/>\n"), "{text}");
    assert!(text.contains("\n    <setup/>\n"), "{text}");
    assert!(text.contains("<meta name=\"n\" warning=\"true\" unit=\"kV\"></meta>\n"), "{text}");
    assert!(text.ends_with("</Experiment>\n"), "{text}");
}

#[test]
fn what_xml_cannot_carry_is_replaced_visibly() {
    let text = String::from_utf8(write(&experiment("a\u{0}b\u{1b}c\u{FFFF}", "v", "n"))).unwrap();
    assert!(text.contains("<title>a\u{FFFD}b\u{FFFD}c\u{FFFD}</title>"), "{text}");
}

#[test]
fn what_the_schema_has_no_place_for_is_written_soundly_or_left_out() {
    let mut experiment = experiment("T", "v", "n");
    experiment.summary.reference = Some("https://example.org/100%/a%20b".to_owned());
    experiment.summary.reservation_start = Some("tomorrow".to_owned());
    experiment.summary.reservation_end = Some("1936-01-01T00:00:00+00:19:32".to_owned());
    experiment.projects = vec![Project { link: Some("https://[lab]:x".to_owned()), ..Project::default() }];
    experiment.samples =
        vec![Sample { elements: ["Fe", "X<", "Fe", "C"].map(str::to_owned).to_vec(), ..Sample::default() }];
    for activity in &mut experiment.activities {
        activity.datasets[0].dataset_type = "Film".to_owned();
    }
    let bytes = write(&experiment);
    validate::shipped().unwrap().validate(&bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("<summary ref=\"https://example.org/100%25/a%20b\">"), "{text}");
    assert!(!text.contains("reservationStart"), "{text}");
    assert!(text.contains("<reservationEnd>1935-12-31T23:40:28+00:00</reservationEnd>"), "{text}");
    assert!(text.contains("<ref>https%3A//%5Blab%5D%3Ax</ref>"), "{text}");
    assert!(text.contains("<elements>\n      <Fe/>\n      <C/>\n    </elements>"), "{text}");
    assert!(text.contains("<dataset type=\"Unknown\""), "{text}");
}

/// Text as people, schedulers and instruments might give it, and worse.
fn words() -> impl Strategy<Value = String> {
    let odd = "[ \\t\\n\\r\u{0}\u{1}\u{b}\u{1b}\u{7f}\u{85}\u{2028}\u{D7FF}\u{E000}\u{FFFD}\u{FFFE}\u{FFFF}\u{10FFFF}<>&\"'a-z%]{0,12}";
    let link = "(https?|mailto|1x)?:?/{0,3}[a-z%\\[\\]:@?#/ .0-9]{0,20}";
    prop_oneof![
        4 => any::<String>(),
        4 => odd,
        4 => link,
        1 => Just(String::new()),
        1 => Just("]]>".to_owned()),
        1 => Just("<!--".to_owned()),
        1 => Just("x \u{0}&".repeat(2_000)),
    ]
}

fn perhaps() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(words())
}

fn times() -> impl Strategy<Value = String> {
    prop_oneof![
        words(),
        "-?[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,7})?([+-][01][0-9]:[0-9]{2}(:[0-9]{2})?|Z)?"
    ]
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let one = (words(), words(), perhaps(), any::<bool>())
        .prop_map(|(name, value, unit, warning)| Parameter { name, value, unit, warning });
    proptest::collection::vec(one, 0..3)
}

fn activities() -> impl Strategy<Value = Vec<Activity>> {
    let kind = prop_oneof![words(), proptest::sample::select(&DATASET_TYPES[..]).prop_map(str::to_owned)];
    let dataset = (kind, words(), words(), perhaps(), parameters()).prop_map(
        |(dataset_type, name, location, preview, meta)| Dataset {
            dataset_type,
            name,
            location,
            preview,
            meta,
        },
    );
    let datasets = proptest::collection::vec(dataset, 0..3);
    let one = (times(), parameters(), datasets).prop_map(|(start, setup, datasets)| Activity {
        start,
        setup,
        datasets,
    });
    proptest::collection::vec(one, 0..3)
}

fn summaries() -> impl Strategy<Value = Summary> {
    let time = || proptest::option::of(times());
    (perhaps(), perhaps(), words(), words(), time(), time(), perhaps()).prop_map(
        |(reference, experimenter, pid, name, start, end, motivation)| Summary {
            reference,
            experimenter,
            instrument_pid: pid,
            instrument_name: name,
            reservation_start: start,
            reservation_end: end,
            motivation,
        },
    )
}

fn experiments() -> impl Strategy<Value = Experiment> {
    let symbol = prop_oneof![words(), proptest::sample::select(&ELEMENTS[..]).prop_map(str::to_owned)];
    let sample = (perhaps(), words(), perhaps(), perhaps(), proptest::collection::vec(symbol, 0..5))
        .prop_map(|(reference, id, name, description, elements)| Sample {
            reference,
            id,
            name,
            description,
            elements,
        });
    let project = (perhaps(), perhaps(), perhaps(), perhaps(), perhaps())
        .prop_map(|(name, division, group, id, link)| Project { name, division, group, id, link });
    let samples = proptest::collection::vec(sample, 0..3);
    let projects = proptest::collection::vec(project, 0..3);
    (words(), perhaps(), summaries(), samples, projects, activities(), words()).prop_map(
        |(title, id, summary, samples, projects, activities, sample_id)| Experiment {
            title,
            id,
            summary,
            samples,
            projects,
            activities,
            sample_id,
        },
    )
}

proptest! {
    #[test]
    fn any_record_is_written_valid(experiment in experiments()) {
        let bytes = write(&experiment);
        let verdict = validate::shipped().unwrap().validate(&bytes);
        prop_assert!(verdict.is_ok(), "{:?}\n{}", verdict, String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_becomes_a_link_and_a_link_stays(text in words()) {
        let once = link(&text).into_owned();
        let good = |text: &str| is_link(text.trim_matches([' ', '\t', '\n', '\r']));
        prop_assert!(good(&once), "{once}");
        if good(&text) {
            prop_assert_eq!(once, text);
        }
    }

    #[test]
    fn any_text_comes_back_as_it_went_in(title in any::<String>(), value in any::<String>(), name in any::<String>()) {
        let bytes = write(&experiment(&title, &value, &name));
        let text = String::from_utf8(bytes).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let find = |tag: &str| document.descendants().find(|node| node.has_tag_name((NAMESPACE, tag))).unwrap();
        prop_assert_eq!(find("title").text().unwrap_or(""), clean(&title));
        prop_assert_eq!(find("meta").text().unwrap_or(""), clean(&value));
        prop_assert_eq!(find("meta").attribute("name").unwrap_or(""), clean(&name));
    }
}
