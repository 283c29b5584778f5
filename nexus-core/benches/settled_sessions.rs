//! How many sessions a second go from TO_BE_BUILT to COMPLETED in a real file, with every answer durable.
//!
//! `cargo bench -p nexus-core --bench settled_sessions`; the file is made in the system's folder for
//! temporary files, or in `$TMPDIR`: choose one on the disk that is to be measured.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark stops at the first surprise")]

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use divan::Bencher;
use divan::counter::ItemsCount;
use nexus_core::clock::{Clock as _, ManualClock};
use nexus_core::db::Database;
use nexus_core::delivery::{Delivery, Effect, Event, TargetFacts, step, table};
use nexus_core::ids::{DestinationName, InstrumentPid, SessionId};
use nexus_core::instrument::Instrument;
use nexus_core::session::{RecordStatus, move_status};
use nexus_core::session_log::{NewSession, SessionLog};
use nexus_core::session_state::{self, BuildFacts, NewSessionState, reserve_record_name};
use nexus_core::timestamp::UtcTime;
use nexus_core::upload_log::NewUpload;
use nexus_core::writer::{Ticket, WriteError, Writer};
use nexus_plugin_api::Remote;
use rusqlite::Transaction;

const SESSIONS: usize = 4_000;

/// Sessions in hand at once.
const PERMITS: usize = 256;

fn main() {
    divan::main();
}

struct Facility {
    clock: ManualClock,
    instrument: InstrumentPid,
    destination: DestinationName,
}

fn session(n: usize) -> SessionId {
    format!("https://nemo.example.org/api/usage_events/?id={n}").into()
}

fn now() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn harvested(folder: &tempfile::TempDir) -> (Database, Arc<Facility>) {
    let mut database = Database::create(&folder.path().join("nexus.db")).unwrap();
    let facility = Facility {
        clock: ManualClock::at(now()),
        instrument: "Example-SEM-0001".into(),
        destination: "archive".into(),
    };
    let tx = database.transaction().unwrap();
    Instrument {
        pid: facility.instrument.clone(),
        api_url: "https://nemo.example.org/api/tools/?id=7".to_owned(),
        calendar_url: "https://nemo.example.org/calendar/".to_owned(),
        location: "Building 1".to_owned(),
        display_name: "Example SEM".to_owned(),
        property_tag: "0001".to_owned(),
        filestore_path: "sem".to_owned(),
        harvester: "nemo".to_owned(),
        timezone: "America/Denver".to_owned(),
    }
    .insert(&tx)
    .unwrap();
    for n in 0..SESSIONS {
        let new = NewSession {
            identifier: session(n),
            instrument: facility.instrument.clone(),
            user: Some("ada".to_owned()),
            start: now().fixed_offset().into(),
            end: (now() + TimeDelta::hours(1)).fixed_offset().into(),
        };
        new.insert(&tx).unwrap();
        NewSessionState {
            session: session(n),
            harvester: Some("nemo-main".into()),
            external_id: Some(n.to_string()),
            instrument: facility.instrument.clone(),
            open_since: None,
            seen_digest: None,
        }
        .insert(&tx)
        .unwrap();
    }
    tx.commit().unwrap();
    (database, Arc::new(facility))
}

/// The build commit: status, RECORD_GENERATION, name, facts and the delivery.
fn build(tx: &Transaction<'_>, facility: &Facility, id: &SessionId) -> Result<Delivery, WriteError> {
    SessionLog::insert_record_generation(tx, id, &facility.instrument, &facility.clock)?;
    let moved = move_status(tx, id, RecordStatus::ToBeBuilt, RecordStatus::BuiltNotExported)?;
    assert!(moved.is_moved());
    reserve_record_name(tx, id, facility.clock.now().date_naive())?;
    let facts = BuildFacts {
        content_sha256: "c".repeat(64),
        file_sha256: "f".repeat(64),
        file_size: 20_000,
        file_count: 25,
        built_at: UtcTime::new(facility.clock.now()),
        built_by: "nexus".to_owned(),
    };
    session_state::built(tx, id, &facts)?;
    let new = Delivery::new(id.clone(), facility.destination.clone(), facility.clock.now());
    let wanted = Event::Wanted { content_sha256: facts.content_sha256, hold: None };
    let (row, _) = step(&new, wanted, facility.clock.now());
    table::insert(tx, &row)?;
    Ok(row)
}

