//! Situations, one after the other, each with its whole text.

use std::fmt::Write as _;
use std::path::Path;

use nexus_plugin_api::{FailureClass, PluginError, Remote};
use serde_json::json;

use super::super::Subject;
use super::stage::{Stage, arrived, at, claim, fails, id, target};
use crate::delivery::{Event, Hold, PeerUpload, Strategy};
use crate::destination_state;
use crate::session::RecordStatus;
use crate::session_state::{self, EVENT_CANCELLED, EVENT_GONE, RevisedEvent};
use crate::timestamp::UtcTime;

/// What has to do with deliveries.
const GOING: &[Subject] = &[Subject::Deliveries, Subject::Status, Subject::Next];
/// What has to do with files and waiting.
const WAITING: &[Subject] =
    &[Subject::Files, Subject::Reservation, Subject::Record, Subject::Status, Subject::Next];
const ALL: &[Subject] = &[];

struct Situation {
    name: &'static str,
    text: String,
}

fn tell(told: &mut Vec<Situation>, name: &'static str, wanted: &[Subject], stage: &Stage) {
    told.push(Situation { name, text: stage.text(wanted) });
}

fn harvested() -> Stage {
    let mut stage = Stage::usual();
    stage.harvested();
    stage
}

fn two(strategy: Strategy) -> Stage {
    let mut stage = Stage::new(strategy, &[("cdcs", &[]), ("notebook", &["cdcs"])]);
    stage.harvested().built();
    stage
}

fn before_the_build(told: &mut Vec<Situation>) {
    let mut stage = Stage::usual();
    stage.met(Some("2024-03-05T08:00:00Z")).ends_run().later(10);
    tell(told, "In use", ALL, &stage);

    let mut stage = harvested();
    stage.ends_run().later(5);
    tell(told, "Harvested, and not built yet", ALL, &stage);
    stage.later(60 * 24 * 3);
    tell(told, "The same, and no run came for three days", &[Subject::Next], &stage);
    stage.at_work = true;
    tell(told, "The same, while a run is under way", &[Subject::Next], &stage);

    for (name, reason) in [
        ("Waits for files", "no files yet"),
        ("Waits until its files are left alone", "files are still being written"),
        ("Waits for the storage", "storage cannot be read"),
        ("Waits, since the storage looks empty", "storage looks empty"),
        ("Waits for a second answer that does not know its event", "usage event gone"),
        ("Waits for a harvester of its instrument", "no harvester for its instrument"),
        ("Waits for an answer of its harvester", "no usable answer from harvester `nemo-main`"),
        ("Waits for a harvester that is not configured", "no harvester `calendar`"),
        ("Waits for an answer that did not come", "no answer"),
        ("Waits, since a file changed", "a file changed while it was read"),
        ("Waits, since files vanished", "files vanished while they were read"),
        ("Waits for room on the disk", "no space in the data folder"),
        ("Waits for a reason that this version does not know", "the moon is full"),
    ] {
        let mut stage = harvested();
        stage.waits(reason).ends_run().later(60);
        tell(told, name, WAITING, &stage);
    }
    let mut stage = harvested();
    stage.waits("no files yet").ends_run().later(60 * 49);
    tell(told, "Waits for files, and the time for them is over", WAITING, &stage);

    let mut stage = harvested();
    let begin = |stage: &mut Stage| stage.change(|tx, _, _| session_state::begin_attempt(tx, &id()).unwrap());
    begin(&mut stage);
    stage.ends_run().later(5);
    tell(told, "Crashed once", WAITING, &stage);
    stage.at_work = true;
    tell(told, "In hand now", WAITING, &stage);
    stage.at_work = false;
    begin(&mut stage);
    tell(told, "Crashed twice", WAITING, &stage);
}

