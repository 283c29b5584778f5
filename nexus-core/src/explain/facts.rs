//! Everything that is known of one session, read once.

mod happenings;
mod log;

use std::path::PathBuf;

use chrono::TimeDelta;
use chrono_tz::Tz;
use nexus_plugin_api::Reservation;
use rusqlite::Connection;
use serde::Serialize;

use super::{ExplainError, has_own_tables};
use crate::adopt;
use crate::clock::Clock;
use crate::config::{Config, OnRevision};
use crate::delivery::{Class, Delivery, DeliverySummary, SessionOutcome, Strategy, session_outcome, table};
use crate::destination_state::DestinationState;
use crate::export::Routes;
use crate::failing::{self, Failing};
use crate::folders::Folders;
use crate::ids::{DestinationName, HarvesterName, InstrumentPid, SessionId};
use crate::instrument::Instruments;
use crate::lock::Holder;
use crate::meta;
use crate::overview::DeliveryLine;
use crate::revision;
use crate::secret::without_credentials;
use crate::session::{self, EventType, RecordStatus};
use crate::session_state::{SessionState, record_name, seen_user};
use crate::timestamp::{Timestamp, UtcTime};

pub use happenings::Happened;
pub use log::LogRow;
pub(super) use log::{COLUMNS as LOG_COLUMNS, read as read_log_row};

/// What the configuration says, as far as a session's story depends on it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The destinations and the strategy.
    pub routes: Routes,
    /// Where things are on disk.
    pub folders: Folders,
    /// How long after its end a session's files may arrive.
    pub file_delay: TimeDelta,
    /// The harvesters.
    pub harvesters: Vec<HarvesterName>,
    /// Whether a session that is settled follows its usage event when that is changed (`build.on_revision`).
    pub follows: bool,
}

impl Settings {
    /// Of a configuration, whose destinations and folders the caller knows.
    #[must_use]
    pub fn of(config: &Config, routes: Routes, folders: Folders) -> Self {
        Self {
            routes,
            folders,
            file_delay: TimeDelta::from_std(config.build.file_delay).unwrap_or(TimeDelta::MAX),
            follows: config.build.on_revision == OnRevision::Rebuild,
            harvesters: config.harvesters.iter().map(|harvester| harvester.name.clone()).collect(),
        }
    }
}

/// What holds beside the database at the moment of the question.
pub struct Surroundings<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The clock.
    pub clock: &'a dyn Clock,
    /// Who is at work now.
    pub at_work: Option<Holder>,
    /// How many happenings are wanted, the last ones; `None`: all.
    pub happenings: Option<usize>,
}

/// How far nexus has taken the database on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Adoption {
    /// Its own, or taken on.
    Done,
    /// It holds history of NexusLIMS, and `nexus adopt` was not said.
    NotYet,
    /// No run of nexus ever met it.
    NeverMet,
}

/// An instrument, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its identifier, as the session's rows say.
    pub pid: InstrumentPid,
    /// Its name for people; `None`: it is not in the table of instruments.
    pub name: Option<String>,
    /// The IANA name of its zone; `None`: it has none that is known, and times are told in UTC.
    pub timezone: Option<String>,
    /// Where its files are.
    pub folder: Option<PathBuf>,
}

impl Place {
    pub(super) fn zone(&self) -> Tz {
        self.timezone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC)
    }
}

/// A usage event that was changed after its session was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedEvent {
    /// Where it took place.
    pub instrument: InstrumentPid,
    /// Who used the instrument.
    pub user: Option<String>,
    /// From.
    pub start: UtcTime,
    /// Until.
    pub end: UtcTime,
}

/// The harvester of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name.
    pub name: HarvesterName,
    /// Whether the configuration names it.
    pub configured: bool,
    /// How it fails, if it does.
    pub failing: Option<Failing>,
}

/// What is stored of the reservation that went into the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Booking {
    /// Its number at its source.
    pub id: Option<String>,
    /// Title of the experiment.
    pub title: Option<String>,
    /// Its web page.
    pub url: Option<String>,
    /// Who booked.
    pub user: Option<String>,
    /// From.
    pub start: Option<UtcTime>,
    /// Until.
    pub end: Option<UtcTime>,
    /// Whether it is another person's.
    pub of_another_user: bool,
    /// What of it could not be read.
    pub warnings: Vec<String>,
}