/// The commit before the first request.
fn claim(tx: &Transaction<'_>, facility: &Facility, due: &Delivery) -> Result<Delivery, WriteError> {
    let target = TargetFacts {
        id: "https://archive.example.org".to_owned(),
        can_find: true,
        settle: TimeDelta::seconds(120),
    };
    let event = Event::Claim { target, config_digest: "d".repeat(64) };
    let (row, _) = step(due, event, facility.clock.now());
    table::save(tx, due, &row)?;
    Ok(row)
}

/// The outcome commit: delivery, upload log and status.
fn outcome(tx: &Transaction<'_>, facility: &Facility, claimed: &Delivery) -> Result<(), WriteError> {
    let remote = Remote {
        id: format!("object of {}", claimed.session),
        url: Some("https://archive.example.org/object".to_owned()),
        content_sha256: None,
    };
    let done = Event::StepDone { remote, content_sha256: "c".repeat(64) };
    let (mut row, effects) = step(claimed, done, facility.clock.now());
    for effect in effects {
        if let Effect::WriteUploadLog(entry) = effect {
            let upload = NewUpload {
                session_identifier: row.session.clone(),
                destination: row.destination.clone(),
                success: entry.success,
                timestamp: facility.clock.now_local(),
                metadata: Some(entry.metadata("key")),
                record_id: entry.record_id,
                record_url: entry.record_url,
                error_message: entry.error_message,
            };
            row.upload_log_id = Some(upload.insert(tx)?);
        }
    }
    table::save(tx, claimed, &row)?;
    let moved = move_status(tx, &row.session, RecordStatus::BuiltNotExported, RecordStatus::Completed)?;
    assert!(moved.is_moved());
    Ok(())
}

/// What a session waits for.
enum InHand {
    Built(Ticket<Delivery>),
    Claimed(Ticket<Delivery>),
    Settled(Ticket<()>),
}

fn settle_all(writer: &Writer, facility: &Arc<Facility>, with_claim: bool) {
    let mut next = 0;
    let mut in_hand = VecDeque::new();
    let submit_outcome = |row: Delivery| {
        let facility = Arc::clone(facility);
        InHand::Settled(writer.submit(move |tx| outcome(tx, &facility, &row)))
    };
    loop {
        while next < SESSIONS && in_hand.len() < PERMITS {
            let (facility, id) = (Arc::clone(facility), session(next));
            in_hand.push_back(InHand::Built(writer.submit(move |tx| build(tx, &facility, &id))));
            next += 1;
        }
        match in_hand.pop_front() {
            None => return,
            Some(InHand::Built(ticket)) => {
                let due = ticket.wait().unwrap();
                let facility = Arc::clone(facility);
                in_hand.push_back(if with_claim {
                    InHand::Claimed(writer.submit(move |tx| claim(tx, &facility, &due)))
                } else {
                    // The claim's step without its commit, so that the outcome has something to end.
                    InHand::Settled(writer.submit(move |tx| {
                        let claimed = claim(tx, &facility, &due)?;
                        outcome(tx, &facility, &claimed)
                    }))
                });
            }
            Some(InHand::Claimed(ticket)) => in_hand.push_back(submit_outcome(ticket.wait().unwrap())),
            Some(InHand::Settled(ticket)) => ticket.wait().unwrap(),
        }
    }
}

fn bench(bencher: Bencher<'_, '_>, with_claim: bool) {
    bencher
        .counter(ItemsCount::new(SESSIONS))
        .with_inputs(|| {
            let folder = tempfile::tempdir().unwrap();
            let (database, facility) = harvested(&folder);
            (Writer::start(database), facility, folder)
        })
        .bench_refs(|(writer, facility, _folder)| settle_all(writer, facility, with_claim));
}

/// Two commits for each session: the build's and the outcome's.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_and_outcome(bencher: Bencher<'_, '_>) {
    bench(bencher, false);
}

/// Three, as a run does it: the claim is committed before the request goes out.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_claim_and_outcome(bencher: Bencher<'_, '_>) {
    bench(bencher, true);
}
