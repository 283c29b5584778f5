//! Each rule once by example, and the rules that hold for every row and every event.

use nexus_plugin_api::{Checkpoint, FailureClass};
use proptest::prelude::*;
use serde_json::json;

use super::super::{Hold, Origin, PeerUpload, TargetFacts};
use super::*;

fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn after(seconds: i64) -> DateTime<Utc> {
    start() + TimeDelta::seconds(seconds)
}

fn place(id: &str, can_find: bool) -> TargetFacts {
    TargetFacts { id: id.to_owned(), can_find, settle: TimeDelta::seconds(120) }
}

fn wanted(hash: &str) -> Event {
    Event::Wanted { content_sha256: hash.to_owned(), hold: None }
}

fn claim(can_find: bool) -> Event {
    Event::Claim { target: place("A", can_find), config_digest: "c1".to_owned() }
}

fn remote(id: &str, hash: Option<&str>) -> Remote {
    Remote { id: id.to_owned(), url: None, content_sha256: hash.map(str::to_owned) }
}

fn done(id: &str, hash: &str) -> Event {
    Event::StepDone { remote: remote(id, None), content_sha256: hash.to_owned() }
}

/// Takes a new delivery through the events, a second apart, and answers the last effects.
fn after_all(events: impl IntoIterator<Item = Event>) -> (Delivery, Vec<Effect>) {
    let row = Delivery::new("s".into(), "d".into(), start());
    let mut seconds = 0;
    events.into_iter().fold((row, Vec::new()), |(row, _), event| {
        seconds += 1;
        step(&row, event, after(seconds))
    })
}

fn logged(effects: &[Effect]) -> Vec<(bool, Option<Class>)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::WriteUploadLog(entry) => Some((entry.success, entry.class)),
            _ => None,
        })
        .collect()
}

fn needs_person(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::NeedsPerson { .. }))
}

#[test]
fn find_comes_before_the_first_create_too() {
    let (row, effects) = after_all([wanted("h1"), claim(true)]);
    assert_eq!(row.state, State::InFlight);
    assert_eq!((row.attempt, row.intent_at), (1, Some(after(2))));
    assert_eq!(effects, [Effect::Find]);

    let (_, effects) = step(&row, Event::FoundNone, after(3));
    assert_eq!(effects, [Effect::Deliver { previous: None, checkpoint: None }]);
}

#[test]
fn a_success_is_logged_and_equal_content_delivers_nothing() {
    let (row, effects) = after_all([wanted("h1"), claim(true), Event::FoundNone, done("7", "h1")]);
    assert_eq!(row.state, State::Delivered);
    assert_eq!((row.remote_id.as_deref(), row.target.as_deref()), (Some("7"), Some("A")));
    assert_eq!(logged(&effects), [(true, None)]);

    let (same, effects) = step(&row, wanted("h1"), after(9));
    assert_eq!((&same, effects.len()), (&row, 0));
    let (other, _) = step(&row, wanted("h2"), after(9));
    assert_eq!((other.state, other.attempt), (State::Due, 0));
    let (back, _) = step(&other, wanted("h1"), after(10));
    assert_eq!(back.state, State::Delivered);
}

#[test]
fn a_found_object_is_updated_unless_it_holds_the_record() {
    let (row, _) = after_all([wanted("h1"), claim(true)]);
    let (done, effects) = step(&row, Event::FoundOne(remote("7", Some("h1"))), after(3));
    assert_eq!((done.state, logged(&effects)), (State::Delivered, vec![(true, None)]));

    for content in [None, Some("h0")] {
        let (row, effects) = step(&row, Event::FoundOne(remote("7", content)), after(3));
        assert_eq!(row.state, State::InFlight);
        let previous = Some(remote("7", content));
        assert_eq!(effects, [Effect::Deliver { previous, checkpoint: None }]);
    }
}

