//! A session on its way through a database, by the same functions that a run uses.

use std::fmt::Write as _;
use std::fs;

use chrono::{DateTime, TimeDelta, Utc};
use nexus_plugin_api::{PluginError, Remote};
use rusqlite::{Transaction, params};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::{Explanation, Facts, HAPPENINGS, Settings, Subject, Surroundings, explain};
use crate::clock::{Clock as _, ManualClock};
use crate::db::Database;
use crate::delivery::{self, Delivery, Event, Hold, Strategy, TargetFacts, table};
use crate::export::{Moment, Route, Routes, settle_session, write_down};
use crate::folders::Folders;
use crate::ids::{DestinationName, SessionId};
use crate::journal::Journal;
use crate::lock::Holder;
use crate::session::{self, RecordStatus};
use crate::session_state::{self, BuildFacts, NewSessionState, record_key, reserve_record_name};
use crate::timestamp::UtcTime;

/// The session, unless a test brings others.
pub const ID: &str = "https://nemo.example.org/api/usage_events/?id=17";

/// The first content of its record.
pub const CONTENT: &str = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A facility with one TEM in Berlin, on the day after the session.
pub struct Stage {
    pub database: Database,
    pub clock: ManualClock,
    pub routes: Routes,
    pub at_work: bool,
    pub follows: bool,
    pub happenings: Option<usize>,
    journal: Journal,
    dir: TempDir,
}

impl Stage {
    /// Destinations by name, each with those that it waits for.
    pub fn new(strategy: Strategy, destinations: &[(&str, &[&str])]) -> Self {
        let mut database = Database::in_memory().unwrap();
        let clock = ManualClock::at(at("2024-03-05T10:15:00Z"));
        let tx = database.transaction().unwrap();
        tx.execute(
            "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                 filestore_path, harvester, timezone)
             VALUES ('TEM', 'https://nemo.example.org/api/tools/?id=1', '', '', 'Titan TEM', '', './tem', 'nemo',
                     'Europe/Berlin')",
            [],
        )
        .unwrap();
        crate::meta::set_adopted(&tx, UtcTime::new(clock.now())).unwrap();
        tx.commit().unwrap();
        let journal = Journal::open(database.read(), &clock).unwrap();
        let route = |(name, after): &(&str, &[&str])| Route {
            name: (*name).into(),
            after: after.iter().map(|name| (*name).into()).collect(),
        };
        let routes = Routes { destinations: destinations.iter().map(route).collect(), strategy };
        let dir = tempfile::tempdir().unwrap();
        Self {
            database,
            clock,
            routes,
            at_work: false,
            follows: false,
            happenings: Some(HAPPENINGS),
            journal,
            dir,
        }
    }

    /// One destination, `cdcs`, under `best_effort`.
    pub fn usual() -> Self {
        Self::new(Strategy::BestEffort, &[("cdcs", &[])])
    }

    pub fn change<T>(&mut self, change: impl FnOnce(&Transaction<'_>, &Journal, DateTime<Utc>) -> T) -> T {
        let tx = self.database.transaction().unwrap();
        let done = change(&tx, &self.journal, self.clock.now());
        tx.commit().unwrap();
        done
    }

    pub fn sql(&mut self, sql: &str) -> &mut Self {
        self.change(|tx, _, _| tx.execute_batch(sql).unwrap());
        self
    }

    pub fn later(&mut self, minutes: i64) -> &mut Self {
        self.clock.advance(TimeDelta::minutes(minutes));
        if !self.journal.is_begun(self.database.read()).unwrap() {
            self.journal = Journal::open(self.database.read(), &self.clock).unwrap();
        }
        self
    }

    /// START and END, as NexusLIMS would have written them.
    pub fn peer(&mut self, status: &str) -> &mut Self {
        for (event, hour) in [("START", 9), ("END", 11)] {
            self.row(event, &format!("2024-03-05T{hour:02}:00:00+01:00"), status);
        }
        self
    }

    pub fn row(&mut self, event: &str, time: &str, status: &str) -> &mut Self {
        self.change(|tx, _, _| {
            tx.execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES (?1, 'TEM', ?2, ?3, ?4, 'ada')",
                params![ID, time, event, status],
            )
            .unwrap();
        });
        self
    }

