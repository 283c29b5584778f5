//! The rules that hold for every row and every event.

use proptest::prelude::*;

use super::*;

fn hashes() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["h1", "h2"]).prop_map(str::to_owned)
}

fn remotes() -> impl Strategy<Value = Remote> {
    (prop::sample::select(vec!["7", "8", " "]), proptest::option::of(hashes())).prop_map(|(id, hash)| {
        Remote { id: id.to_owned(), url: Some("https://a".to_owned()), content_sha256: hash }
    })
}

fn errors() -> impl Strategy<Value = PluginError> {
    let class = prop_oneof![
        Just(FailureClass::Permanent),
        Just(FailureClass::Transient),
        Just(FailureClass::Auth),
        Just(FailureClass::RateLimited { until: None }),
        Just(FailureClass::RateLimited { until: Some(DateTime::<Utc>::MAX_UTC) }),
    ];
    let effect = prop_oneof![Just(LeftBehind::None), Just(LeftBehind::Maybe)];
    (class, effect, prop_oneof![Just(3_usize), Just(5000)]).prop_map(|(class, effect, length)| PluginError {
        class,
        effect,
        message: "x".repeat(length),
        hint: Some("look there".to_owned()),
    })
}

fn targets() -> impl Strategy<Value = TargetFacts> {
    (prop::sample::select(vec!["A", "B"]), any::<bool>()).prop_map(|(id, can_find)| place(id, can_find))
}

fn holds() -> impl Strategy<Value = Hold> {
    prop::sample::select(Hold::ALL)
}

fn events() -> impl Strategy<Value = Event> {
    let attempt = prop_oneof![
        4 => (targets(), prop::sample::select(vec!["c1", "c2"]))
            .prop_map(|(target, digest)| Event::Claim { target, config_digest: digest.to_owned() }),
        4 => Just(Event::FoundNone),
        2 => remotes().prop_map(Event::FoundOne),
        1 => proptest::collection::vec(remotes(), 0..3).prop_map(Event::FoundMany),
        1 => Just(Event::PutBack),
        1 => Just(Event::CannotFind),
        1 => errors().prop_map(Event::FindFailed),
        3 => (remotes(), hashes())
            .prop_map(|(remote, content_sha256)| Event::StepDone { remote, content_sha256 }),
        2 => hashes().prop_map(|content_sha256| Event::StepMore {
            checkpoint: Checkpoint(json!(1)),
            content_sha256,
        }),
        2 => errors().prop_map(Event::DeliverFailed),
        1 => Just(Event::Overdue),
        1 => Just(Event::RecordGone { why: "gone".to_owned() }),
        1 => Just(Event::Recover),
    ];
    let wish = prop_oneof![
        4 => (hashes(), proptest::option::of(holds()))
            .prop_map(|(content_sha256, hold)| Event::Wanted { content_sha256, hold }),
        2 => holds().prop_map(|from| Event::Released { from }),
        1 => prop::sample::select(vec!["c1", "c2"])
            .prop_map(|digest| Event::ConfigChanged { digest: digest.to_owned() }),
        2 => targets().prop_map(|target| Event::TargetChanged { target }),
        1 => (targets(), rows())
            .prop_map(|(target, before)| Event::NamedBefore { target, before: Box::new(before) }),
        1 => (proptest::option::of(Just("9".to_owned())), proptest::option::of(Just("A".to_owned())))
            .prop_map(|(remote_id, target)| Event::PeerUploaded(PeerUpload {
                remote_id,
                remote_url: None,
                upload_log_id: 4,
                target,
            })),
        1 => Just(Event::Forget),
        2 => Just(Event::Retry),
        1 => Just(Event::NotWanted),
    ];
    prop_oneof![3 => attempt, 2 => wish]
}