fn settled_without_a_record(told: &mut Vec<Situation>) {
    for (name, status, code, text) in [
        ("No consent", RecordStatus::NoConsent, "no_consent", "the user said no"),
        ("No reservation", RecordStatus::NoReservation, "no_reservation", "no reservation overlaps"),
        (
            "Its event went",
            RecordStatus::NoReservation,
            EVENT_GONE,
            "its usage event is no longer at its source",
        ),
        (
            "Its event was called off",
            RecordStatus::NoReservation,
            EVENT_CANCELLED,
            "the usage event was cancelled",
        ),
        ("Skipped", RecordStatus::NoReservation, "skipped", "a training day."),
        (
            "No files",
            RecordStatus::NoFilesFound,
            "no_files",
            "no file below `/mnt/instruments/tem` was written during the session, and the delay is over",
        ),
        (
            "Its record was not valid",
            RecordStatus::Error,
            "invalid_record",
            "its record is not valid: no `title`",
        ),
        (
            "Crashed for good",
            RecordStatus::Error,
            "crashed",
            "crashed the program 2 times; `nexus sessions retry` tries it once more",
        ),
    ] {
        let mut stage = harvested();
        stage.settled(status, code, text).ends_run().later(60);
        tell(told, name, ALL, &stage);
        if code == "no_files" {
            stage.change(|tx, _, _| {
                session_state::set_pending_revision(tx, &id(), Some(&changed("ada"))).unwrap();
            });
            let wanted = &[Subject::Record, Subject::Next];
            tell(told, "No files, and its event was changed later", wanted, &stage);
            stage.follows = true;
            tell(told, "The same, and the settings are others by now", wanted, &stage);
            let _ = stage.change(|tx, _, _| {
                crate::session::move_status(tx, &id(), status, RecordStatus::ToBeBuilt).unwrap()
            });
            tell(told, "No files, and asked for again", &[Subject::Status, Subject::Next], &stage);
        }
    }
    let mut stage = Stage::usual();
    stage.met(None).ends_run().later(5);
    tell(told, "Its event was called off before it ended", ALL, &stage);
}

fn deliveries(told: &mut Vec<Situation>) {
    let mut stage = harvested();
    stage.built();
    tell(told, "Built, delivery due", ALL, &stage);
    stage.happens("cdcs", [claim(true)]);
    stage.at_work = true;
    tell(told, "In flight, with a run at work", GOING, &stage);
    stage.at_work = false;
    tell(told, "In flight, and the program died", GOING, &stage);
    stage.later(5).happens("cdcs", [Event::Recover]);
    tell(told, "In flight, died, recovered: a question", GOING, &stage);
    stage.later(5).happens("cdcs", [claim(true), Event::FoundNone, arrived()]).ends_run().later(180);
    tell(told, "Delivered in the end", ALL, &stage);

    let mut stage = harvested();
    stage.built();
    for _ in 0..2 {
        stage.happens(
            "cdcs",
            [claim(true), Event::FoundNone, fails(PluginError::transient("no route to host."))],
        );
    }
    stage.ends_run().later(2);
    tell(told, "Failed twice for the moment", GOING, &stage);

    let mut stage = harvested();
    let until = at("2024-03-05T18:00:00Z");
    let limit = PluginError::new(FailureClass::RateLimited { until: Some(until) }, "too many requests");
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, fails(limit)]).ends_run().later(2);
    tell(told, "The destination asked for a pause", GOING, &stage);

    for (name, error) in [
        ("Failed for good", PluginError::permanent("the template is unknown")),
        ("Failed for want of rights", PluginError::auth("the token was refused").with_hint("renew it")),
    ] {
        let mut stage = harvested();
        stage.built().happens("cdcs", [claim(true), Event::FoundNone, fails(error)]).ends_run().later(60);
        tell(told, name, GOING, &stage);
    }

    let mut stage = harvested();
    stage.built().happens(
        "cdcs",
        [claim(true), Event::FoundNone, fails(PluginError::transient("cut off").maybe_done())],
    );
    tell(told, "Unclear, where one can ask", GOING, &stage);
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(false), fails(PluginError::transient("cut off").maybe_done())]);
    tell(told, "Unclear, where nobody can ask", GOING, &stage);
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(false)]);
    tell(told, "In flight, and the program died, where nobody can ask", GOING, &stage);
    let mut stage = harvested();
    let remote = |id: &str| Remote { id: id.to_owned(), url: None, content_sha256: None };
    stage.built().happens("cdcs", [claim(true), Event::FoundMany(vec![remote("1"), remote("2")])]);
    tell(told, "Two objects found for one session", GOING, &stage);
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::Overdue]);
    tell(told, "A call that did not end", GOING, &stage);

    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]).ends_run();
    stage.later(60).built_as("fedcba9876543210", &json!({ "internal_id": "42" })).ends_run();
    tell(told, "Delivered, and built again", ALL, &stage);

    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived(), Event::Forget]);
    tell(told, "Forgotten", GOING, &stage);
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    let mut moved = target(true);
    moved.id = "https://new.example.org".to_owned();
    stage.happens("cdcs", [Event::TargetChanged { target: moved }]);
    tell(told, "Delivered where the destination was before", GOING, &stage);
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage.routes.destinations = Stage::new(Strategy::BestEffort, &[("archive", &[])]).routes.destinations;
    tell(told, "Delivered to a destination that is gone; another one was added", GOING, &stage);
    let mut stage = harvested();
    stage.built();
    stage.routes.destinations = Stage::new(Strategy::BestEffort, &[]).routes.destinations;
    tell(told, "Due at a destination that is gone, and there is no other", GOING, &stage);
    let mut stage = harvested();
    stage.built();
    stage.change(|tx, _, now| {
        let until = UtcTime::new(now + chrono::TimeDelta::hours(2));
        let class = crate::delivery::Class::RateLimited;
        destination_state::pause(tx, &"cdcs".into(), Some(until), class).unwrap();
    });
    tell(told, "Due at a destination that is paused", GOING, &stage);
}