#[test]
fn absent_is_believed_only_when_asked_after_the_settle_time() {
    let lost = PluginError::transient("cut").maybe_done();
    let (row, effects) = after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(lost)]);
    assert_eq!(row.state, State::Due);
    assert_eq!(row.absent_after, Some(after(4 + 120)), "counted from when the client gave up");
    assert_eq!(row.not_before, row.absent_after);
    assert_eq!(logged(&effects), [(false, Some(Class::Unknown))]);

    let (same, effects) = step(&row, claim(true), after(100));
    assert_eq!(same, row);
    assert!(matches!(effects.as_slice(), [Effect::Refused { .. }]));

    let (row, effects) = step(&row, claim(true), after(124));
    assert_eq!(effects, [Effect::Find]);
    let early = Delivery { intent_at: Some(after(123)), ..row.clone() };
    let (early, effects) = step(&early, Event::FoundNone, after(500));
    assert_eq!((early.state, early.not_before, effects.len()), (State::Due, Some(after(124)), 0));
    let (_, effects) = step(&row, Event::FoundNone, after(125));
    assert_eq!(effects, [Effect::Deliver { previous: None, checkpoint: None }]);
}

#[test]
fn found_later_is_a_new_row_with_success() {
    let lost = PluginError::transient("cut").maybe_done();
    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(lost)]);
    let (row, _) = step(&row, claim(true), after(130));
    let (row, effects) = step(&row, Event::FoundOne(remote("7", Some("h1"))), after(131));
    assert_eq!((row.state, row.question_open()), (State::Delivered, false));
    assert_eq!(logged(&effects), [(true, None)]);
}

#[test]
fn an_unclear_permanent_failure_is_not_repeated_once_nothing_is_found() {
    let refused = PluginError::permanent("500 with JSON").maybe_done();
    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(refused)]);
    assert_eq!(row.state, State::Due);
    let (row, _) = step(&row, claim(true), after(130));
    let (row, effects) = step(&row, Event::FoundNone, after(131));
    assert_eq!((row.state, row.question_open()), (State::Failed, false));
    assert_eq!(logged(&effects), [(false, Some(Class::Permanent))]);
    assert!(needs_person(&effects));
}

#[test]
fn a_delivery_that_was_put_back_was_never_tried() {
    let (due, _) = after_all([wanted("h1")]);
    let (row, effects) = after_all([wanted("h1"), claim(true), Event::PutBack]);
    assert_eq!((row.state, row.attempt, row.not_before), (due.state, due.attempt, due.not_before));
    assert!(effects.is_empty() && row.updated_at > due.updated_at);
    let lost = PluginError::transient("cut").maybe_done();
    let (asked, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(lost)]);
    let later = asked.absent_after.unwrap();
    let (claimed, _) = step(&asked, claim(true), later);
    assert_eq!(claimed.state, State::InFlight);
    let (row, _) = step(&claimed, Event::PutBack, later);
    assert_eq!(
        (row.attempt, row.absent_after),
        (asked.attempt, asked.absent_after),
        "the question stays open"
    );
}

#[test]
fn unclear_without_find_is_unknown_until_a_person_asks() {
    let lost = PluginError::transient("cut").maybe_done();
    for unclear in [Event::DeliverFailed(lost), Event::Overdue, Event::Recover] {
        let (row, effects) = after_all([wanted("h1"), claim(false), unclear]);
        assert_eq!(row.state, State::Unknown);
        assert_eq!(logged(&effects), [(false, Some(Class::Unknown))]);
        assert!(needs_person(&effects));
        for event in [
            claim(false),
            wanted("h2"),
            Event::NotWanted,
            Event::ConfigChanged { digest: "c2".to_owned() },
            Event::Recover,
        ] {
            assert_eq!(step(&row, event, after(900)).0.state, State::Unknown);
        }
        let (soon, _) = step(&row, Event::Retry, after(900));
        assert_eq!(soon.not_before, Some(after(1020)), "what was sent may still arrive");
        let (row, _) = step(&row, Event::Retry, after(900_000));
        let (row, effects) = step(&row, claim(false), after(900_000));
        assert_eq!(row.state, State::InFlight);
        assert_eq!(effects, [Effect::Deliver { previous: None, checkpoint: None }]);
    }
}