/// One delivery, and what holds for its destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeliveryFacts {
    /// Its row.
    #[serde(flatten)]
    pub line: DeliveryLine,
    /// Whether the configuration names the destination.
    pub configured: bool,
    /// Destinations whose first attempt it waits for.
    pub after: Vec<DestinationName>,
    /// The place that the remote id belongs to.
    pub target: Option<String>,
    /// Whether the destination can tell if it has the record.
    pub can_find: bool,
    /// While it is not known whether an attempt arrived: from when on "nothing there" is believed.
    pub absent_after: Option<UtcTime>,
    /// Whether the destination holds another version of the record than the one that is wanted.
    pub holds_other_version: bool,
    /// When the last attempt was begun.
    pub tried: Option<UtcTime>,
    /// Not tried before.
    pub rests_until: Option<UtcTime>,
    /// When the record arrived last, by the upload log.
    pub arrived: Option<UtcTime>,
    /// How long the destination as a whole is left alone.
    pub paused_until: Option<UtcTime>,
    /// Why.
    pub pause_class: Option<Class>,
}

/// Everything that is known of one session.
#[derive(Debug, Clone, Serialize)]
pub struct Facts {
    /// The session.
    pub session_identifier: SessionId,
    /// The moment for which all of this is told.
    pub now: UtcTime,
    /// Whether the database was taken on.
    pub adoption: Adoption,
    /// Who is at work now.
    pub at_work: Option<Holder>,
    /// When a run last looked.
    pub last_look: Option<UtcTime>,
    /// Where it took place.
    pub instrument: Place,
    /// Who used the instrument.
    pub user: Option<String>,
    /// When it began.
    pub start: Option<UtcTime>,
    /// When it ended.
    pub end: Option<UtcTime>,
    /// Whether its usage event had not ended when it was last looked at.
    pub in_use: bool,
    /// Its status, as stored; `None`: the session log does not know it.
    pub status: Option<String>,
    /// Its rows in the session log.
    pub log: Vec<LogRow>,
    /// Rows of the upload log that cannot be read, and why.
    pub unreadable: Vec<String>,
    /// What of its rows in the session log keeps it from being built.
    pub broken: Option<String>,
    /// What nexus remembers of it.
    pub remembered: Option<SessionState>,
    /// What its usage event is now, if that was changed and the session does not follow yet.
    pub changed_event: Option<ChangedEvent>,
    /// Whether the next run has it follow by itself.
    pub follows_by_itself: bool,
    /// Who harvested it.
    pub source: Option<Source>,
    /// The reservation in its record.
    pub booking: Option<Booking>,
    /// Whether a record of it may exist anywhere.
    pub record_may_exist: bool,
    /// What its record is called.
    pub record_name: Option<String>,
    /// Where that lies now.
    pub record_file: Option<PathBuf>,
    /// How long its files may still arrive.
    pub files_until: Option<UtcTime>,
    /// The file delay, in seconds.
    pub file_delay_seconds: i64,
    /// When it counts as delivered.
    pub strategy: Strategy,
    /// Its deliveries, also to destinations that the configuration does not name.
    pub deliveries: Vec<DeliveryFacts>,
    /// The destinations that it has no delivery to.
    pub without_delivery: Vec<DestinationName>,
    /// What happened, the oldest first.
    pub happened: Vec<Happened>,
    /// How many older happenings are left out.
    pub happened_before: usize,
}