fn several_destinations(told: &mut Vec<Situation>) {
    for (name, strategy) in [
        ("Two destinations, one has it: best_effort", Strategy::BestEffort),
        ("Two destinations, one has it: all", Strategy::All),
        ("Two destinations, one has it: first_success", Strategy::FirstSuccess),
    ] {
        let mut stage = two(strategy);
        stage.happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
        tell(told, name, GOING, &stage);
    }
    let mut stage = two(Strategy::All);
    stage.happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage.happens(
        "notebook",
        [Event::Released { from: Hold::After }, claim(false), fails(PluginError::auth("no key"))],
    );
    tell(told, "Two destinations under all, one failed", GOING, &stage);
    stage.routes.strategy = Strategy::BestEffort;
    tell(told, "The same after the strategy was changed to best_effort", GOING, &stage);
    let mut stage = two(Strategy::All);
    for name in ["cdcs", "notebook"] {
        stage
            .happens(name, [Event::Released { from: Hold::After }, claim(true), Event::FoundNone, arrived()]);
    }
    tell(told, "Two destinations under all, both have it", GOING, &stage);
}

fn the_record(told: &mut Vec<Situation>) {
    let wanted = &[Subject::Reservation, Subject::Record, Subject::Next];
    let mut stage = harvested();
    stage.built_as(
        "0123456789abcdef",
        &json!({ "of_another_user": true, "warnings": ["sample 2 has no name"] }),
    );
    tell(told, "A reservation of another person", wanted, &stage);
    stage.lose_the_record();
    tell(told, "Its file is gone", &[Subject::Record], &stage);
    stage.happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage.change(|tx, _, _| session_state::request_rebuild(tx, &id()).unwrap());
    tell(told, "A rebuild was asked for", wanted, &stage);
    for _ in 0..2 {
        stage.change(|tx, _, _| session_state::begin_attempt(tx, &id()).unwrap());
    }
    tell(told, "A rebuild that ended the program twice", &[Subject::Status, Subject::Next], &stage);
    for (name, reason) in [
        ("A rebuild that is refused", "rebuild refused"),
        ("A rebuild without files", "rebuild without files"),
        ("A rebuild that is not valid", "rebuild is not valid"),
        ("A rebuild that crashed", "rebuild crashed"),
    ] {
        stage.waits(reason);
        tell(told, name, &[Subject::Reservation, Subject::Files, Subject::Record, Subject::Next], &stage);
    }
    stage.change(|tx, _, _| {
        session_state::settle(tx, &id(), "rebuild_crashed", "crashed the program 2 times").unwrap();
        session_state::set_pending_revision(tx, &id(), Some(&changed("bea"))).unwrap();
    });
    tell(told, "A rebuild that was given up, and an event that was changed", &[Subject::Record], &stage);
    stage.change(|tx, _, _| session_state::set_pending_revision(tx, &id(), Some(EVENT_GONE)).unwrap());
    tell(told, "An event that went after the build", &[Subject::Record], &stage);
    changed_events(told);
}