/// Any row at all, also such as no history leads to.
fn rows() -> impl Strategy<Value = Delivery> {
    let words = (
        prop::sample::select(State::ALL),
        proptest::option::of(holds()),
        proptest::option::of(hashes()),
        proptest::option::of(hashes()),
        proptest::option::of(prop::sample::select(Class::ALL)),
        any::<(bool, bool, bool, bool)>(),
    );
    let instants = proptest::collection::vec(proptest::option::of(-500_i64..500), 3);
    let extremes = prop::sample::select(vec![0_u32, 1, 2, 7, u32::MAX]);
    (words, instants, extremes).prop_map(|(words, instants, attempt)| {
        let (state, held_for, wanted_sha256, delivered_sha256, failure_class, flags) = words;
        let instant = |n: usize| instants[n].map(after);
        let (can_find, remote, checkpoint, far) = flags;
        Delivery {
            state,
            held_for,
            wanted_sha256,
            delivered_sha256: delivered_sha256.clone(),
            failure_class,
            can_find,
            target: remote.then(|| "A".to_owned()),
            remote_id: remote.then(|| "7".to_owned()),
            checkpoint: checkpoint.then(|| Checkpoint(json!(1))),
            checkpoint_sha256: delivered_sha256,
            attempt,
            intent_at: if far { Some(DateTime::<Utc>::MAX_UTC) } else { instant(0) },
            absent_after: instant(1),
            not_before: instant(2),
            settle: if far { TimeDelta::MAX } else { TimeDelta::seconds(120) },
            ..Delivery::new("s".into(), "d".into(), start())
        }
    })
}

fn is_call(effect: &Effect) -> bool {
    matches!(effect, Effect::Find | Effect::Deliver { .. })
}

/// What holds for every step from every row.
fn check_step(before: &Delivery, event: &Event, now: DateTime<Utc>) -> Result<Delivery, TestCaseError> {
    let (row, effects) = step(before, event.clone(), now);
    let context = || format!("{event:?} at {now}\nbefore {before:?}\nafter  {row:?}\n{effects:?}");

    let same = Delivery { updated_at: before.updated_at, ..row.clone() } == *before;
    prop_assert_eq!(same, row.updated_at <= before.updated_at, "version: {}", context());

    let calls = effects.iter().filter(|effect| is_call(effect)).count();
    prop_assert!(calls <= 1, "{}", context());
    prop_assert_eq!(calls == 1, effects.last().is_some_and(is_call), "calls come last: {}", context());
    if calls == 1 {
        prop_assert_eq!(row.state, State::InFlight, "{}", context());
    }
    for effect in &effects {
        match effect {
            Effect::Deliver { previous, checkpoint } => {
                let asked_in_time =
                    before.absent_after.is_none_or(|end| before.intent_at.is_some_and(|asked| asked >= end));
                let allowed = match event {
                    Event::Claim { target, .. } => !target.can_find && !before.question_open(),
                    Event::FoundNone => asked_in_time,
                    Event::FoundMany(found) => found.len() == 1 || asked_in_time,
                    Event::FoundOne(_) => previous.is_some(),
                    Event::CannotFind => !before.question_open(),
                    Event::StepMore { .. } => checkpoint.is_some(),
                    _ => false,
                };
                prop_assert!(allowed, "an unasked deliver: {}", context());
            }
            Effect::WriteUploadLog(entry) => {
                prop_assert_eq!(entry.success, entry.record_id.is_some(), "{}", context());
                prop_assert_eq!(entry.success, entry.class.is_none(), "{}", context());
                prop_assert_eq!(entry.success, entry.error_message.is_none(), "{}", context());
                prop_assert!(entry.error_message.as_ref().is_none_or(|text| text.len() <= LONGEST_TEXT));
            }
            Effect::NoteEvent { text, .. } => prop_assert!(text.len() <= LONGEST_TEXT),
            Effect::Refused { .. } => prop_assert_eq!(&row, before, "refused, yet changed: {}", context()),
            _ => {}
        }
    }

    let moved = before.state != row.state;
    let allowed = match (before.state, row.state) {
        _ if !moved => true,
        (State::Unknown, State::Due) => match event {
            Event::Retry => true,
            Event::Recover | Event::TargetChanged { .. } => row.can_find,
            // A late answer, about a record that is no longer the wanted one.
            Event::StepDone { .. } => before.question_open(),
            _ => false,
        },
        (State::Unknown, State::Delivered) => matches!(event, Event::StepDone { .. }),
        (State::Unknown, State::NotWanted) => matches!(event, Event::Forget),
        (State::Failed, State::Due) => matches!(
            event,
            Event::Wanted { .. } | Event::ConfigChanged { .. } | Event::Retry | Event::StepDone { .. }
        ),
        (State::Failed, State::Held) => matches!(event, Event::Wanted { .. }),
        (State::Failed, State::Delivered) => {
            matches!(event, Event::Wanted { .. } | Event::PeerUploaded(_) | Event::StepDone { .. })
        }
        (State::Failed, State::NotWanted) => matches!(event, Event::NotWanted | Event::Forget),
        (State::Unknown | State::Failed, _) => false,
        (State::Delivered, to) => match to {
            State::Due => matches!(event, Event::Wanted { .. }),
            State::Held => matches!(event, Event::Wanted { .. } | Event::TargetChanged { .. }),
            State::NotWanted => matches!(event, Event::Forget),
            _ => false,
        },
        (_, State::InFlight) => matches!(event, Event::Claim { .. }),
        _ => true,
    };
    prop_assert!(allowed, "a move nobody may make: {}", context());
    Ok(row)
}