impl Facts {
    /// Reads all that is known; `None` if there is no such session.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn read(
        connection: &Connection,
        id: &SessionId,
        around: &Surroundings<'_>,
    ) -> Result<Option<Self>, ExplainError> {
        // A run may be at work: all of it is to be of one moment.
        let connection = &*connection.unchecked_transaction()?;
        let own = has_own_tables(connection)?;
        let instruments = Instruments::load(connection)?;
        let settings = around.settings;
        let state = if own { SessionState::load(connection, id)? } else { None };
        let mut rows = log::of_session(connection, id)?;
        if rows.is_empty() && state.is_none() {
            return Ok(None);
        }
        let last = |rows: &[LogRow], event| log::last(rows, event).cloned();
        let (start, end) = (last(&rows, EventType::Start), last(&rows, EventType::End));
        let pid = start.as_ref().or(end.as_ref()).or(rows.first()).map(|row| row.instrument.clone());
        let pid = pid.or(state.as_ref().map(|state| state.instrument.clone())).unwrap_or_else(|| "".into());
        let instrument = place(&instruments, pid, settings);
        let zone = instrument.zone();
        for row in &mut rows {
            row.at = row.timestamp.parse().ok().map(|time: Timestamp| UtcTime::new(time.instant(zone)));
        }
        let at = |event| log::last(&rows, event).and_then(|row| row.at);
        let open_since = state.as_ref().and_then(|state| state.open_since);
        let user = start.and_then(|row| row.user).or_else(|| end.and_then(|row| row.user)).or_else(|| {
            let digest = state.as_ref()?.seen_digest.as_deref()?;
            seen_user(digest, &instrument.pid)
        });
        let (began, ended) = (at(EventType::Start).or(open_since), at(EventType::End));
        let name = state.as_ref().and_then(|state| state.record_name.clone()).or_else(|| {
            // Nobody has noted the names of the records that NexusLIMS made; they follow from the session.
            let start = log::last(&rows, EventType::Start)?.timestamp.parse::<Timestamp>().ok()?;
            let is_built = log::status(&rows)?.parse().is_ok_and(RecordStatus::implies_record);
            is_built.then(|| record_name(start.naive_local().date(), &instrument.pid, id))
        });
        let changed_event = state.as_ref().and_then(SessionState::revised_event).map(|event| {
            let zone = place(&instruments, event.instrument.clone(), settings).zone();
            ChangedEvent {
                start: UtcTime::new(event.start.instant(zone)),
                end: UtcTime::new(event.end.instant(zone)),
                instrument: event.instrument,
                user: event.user,
            }
        });
        let follows = state.as_ref().is_some_and(|state| state.follows_event);
        let to_follow = changed_event.as_ref().filter(|_| follows).map(|event| event.end);
        let failing = if own { failing::load(connection)? } else { std::collections::BTreeMap::new() };
        let source = state.as_ref().and_then(|state| state.harvester.clone()).map(|name| Source {
            configured: settings.harvesters.contains(&name),
            failing: failing.get(&name).cloned(),
            name,
        });
        let local = *around.clock.now_local().offset();
        let (mut happened, unreadable) =
            happenings::read(connection, id, own, local, around.at_work.is_some())?;
        let deliveries = if own { deliveries(connection, id, settings, &happened)? } else { Vec::new() };
        let without = settings.routes.destinations.iter().map(|route| route.name.clone());
        let left_out = around.happenings.map_or(0, |most| happened.len().saturating_sub(most));
        happened.drain(..left_out);
        let mut facts = Self {
            now: UtcTime::new(around.clock.now()),
            adoption: adoption(connection, own)?,
            at_work: around.at_work.clone(),
            last_look: if own { meta::last_heartbeat(connection)? } else { None },
            user,
            unreadable,
            start: began,
            end: ended,
            in_use: open_since.is_some() && rows.is_empty(),
            status: log::status(&rows).map(str::to_owned),
            broken: session::broken(connection, &instruments, id)?.map(|broken| broken.why.to_string()),
            changed_event,
            follows_by_itself: false,
            source,
            booking: state.as_ref().and_then(|state| booking(state, zone)),
            record_may_exist: if own {
                session::record_may_exist(connection, id)?
            } else {
                log::is_built(&rows)
            },
            record_file: name.as_deref().and_then(|name| settings.folders.find_record(name)),
            record_name: name,
            files_until: to_follow
                .or(ended)
                .and_then(|end| end.0.checked_add_signed(settings.file_delay).map(UtcTime::new)),
            file_delay_seconds: settings.file_delay.num_seconds(),
            strategy: settings.routes.strategy,
            without_delivery: without
                .filter(|name| deliveries.iter().all(|one| one.line.destination != name.as_str()))
                .collect(),
            deliveries,
            instrument,
            remembered: state,
            happened,
            happened_before: left_out,
            session_identifier: id.clone(),
            log: rows,
        };
        facts.follows_by_itself = facts.is_to_follow(settings);
        Ok(Some(facts))
    }

    /// Its status, if it is one that is known.
    pub(super) fn known_status(&self) -> Option<RecordStatus> {
        self.status.as_deref()?.parse().ok()
    }

    /// Whether the next run has it follow its changed event, since the settings say so.
    fn is_to_follow(&self, settings: &Settings) -> bool {
        let state = self.remembered.as_ref().filter(|state| !state.follows_event);
        settings.follows
            && self.changed_event.is_some()
            && self
                .known_status()
                .zip(state)
                .is_some_and(|(status, state)| revision::may_follow(status, state, self.record_may_exist))
    }

    /// What the deliveries amount to, by the strategy.
    pub(super) fn outcome(&self) -> SessionOutcome {
        let summaries: Vec<DeliverySummary> = self
            .deliveries
            .iter()
            .map(|one| DeliverySummary { configured: one.configured, state: one.line.state })
            .collect();
        session_outcome(self.strategy, &summaries)
    }

    /// Whether nexus built a record, or took over one that NexusLIMS built.
    pub(super) fn has_record(&self) -> bool {
        self.remembered.as_ref().is_some_and(|state| state.content_sha256.is_some())
    }

    /// Why it is not built yet.
    pub(super) fn waiting(&self) -> Option<&str> {
        self.remembered.as_ref()?.waiting_reason.as_deref()
    }

    /// The word for how it ended without a record.
    pub(super) fn outcome_code(&self) -> Option<&str> {
        self.remembered.as_ref()?.outcome_code.as_deref()
    }

    /// The same for people.
    pub(super) fn outcome_text(&self) -> Option<&str> {
        self.remembered.as_ref()?.outcome_text.as_deref()
    }
}