/// What an event is in the end, as a harvest notes it.
fn changed(user: &str) -> String {
    let event = RevisedEvent {
        instrument: "TEM".into(),
        user: Some(user.to_owned()),
        start: "2024-03-05T09:00:00+01:00".parse().unwrap(),
        end: "2024-03-05T12:00:00+01:00".parse().unwrap(),
    };
    event.to_text()
}

fn changed_events(told: &mut Vec<Situation>) {
    let wanted = &[Subject::Files, Subject::Record, Subject::Next];
    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage.change(|tx, _, _| session_state::set_pending_revision(tx, &id(), Some(&changed("bea"))).unwrap());
    tell(told, "An event that was changed after the build, and is told", wanted, &stage);
    stage.follows = true;
    tell(told, "The same, and `on_revision` has become `rebuild`", wanted, &stage);
    stage.change(|tx, _, _| session_state::request_following(tx, &id()).unwrap());
    tell(told, "An event that was changed, and is followed", wanted, &stage);
    stage.waits("no files yet");
    tell(told, "An event that was changed to a time without files", wanted, &stage);
    stage.waits("usage event gone");
    tell(told, "An event that was changed and is gone", &[Subject::Reservation, Subject::Next], &stage);
    stage.change(|tx, _, _| {
        let why = "its usage event was changed, and its record was not: no file below `/mnt/instruments/tem` was written in the time \
                   that the event has now";
        session_state::settle(tx, &id(), "rebuild_no_files", why).unwrap();
    });
    tell(told, "An event that was changed to a time that has no files", wanted, &stage);
}

fn of_others(told: &mut Vec<Situation>) {
    let mut stage = Stage::usual();
    stage.peer("COMPLETED").row("RECORD_GENERATION", "2024-03-05T12:00:00.123456", "COMPLETED").sql(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp, record_id, record_url)
         VALUES ('https://nemo.example.org/api/usage_events/?id=17', 'cdcs', 1, '2024-03-05T10:12:01.5', 'p1',
                 'https://bob:hunter2@cdcs.example.org/data?id=p1')",
    );
    tell(told, "Made by NexusLIMS, and not met yet", ALL, &stage);
    let upload = PeerUpload {
        remote_id: Some("p1".to_owned()),
        remote_url: Some("https://bob:hunter2@cdcs.example.org/data?id=p1".to_owned()),
        upload_log_id: 1,
        target: None,
    };
    stage.met(None).happens("cdcs", [Event::PeerUploaded(upload)]);
    stage.change(|tx, _, _| session_state::set_last_status(tx, &id(), RecordStatus::Completed).unwrap());
    tell(told, "Made by NexusLIMS, and taken on", ALL, &stage);
    stage.sql(
        "DROP TABLE nexus_session; DROP TABLE nexus_delivery; DROP TABLE nexus_event; DROP TABLE nexus_meta",
    );
    tell(told, "Made by NexusLIMS, on a database that nexus never met", ALL, &stage);

    let mut stage = Stage::usual();
    stage.peer("COMPLETED").sql("DELETE FROM nexus_meta WHERE key = 'adopted_at'");
    tell(
        told,
        "On a database that was not adopted",
        &[Subject::Session, Subject::Status, Subject::Next],
        &stage,
    );

    for (name, status) in [
        ("NexusLIMS could not export it", "BUILT_NOT_EXPORTED"),
        ("NexusLIMS could not build it", "ERROR"),
        ("NexusLIMS found no files", "NO_FILES_FOUND"),
        ("NexusLIMS found no consent", "NO_CONSENT"),
        ("NexusLIMS found no reservation", "NO_RESERVATION"),
    ] {
        let mut stage = Stage::usual();
        stage.peer(status);
        tell(told, name, WAITING, &stage);
    }

    let mut stage = harvested();
    stage.built().happens("cdcs", [claim(true), Event::FoundNone, arrived()]);
    stage.sql("UPDATE session_log SET record_status = 'TO_BE_BUILT'");
    tell(told, "Set back by somebody though it has a record", GOING, &stage);
    stage.change(|tx, journal, now| {
        session_state::set_last_status(tx, &id(), RecordStatus::ToBeBuilt).unwrap();
        journal.note(tx, &id(), now, "moved_by_another_program", "COMPLETED to TO_BE_BUILT").unwrap();
    });
    tell(told, "The same after a run took note of it", GOING, &stage);
}

