//! Look-ups, the upsert rules, and whose an identifier is.

use chrono::{TimeDelta, TimeZone as _, Utc};

use super::*;
use crate::clock::ManualClock;
use crate::db::Database;

fn link<'a>(user: &'a str, external_id: &'a str) -> NewIdentifier<'a> {
    NewIdentifier { user, system: ExternalSystem::Nemo, external_id, email: None, notes: None }
}

fn clock() -> ManualClock {
    ManualClock::at(Utc.timestamp_opt(1_795_305_563, 608_889_000).unwrap())
}

#[test]
fn storing_again_keeps_what_is_not_given_and_counts_as_verified() {
    let mut db = Database::in_memory().unwrap();
    let clock = clock();
    let tx = db.transaction().unwrap();
    let first = NewIdentifier { email: Some("ann@example.org"), notes: Some("by hand"), ..link("ann", "17") };
    assert_eq!(first.store(&tx, &clock).unwrap(), Linked::Inserted);
    let stored = |tx: &Transaction<'_>| ExternalUserIdentifier::of_user(tx, "ann").unwrap().rows.remove(0);
    let row = stored(&tx);
    assert_eq!(row.created_at.unwrap().to_string(), "2026-11-21T23:59:23.608889+00:00");
    assert_eq!(row.last_verified_at, None);

    clock.advance(TimeDelta::hours(1));
    let again = NewIdentifier { email: Some(""), ..link("ann", "18") };
    assert_eq!(again.store(&tx, &clock).unwrap(), Linked::Updated);
    let row = stored(&tx);
    assert_eq!((row.external_id.as_str(), row.email.as_deref()), ("18", Some("ann@example.org")));
    assert_eq!(row.notes.as_deref(), Some("by hand"));
    assert_eq!(row.created_at.unwrap().to_string(), "2026-11-21T23:59:23.608889+00:00");
    assert_eq!(row.last_verified_at.unwrap().to_string(), "2026-11-22T00:59:23.608889+00:00");

    let changed = NewIdentifier { notes: Some("asked her"), ..link("ann", "18") };
    changed.store(&tx, &clock).unwrap();
    assert_eq!(stored(&tx).notes.as_deref(), Some("asked her"));
}

#[test]
fn it_is_found_both_ways() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    link("ann", "17").store(&tx, &clock()).unwrap();
    NewIdentifier { system: ExternalSystem::Cdcs, ..link("ann", "9") }.store(&tx, &clock()).unwrap();
    link("bob", "9").store(&tx, &clock()).unwrap();
    assert_eq!(external_id(&tx, "ann", ExternalSystem::Nemo).unwrap().as_deref(), Some("17"));
    assert_eq!(external_id(&tx, "ann", ExternalSystem::LabArchivesEln).unwrap(), None);
    assert_eq!(user_of(&tx, ExternalSystem::Nemo, "9").unwrap().as_deref(), Some("bob"));
    assert_eq!(user_of(&tx, ExternalSystem::Cdcs, "17").unwrap(), None);
    let all = all_of(&tx, "ann").unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[&ExternalSystem::Cdcs], "9");
    assert!(all_of(&tx, "nobody").unwrap().is_empty());
    assert!(remove(&tx, "ann", ExternalSystem::Nemo).unwrap());
    assert!(!remove(&tx, "ann", ExternalSystem::Nemo).unwrap());
    assert_eq!(ExternalUserIdentifier::all(&tx).unwrap().rows.len(), 2);
}

#[test]
fn an_identifier_of_somebody_else_is_refused_naming_both() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    link("ann", "17").store(&tx, &clock()).unwrap();
    link("bob", "18").store(&tx, &clock()).unwrap();
    for user in ["bob", "carl"] {
        let error = link(user, "17").store(&tx, &clock()).unwrap_err();
        assert!(
            matches!(&error, ExternalUserError::Taken { holder, user: who, .. } if holder == "ann" && who == user)
        );
        assert_eq!(
            error.to_string(),
            format!(
                "`17` in nemo already belongs to user `ann` and cannot be linked to `{user}`; unlink it from \
                 `ann` first if that is wrong"
            )
        );
    }
    assert_eq!(external_id(&tx, "bob", ExternalSystem::Nemo).unwrap().as_deref(), Some("18"));
    assert_eq!(
        link("", "1").store(&tx, &clock()).unwrap_err().to_string(),
        "the user in system nemo is empty"
    );
    assert_eq!(
        link("carl", " ").store(&tx, &clock()).unwrap_err().to_string(),
        "the identifier in system nemo is empty"
    );
}

#[test]
fn the_systems_are_the_databases_texts() {
    for (system, text) in
        ExternalSystem::ALL.iter().zip(["nemo", "labarchives_eln", "labarchives_scheduler", "cdcs"])
    {
        assert_eq!(system.to_string(), text);
        assert_eq!(text.parse::<ExternalSystem>().unwrap(), *system);
    }
    assert_eq!(
        "orcid".parse::<ExternalSystem>().unwrap_err().to_string(),
        "`orcid` is not an external system; known: nemo, labarchives_eln, labarchives_scheduler, cdcs"
    );
}

#[test]
fn an_address_is_that_of_one_user_or_of_nobody() {
    let mut db = Database::in_memory().unwrap();
    let tx = db.transaction().unwrap();
    let with = |user, system, id, email| NewIdentifier { system, email: Some(email), ..link(user, id) };
    with("ann", ExternalSystem::Nemo, "17", " Ann@Example.org").store(&tx, &clock()).unwrap();
    with("ann", ExternalSystem::Cdcs, "9", "ann@example.org").store(&tx, &clock()).unwrap();
    with("bob", ExternalSystem::Nemo, "18", "lab@example.org").store(&tx, &clock()).unwrap();
    with("carl", ExternalSystem::Nemo, "19", "lab@example.org").store(&tx, &clock()).unwrap();
    assert_eq!(user_with_email(&tx, "ANN@example.org ").unwrap().as_deref(), Some("ann"));
    assert_eq!(user_with_email(&tx, "lab@example.org").unwrap(), None);
    assert_eq!(user_with_email(&tx, "eve@example.org").unwrap(), None);
    let known = known_of(&tx, "ann").unwrap();
    assert_eq!(known.emails, ["ann@example.org", "Ann@Example.org"]);
    assert_eq!(known.ids.len(), 2);
    assert_eq!(known_of(&tx, "nobody").unwrap(), KnownUser::default());
}