/// What holds for every row that a history leads to.
fn check_row(row: &Delivery) -> Result<(), TestCaseError> {
    prop_assert_eq!(row.state == State::Held, row.held_for.is_some(), "{:?}", row);
    if matches!(row.state, State::Due | State::InFlight | State::Failed) {
        prop_assert!(row.wanted_sha256.is_some(), "{:?}", row);
    }
    if row.state == State::Delivered {
        prop_assert!(row.remote_id.is_some() || row.origin == Origin::Peer, "{:?}", row);
        prop_assert!(row.target.is_some() || row.origin == Origin::Peer, "{:?}", row);
        prop_assert!(!row.question_open() && row.checkpoint.is_none(), "{:?}", row);
        prop_assert_eq!(row.failure_class, None, "{:?}", row);
    }
    if row.state == State::Failed {
        prop_assert!(row.failure_class.is_some(), "{:?}", row);
    }
    if row.state == State::Due && row.question_open() {
        prop_assert!(row.not_before >= row.absent_after, "asked too early: {:?}", row);
    }
    prop_assert!(row.failure_text.as_ref().is_none_or(|text| text.len() <= LONGEST_TEXT));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn any_event_may_meet_any_row(row in rows(), event in events(), at in -1000_i64..1000) {
        let _ = step(&row, event.clone(), after(at));
        for extreme in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
            let _ = step(&row, event.clone(), extreme);
        }
    }

    #[test]
    fn every_history_keeps_the_rules(
        history in proptest::collection::vec((events(), 0_i64..200), 1..60),
    ) {
        let mut row = Delivery::new("s".into(), "d".into(), start());
        let mut seconds = 0;
        for (event, pause) in history {
            seconds += pause;
            row = check_step(&row, &event, after(seconds))?;
            check_row(&row)?;
        }
    }

    /// Whatever happened, once the present target has been told, what counts as delivered is there.
    #[test]
    fn delivered_means_delivered_to_the_present_target(
        history in proptest::collection::vec(events(), 1..40),
        present in targets(),
    ) {
        let mut row = Delivery::new("s".into(), "d".into(), start());
        for (seconds, event) in (0..).zip(history) {
            row = step(&row, event, after(seconds * 50)).0;
        }
        row = step(&row, Event::TargetChanged { target: present.clone() }, after(9999)).0;
        if row.state == State::Delivered {
            prop_assert_eq!(row.target.as_deref(), Some(present.id.as_str()));
            prop_assert!(row.remote_at(&present.id).is_some() || row.origin == Origin::Peer);
        }
    }
}