    /// What a run remembers of an event.
    pub fn met(&mut self, open_since: Option<&str>) -> &mut Self {
        let new = NewSessionState {
            session: ID.into(),
            harvester: Some("nemo-main".into()),
            external_id: Some("17".to_owned()),
            instrument: "TEM".into(),
            open_since: open_since.map(|time| UtcTime::new(at(time))),
            seen_digest: Some("TEM ada 2024-03-05T09:00:00+01:00 ".to_owned()),
        };
        self.change(|tx, _, _| new.insert(tx).unwrap());
        self
    }

    /// Harvested by a run, and to be built.
    pub fn harvested(&mut self) -> &mut Self {
        self.peer("TO_BE_BUILT").met(None);
        self.change(|tx, journal, now| {
            session_state::set_last_status(tx, &id(), RecordStatus::ToBeBuilt).unwrap();
            journal.note(tx, &id(), now, "harvested", "from nemo-main").unwrap();
        });
        self
    }

    pub fn waits(&mut self, reason: &str) -> &mut Self {
        self.change(|tx, _, now| session_state::wait(tx, &id(), reason, UtcTime::new(now)).unwrap());
        self
    }

    pub fn settled(&mut self, status: RecordStatus, code: &str, text: &str) -> &mut Self {
        self.change(|tx, journal, now| {
            assert!(session::move_status(tx, &id(), RecordStatus::ToBeBuilt, status).unwrap().is_moved());
            session_state::settle(tx, &id(), code, text).unwrap();
            journal.note(tx, &id(), now, code, text).unwrap();
        });
        self
    }

    /// A record on disk and in the database, wanted by every destination.
    pub fn built(&mut self) -> &mut Self {
        self.built_as(
            CONTENT,
            &json!({
                "internal_id": "42", "title": "Grains in steel.", "url": "https://nemo.example.org/event/42/",
                "username": "ada", "start": "2024-03-05T08:30:00+01:00", "end": "2024-03-05T11:30:00+01:00",
            }),
        )
    }

    pub fn built_as(&mut self, content: &str, reservation: &Value) -> &mut Self {
        let routes = self.routes.clone();
        let name = self.change(|tx, journal, now| {
            let name = reserve_record_name(tx, &id(), "2024-03-05".parse().unwrap()).unwrap();
            let _ = session::move_status(tx, &id(), RecordStatus::ToBeBuilt, RecordStatus::BuiltNotExported)
                .unwrap();
            let facts = BuildFacts {
                content_sha256: content.to_owned(),
                file_sha256: content.to_owned(),
                file_size: 1000,
                file_count: 25,
                built_at: UtcTime::new(now),
                built_by: "nexus 0.1.0".to_owned(),
            };
            session_state::built(tx, &id(), &facts).unwrap();
            session_state::set_reservation(tx, &id(), Some(reservation)).unwrap();
            journal.note(tx, &id(), now, "built", "25 files").unwrap();
            for route in routes.destinations.iter() {
                let hold = (!route.after.is_empty()).then_some(Hold::After);
                let known = table::load(tx, &id(), &route.name).unwrap();
                let row = known.clone().unwrap_or_else(|| Delivery::new(id(), route.name.clone(), now));
                let wanted = Event::Wanted { content_sha256: content.to_owned(), hold };
                table::put(tx, known.as_ref(), &delivery::step(&row, wanted, now).0).unwrap();
            }
            name
        });
        let records = self.dir.path().join("records");
        fs::create_dir_all(&records).unwrap();
        fs::write(records.join(format!("{name}.xml")), "<record/>").unwrap();
        self
    }

    pub fn lose_the_record(&mut self) -> &mut Self {
        fs::remove_dir_all(self.dir.path().join("records")).unwrap();
        self
    }