fn adoption(connection: &Connection, own: bool) -> Result<Adoption, ExplainError> {
    Ok(match own {
        false => Adoption::NeverMet,
        true if adopt::is_adopted(connection)? => Adoption::Done,
        true => Adoption::NotYet,
    })
}

fn place(instruments: &Instruments, pid: InstrumentPid, settings: &Settings) -> Place {
    let known = instruments.get(&pid);
    Place {
        name: known.map(|known| known.display_name.clone()),
        timezone: known.and_then(|known| Some(known.timezone().ok()?.name().to_owned())),
        folder: known.map(|known| settings.folders.instrument(&known.filestore_path)),
        pid,
    }
}

fn booking(state: &SessionState, zone: Tz) -> Option<Booking> {
    let stored = state.reservation.as_ref()?;
    let booked: Reservation = serde_json::from_value(stored.clone()).ok()?;
    let some = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    let at = |time: Option<nexus_plugin_api::time::EventTime>| {
        time.map(|time| UtcTime::new(Timestamp::from(time).instant(zone)))
    };
    Some(Booking {
        id: some(booked.internal_id),
        title: some(booked.title),
        url: some(booked.url).map(|url| without_credentials(&url)),
        user: some(booked.user_full_name).or(some(booked.username)),
        start: at(booked.start),
        end: at(booked.end),
        of_another_user: booked.of_another_user,
        warnings: booked.warnings,
    })
}

fn deliveries(
    connection: &Connection,
    id: &SessionId,
    settings: &Settings,
    happened: &[Happened],
) -> Result<Vec<DeliveryFacts>, ExplainError> {
    let states = DestinationState::all(connection)?;
    let facts = |row: Delivery| {
        let name = row.destination.clone();
        let state = states.iter().find(|state| state.name == name);
        let mut line = DeliveryLine::from(row.clone());
        line.remote_url = line.remote_url.map(|url| without_credentials(&url));
        DeliveryFacts {
            configured: settings.routes.has(&name),
            after: settings.routes.after(&name).to_vec(),
            target: row.target.map(|target| without_credentials(&target)),
            can_find: row.can_find,
            absent_after: row.absent_after.map(UtcTime::new),
            holds_other_version: row.remote_id.is_some() && row.delivered_sha256 != row.wanted_sha256,
            tried: row.intent_at.map(UtcTime::new),
            rests_until: row.not_before.map(UtcTime::new),
            arrived: happened.iter().rev().find_map(|one| one.arrival(&name)),
            paused_until: state.and_then(|state| state.paused_until),
            pause_class: state.and_then(|state| state.pause_class),
            line,
        }
    };
    Ok(table::of_session(connection, id)?.into_iter().map(facts).collect())
}
