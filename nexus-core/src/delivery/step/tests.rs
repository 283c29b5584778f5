//! Each rule once by example.

mod any_event;

use nexus_plugin_api::{Checkpoint, FailureClass};
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
    assert_eq!((row.state, row.attempt), (State::Unknown, 0));
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

    let found = Event::FoundMany((0..5000).map(|id| remote(&format!("object {id}"), None)).collect());
    let (row, _) = after_all([wanted("h1"), claim(true), found]);
    let text = row.failure_text.unwrap();
    assert!(text.starts_with("5000 objects found") && text.ends_with("object 9, …"), "{text}");
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

/// What another name is known to have left at this place.
fn before(events: impl IntoIterator<Item = Event>) -> Event {
    let before = Delivery { destination: "old".into(), ..after_all(events).0 };
    Event::NamedBefore { target: place("A", false), before: Box::new(before) }
}

#[test]
fn what_another_name_delivered_to_a_place_that_cannot_be_asked_is_taken_over() {
    let (row, effects) = after_all([wanted("h1"), before([wanted("h1"), claim(false), done("7", "h1")])]);
    assert_eq!((row.state, row.remote_id.as_deref()), (State::Delivered, Some("7")));
    assert!(logged(&effects).is_empty() && !needs_person(&effects), "{effects:?}");

    let old = before([wanted("h1"), claim(false), done("7", "h1")]);
    let (_, effects) = after_all([wanted("h2"), old, claim(false)]);
    let previous = Some(remote("7", Some("h1")));
    assert_eq!(effects, [Effect::Deliver { previous, checkpoint: None }]);
}

#[test]
fn what_another_name_left_unclear_is_for_a_person_to_decide() {
    let (row, effects) = after_all([wanted("h1"), before([wanted("h1"), claim(false), Event::Overdue])]);
    assert_eq!(row.state, State::Unknown);
    assert!(row.question_open() && needs_person(&effects));
}

#[test]
fn a_record_built_anew_ends_a_rest_and_not_the_time_that_an_unclear_attempt_has_to_settle() {
    let refused = || Event::DeliverFailed(PluginError::transient("refused"));
    let twice = [wanted("h1"), claim(false), refused(), claim(false), refused()];
    assert!(after_all(twice.clone()).0.not_before > Some(after(60)));
    let (row, _) = after_all(twice.into_iter().chain([wanted("h1")]));
    assert_eq!((row.state, row.not_before, row.attempt), (State::Due, None, 0));

    let unclear = [wanted("h1"), claim(false), Event::Overdue, Event::Retry, wanted("h2")];
    let (row, _) = after_all(unclear);
    assert!(row.not_before > Some(after(60)), "{row:?}");
}