    /// What happens to a delivery, with all that is written down with it.
    pub fn happens(&mut self, destination: &str, events: impl IntoIterator<Item = Event>) -> &mut Self {
        let (routes, name) = (self.routes.clone(), DestinationName::from(destination));
        for event in events {
            self.change(|tx, journal, now| {
                let before = table::load(tx, &id(), &name).unwrap();
                let row = before.clone().unwrap_or_else(|| Delivery::new(id(), name.clone(), now));
                let (mut next, effects) = delivery::step(&row, event, now);
                let moment = Moment { now, now_local: now.fixed_offset() };
                if let Some(log) =
                    write_down(tx, &next, &effects, &record_key(&id()), journal, moment).unwrap()
                {
                    next.upload_log_id = Some(log);
                }
                table::put(tx, before.as_ref(), &next).unwrap();
                settle_session(tx, &id(), &routes, now).unwrap();
            });
        }
        self
    }

    pub fn ends_run(&mut self) -> &mut Self {
        self.change(|tx, journal, now| {
            let keep = std::time::Duration::from_hours(24 * 365);
            journal.close(tx, now, 0, &Value::Null, keep).unwrap();
            crate::meta::heartbeat(tx, UtcTime::new(now)).unwrap();
        });
        self.journal = Journal::open(self.database.read(), &self.clock).unwrap();
        self
    }

    pub fn facts(&self) -> Facts {
        let settings = Settings {
            follows: self.follows,
            routes: self.routes.clone(),
            folders: Folders {
                instrument_data: "/mnt/instruments".into(),
                data: self.dir.path().into(),
                records: self.dir.path().join("records"),
            },
            file_delay: TimeDelta::days(2),
            harvesters: vec!["nemo-main".into()],
        };
        let holder = || Holder {
            pid: 7,
            host: "lab".to_owned(),
            command: "nexus run".to_owned(),
            started_at: self.clock.now(),
        };
        let around = Surroundings {
            settings: &settings,
            clock: &self.clock,
            at_work: self.at_work.then(holder),
            happenings: self.happenings,
        };
        Facts::read(self.database.read(), &id(), &around).unwrap().unwrap()
    }

    pub fn explained(&self) -> Explanation {
        explain(self.facts())
    }

    /// The chapters, as the command prints them; all of them if none is named.
    pub fn text(&self, wanted: &[Subject]) -> String {
        let explanation = self.explained();
        let mut text = String::new();
        for chapter in &explanation.chapters {
            if !wanted.is_empty() && !wanted.contains(&chapter.subject) {
                continue;
            }
            writeln!(text, "{}", chapter.title).unwrap();
            for paragraph in &chapter.paragraphs {
                for (at, sentence) in paragraph.sentences.iter().enumerate() {
                    match (at, &paragraph.about) {
                        (0, Some(about)) => writeln!(text, "  {about}: {sentence}").unwrap(),
                        (_, Some(_)) => writeln!(text, "    {sentence}").unwrap(),
                        (_, None) => writeln!(text, "  {sentence}").unwrap(),
                    }
                }
            }
        }
        text.replace(self.dir.path().to_str().unwrap(), "[DIR]")
    }
}

pub fn id() -> SessionId {
    ID.into()
}

pub fn target(can_find: bool) -> TargetFacts {
    TargetFacts { id: "https://cdcs.example.org".to_owned(), can_find, settle: TimeDelta::minutes(2) }
}

pub fn claim(can_find: bool) -> Event {
    Event::Claim { target: target(can_find), config_digest: "d1".to_owned() }
}

pub fn arrived() -> Event {
    let url = Some("https://cdcs.example.org/data?id=65e6f2".to_owned());
    let remote = Remote { id: "65e6f2".to_owned(), url, content_sha256: None };
    Event::StepDone { remote, content_sha256: CONTENT.to_owned() }
}

pub fn fails(error: PluginError) -> Event {
    Event::DeliverFailed(error)
}