#[test]
fn a_late_answer_settles_an_abandoned_call() {
    for can_find in [true, false] {
        let (row, _) = after_all([wanted("h1"), claim(can_find), Event::FoundNone, Event::Overdue]);
        assert_eq!(row.state, State::Unknown);
        let (row, effects) = step(&row, done("7", "h1"), after(60));
        assert_eq!((row.state, logged(&effects)), (State::Delivered, vec![(true, None)]));
    }
}

#[test]
fn the_next_run_asks_about_an_abandoned_call() {
    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, Event::Overdue]);
    let (row, effects) = step(&row, Event::Recover, after(1000));
    assert_eq!((row.state, row.not_before), (State::Due, Some(after(1120))));
    assert!(logged(&effects).is_empty(), "the outcome was logged when the call was abandoned");
}

#[test]
fn a_crash_is_a_question_from_the_moment_it_is_noticed() {
    // Of deliveries claimed together the last begins long after the intent: until now something may have been sent.
    let (row, _) = after_all([wanted("h1"), claim(true)]);
    for noticed in [10, 86_400] {
        let (asked, effects) = step(&row, Event::Recover, after(noticed));
        assert_eq!((asked.state, asked.absent_after), (State::Due, Some(after(noticed + 120))));
        assert_eq!(logged(&effects), [(false, Some(Class::Unknown))]);
    }
}

#[test]
fn steps_keep_their_checkpoint_over_a_failure() {
    let more = |n: i32| Event::StepMore {
        checkpoint: Checkpoint(json!({ "page": n })),
        content_sha256: "h1".to_owned(),
    };
    let (row, effects) = after_all([wanted("h1"), claim(true), Event::FoundNone, more(1)]);
    assert_eq!(
        effects,
        [Effect::Deliver { previous: None, checkpoint: Some(Checkpoint(json!({"page": 1}))) }]
    );
    let (row, _) = step(&row, Event::DeliverFailed(PluginError::transient("refused")), after(5));
    let (row, _) = step(&row, claim(true), after(6));
    let (again, effects) = step(&row, Event::FoundOne(remote("7", None)), after(7));
    assert_eq!(again.state, State::InFlight);
    assert_eq!(
        effects,
        [Effect::Deliver {
            previous: Some(remote("7", None)),
            checkpoint: Some(Checkpoint(json!({"page": 1})))
        }]
    );

    let (row, _) = step(&row, wanted("h2"), after(7));
    let (_, effects) = step(&row, Event::FoundOne(remote("7", None)), after(8));
    assert_eq!(
        effects,
        [Effect::Deliver { previous: Some(remote("7", None)), checkpoint: None }],
        "the checkpoint of another record is not continued"
    );
}

#[test]
fn a_half_delivered_other_record_is_a_persons_matter_where_nothing_can_be_asked() {
    let more = Event::StepMore { checkpoint: Checkpoint(json!(1)), content_sha256: "h1".to_owned() };
    let refused = Event::DeliverFailed(PluginError::transient("refused"));
    let (row, effects) = after_all([wanted("h1"), claim(false), more, refused, wanted("h2"), claim(false)]);
    assert_eq!((row.state, row.attempt), (State::Unknown, 1));
    assert!(needs_person(&effects));
    let (row, _) = step(&row, Event::Retry, after(60));
    assert_eq!(step(&row, claim(false), after(600)).0.state, State::InFlight);
}

