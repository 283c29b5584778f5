//! Whatever schedulers and readers say: a valid record, and no panic.

use nexus_plugin_api::MetaNode;
use proptest::prelude::*;

use super::*;
use crate::validate;

fn word() -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        Just(None),
        any::<String>().prop_map(Some),
        "[ -~]{0,20}".prop_map(Some),
        "(https?://[a-z]{1,5})?[%\\[\\]#:/?a-f0-9 ]{0,9}".prop_map(Some)
    ]
}

fn time() -> impl Strategy<Value = Option<EventTime>> {
    prop::option::of((any::<i64>(), -86_399..86_400).prop_map(|(seconds, offset)| {
        let time = DateTime::from_timestamp(seconds % 9_000_000_000_000, 0).unwrap_or_default();
        let offset = FixedOffset::east_opt(offset).unwrap();
        EventTime::Offset(time.with_timezone(&offset))
    }))
}

fn reservation() -> impl Strategy<Value = Reservation> {
    let sample =
        (word(), word(), prop::collection::vec("[A-Z][a-z]?", 0..4)).prop_map(|(pid, name, elements)| {
            nexus_plugin_api::Sample { pid, details: name.clone(), name, elements }
        });
    let project =
        (word(), word()).prop_map(|(name, link)| nexus_plugin_api::Project { id: name.clone(), name, link });
    (
        (word(), word(), word(), word(), word()),
        (time(), time()),
        prop::collection::vec(sample, 0..3),
        prop::collection::vec(project, 0..3),
    )
        .prop_map(|((title, url, purpose, username, division), (start, end), samples, projects)| {
            let internal_id = title.clone();
            Reservation {
                internal_id,
                title,
                url,
                purpose,
                username,
                division,
                start,
                end,
                samples,
                projects,
                ..Reservation::default()
            }
        })
}

fn value() -> impl Strategy<Value = MetaValue> {
    prop_oneof![
        any::<String>().prop_map(MetaValue::Text),
        any::<f64>().prop_map(MetaValue::Float),
        (any::<i64>(), any::<String>())
            .prop_map(|(number, unit)| MetaValue::Quantity(Box::new(MetaValue::Integer(number)), unit)),
        prop::collection::vec(any::<String>().prop_map(MetaValue::Text), 0..3).prop_map(MetaValue::List),
    ]
}

fn signals() -> impl Strategy<Value = Vec<Signal>> {
    let key = prop_oneof![any::<String>(), Just("Creation Time".into()), Just("extensions".into())];
    let node = prop_oneof![
        value().prop_map(MetaNode::Value),
        prop::collection::vec((any::<String>(), value().prop_map(MetaNode::Value)), 0..3)
            .prop_map(|entries| MetaNode::Map(MetaMap(entries))),
    ];
    let metadata = prop::collection::vec((key, node), 0..5).prop_map(MetaMap);
    let kind = prop_oneof![any::<String>(), Just("Image".into())];
    let signal =
        (kind, metadata, prop::collection::vec(prop::collection::vec(any::<String>(), 0..3), 0..2)).prop_map(
            |(dataset_type, metadata, warnings)| Signal { dataset_type, metadata, warnings, preview: None },
        );
    prop::collection::vec(signal, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_said_the_record_is_valid(reservation in reservation(), signals in signals()) {
        let disk = Disk::with(&["a.any", "b.any"]);
        let given = signals.clone();
        let readers = disk.readers().with("any", &["any"], 0, scripted(move |_, _| Ok(given.clone())));
        let clock = clock();
        let built = build(&Material { reservation, ..disk.material(&readers, &clock) }).unwrap();
        let verdict = validate::shipped().unwrap().validate(&built.xml);
        prop_assert!(verdict.is_ok(), "{verdict:?}\n{}", text(&built));
        prop_assert_eq!(built.file_count, 2);
        prop_assert_eq!(built.dataset_count, 2 * signals.len().max(1) as u64);
    }
}