fn strange_rows(told: &mut Vec<Situation>) {
    let wanted = &[Subject::Session, Subject::Status, Subject::Next];
    let mut stage = harvested();
    stage.row("START", "2024-03-05T09:30:00+01:00", "TO_BE_BUILT");
    tell(told, "Two STARTs", wanted, &stage);
    let mut stage = Stage::usual();
    stage.row("START", "2024-03-05T09:00:00", "WAITING_FOR_END");
    tell(told, "A START alone", wanted, &stage);
    let mut stage = Stage::usual();
    stage.row("START", "yesterday", "TO_BE_BUILT").row("END", "2024-03-05T11:00:00", "ERROR");
    tell(told, "A time that is none, and rows that disagree", wanted, &stage);
    let mut stage = harvested();
    stage.sql("DELETE FROM instruments");
    tell(told, "An instrument that is not there", wanted, &stage);
    let mut stage = harvested();
    stage.sql("PRAGMA ignore_check_constraints = ON; UPDATE session_log SET record_status = 'PAUSED'");
    tell(told, "A status that is none", wanted, &stage);
    let mut stage = harvested();
    stage.sql(
        "INSERT INTO upload_log (session_identifier, destination_name, success, timestamp)
         VALUES ('https://nemo.example.org/api/usage_events/?id=17', 'cdcs', 'perhaps', '2024-03-05T10:12:01')",
    );
    tell(told, "An upload that cannot be read", &[Subject::Session, Subject::Happened], &stage);
    let mut stage = harvested();
    stage.row("RECORD_GENERATION", "2024-03-05T12:00:00", "WAITING_FOR_END");
    tell(told, "A build that NexusLIMS did not end", &[Subject::Session], &stage);
}

#[test]
fn every_situation_reads_as_it_should() {
    let mut told = Vec::new();
    before_the_build(&mut told);
    settled_without_a_record(&mut told);
    deliveries(&mut told);
    several_destinations(&mut told);
    the_record(&mut told);
    of_others(&mut told);
    strange_rows(&mut told);
    let mut page = String::from(
        "# What `nexus explain` says in every situation\n\nThe session took place on 2024-03-05 from 09:00 to 11:00 in Berlin. \
         `UPDATE_DOCS=1 cargo test -p nexus-core --lib explain` writes this page anew; read it line by line then: it is the \
         expectation.\n",
    );
    for Situation { name, text } in &told {
        write!(page, "\n## {name}\n\n```text\n{text}```\n").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/explain/testdata/situations.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (said, wanted) in page.split("\n## ").zip(expected.split("\n## ")) {
        assert_eq!(said, wanted);
    }
    assert_eq!(page, expected);
}