#[test]
fn two_tries_in_a_run_then_a_rest() {
    let refused = || Event::DeliverFailed(PluginError::transient("refused"));
    let (row, effects) = after_all([wanted("h1"), claim(true), Event::FoundNone, refused()]);
    assert_eq!((row.state, row.not_before), (State::Due, Some(after(4))));
    assert_eq!(logged(&effects), [(false, Some(Class::Transient))]);
    assert!(effects.contains(&Effect::PauseCandidate { class: Class::Transient }));
    let (row, _) = step(&row, claim(true), after(5));
    let (row, _) = step(&row, Event::FoundNone, after(6));
    let (row, _) = step(&row, refused(), after(7));
    assert_eq!((row.attempt, row.not_before), (2, Some(after(7 + 300))));

    let (row, _) = step(&row, Event::Retry, after(8));
    assert_eq!((row.attempt, row.not_before), (0, None), "a person's wish ends the rest");
}

#[test]
fn a_rate_limit_waits_as_long_as_it_says() {
    let class = FailureClass::RateLimited { until: Some(after(5000)) };
    let error = PluginError::new(class, "slow down");
    let (row, effects) =
        after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(error)]);
    assert_eq!((row.state, row.not_before), (State::Due, Some(after(5000))));
    assert!(effects.contains(&Effect::PauseDestination { until: after(5000), class: Class::RateLimited }));
    let (row, _) = step(&row, Event::ConfigChanged { digest: "c2".to_owned() }, after(10));
    assert_eq!(row.not_before, Some(after(5000)));
}

#[test]
fn auth_and_permanent_wait_for_a_change() {
    for error in [PluginError::auth("token refused"), PluginError::permanent("invalid record")] {
        let (row, effects) =
            after_all([wanted("h1"), claim(true), Event::FoundNone, Event::DeliverFailed(error)]);
        assert_eq!(row.state, State::Failed);
        assert!(needs_person(&effects));
        for nothing in [wanted("h1"), Event::ConfigChanged { digest: "c1".to_owned() }] {
            assert_eq!(step(&row, nothing, after(9)).0.state, State::Failed);
        }
        for change in [wanted("h2"), Event::ConfigChanged { digest: "c2".to_owned() }, Event::Retry] {
            let (row, _) = step(&row, change, after(9));
            assert_eq!((row.state, row.not_before, row.attempt), (State::Due, None, 0));
        }
    }
}

#[test]
fn several_objects_are_a_persons_matter() {
    let found = Event::FoundMany(vec![remote("7", None), remote("8", None)]);
    let (row, effects) = after_all([wanted("h1"), claim(true), found]);
    assert_eq!(row.state, State::Unknown);
    assert!(needs_person(&effects));
    assert!(row.failure_text.as_ref().is_some_and(|text| text.contains("7, 8")));
    let (row, _) = step(&row, Event::Recover, after(900));
    assert_eq!(row.state, State::Unknown, "asking again would find the same");
}

#[test]
fn remote_ids_of_another_target_do_not_count() {
    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, done("7", "h1")]);
    let (moved, _) = step(&row, Event::TargetChanged { target: place("B", true) }, after(9));
    assert_eq!((moved.state, moved.held_for), (State::Held, Some(Hold::Moved)));
    let (back, _) = step(&moved, Event::TargetChanged { target: place("A", true) }, after(10));
    assert_eq!((back.state, back.remote_id.as_deref()), (State::Delivered, Some("7")));

    let (row, _) = step(&moved, Event::Retry, after(10));
    let there = Event::Claim { target: place("B", true), config_digest: "c1".to_owned() };
    let (row, _) = step(&row, there, after(11));
    assert_eq!(row.remote_id, None);
    let (_, effects) = step(&row, Event::FoundNone, after(12));
    assert_eq!(effects, [Effect::Deliver { previous: None, checkpoint: None }]);
}

#[test]
fn a_record_rebuilt_during_an_attempt_is_delivered_afterwards() {
    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, wanted("h2"), done("7", "h1")]);
    assert_eq!(row.state, State::Due);
    assert_eq!(row.delivered_sha256.as_deref(), Some("h1"));
}

#[test]
fn an_unclear_update_leaves_the_content_unknown() {
    let lost = PluginError::transient("cut").maybe_done();
    let (row, _) = after_all([wanted("h1"), claim(false), done("7", "h1"), wanted("h2"), claim(false)]);
    let (row, _) = step(&row, Event::DeliverFailed(lost), after(6));
    let (row, _) = step(&row, Event::Retry, after(7));
    let (row, _) = step(&row, wanted("h1"), after(8));
    assert_eq!(row.state, State::Due, "it may hold h2 by now");
}

#[test]
fn held_deliveries_wait_for_their_own_release() {
    let held = Event::Wanted { content_sha256: "h1".to_owned(), hold: Some(Hold::After) };
    let (row, _) = after_all([held]);
    assert_eq!(row.state, State::Held);
    let (same, _) = step(&row, Event::Released { from: Hold::Adoption }, after(5));
    assert_eq!(same, row);
    let (row, _) = step(&row, Event::Released { from: Hold::After }, after(5));
    assert_eq!((row.state, row.held_for), (State::Due, None));
}

#[test]
fn what_the_peer_delivered_is_delivered() {
    let upload = PeerUpload {
        remote_id: Some("99".to_owned()),
        remote_url: None,
        upload_log_id: 5,
        target: Some("A".to_owned()),
    };
    let (row, _) = after_all([wanted("h1"), Event::PeerUploaded(upload.clone())]);
    assert_eq!((row.state, row.origin, row.upload_log_id), (State::Delivered, Origin::Peer, Some(5)));

    let (row, _) = step(&row, wanted("h2"), after(9));
    let (_, effects) = step(&row, claim(false), after(10));
    assert_eq!(effects, [Effect::Deliver { previous: Some(remote("99", None)), checkpoint: None }]);

    let (row, _) = after_all([wanted("h1"), claim(true), Event::FoundNone, done("7", "h1")]);
    let (same, effects) = step(&row, Event::PeerUploaded(upload), after(9));
    assert_eq!(same, row);
    assert!(needs_person(&effects), "two objects");
}

#[test]
fn not_wanted_waits_until_an_unclear_attempt_is_settled() {
    let lost = PluginError::transient("cut").maybe_done();
    let (row, _) = after_all([wanted("h1"), Event::NotWanted]);
    assert_eq!(row.state, State::NotWanted);
    let (row, effects) = after_all([
        wanted("h1"),
        claim(true),
        Event::FoundNone,
        Event::DeliverFailed(lost),
        Event::NotWanted,
    ]);
    assert_eq!(row.state, State::Due);
    assert!(matches!(effects.as_slice(), [Effect::Refused { .. }]));
    let (row, _) = step(&row, Event::Forget, after(9));
    assert_eq!((row.state, row.question_open()), (State::NotWanted, false));
}

#[test]
fn long_messages_are_cut_at_a_character() {
    let error = PluginError::permanent("é".repeat(5000));
    let (row, _) = after_all([wanted("h1"), claim(false), Event::DeliverFailed(error)]);
    assert_eq!(row.failure_text.map(|text| text.len()), Some(LONGEST_TEXT));
    assert_eq!(cut(&format!("a{}", "é".repeat(5000))).len(), LONGEST_TEXT - 1);
}

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
        1 => Just(Event::Recover),
    ];
    let wish = prop_oneof![
        4 => (hashes(), proptest::option::of(holds()))
            .prop_map(|(content_sha256, hold)| Event::Wanted { content_sha256, hold }),
        2 => holds().prop_map(|from| Event::Released { from }),
        1 => prop::sample::select(vec!["c1", "c2"])
            .prop_map(|digest| Event::ConfigChanged { digest: digest.to_owned() }),
        2 => targets().prop_map(|target| Event::TargetChanged { target }),
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
