//! The steps in order; the only room that knows them all.
//!
//! ```text
//! lock → recover → reconcile → harvest → plan → build ⇄ export → report
//! ```
//!
//! Records are exported as soon as they are built. One thread writes; see [`crate::writer`].

mod facility;
mod recover;
mod tidy;

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use chrono::TimeDelta;

pub use crate::build::{Choice, PlannedActivity, PlannedSession};
pub use crate::question::Window;
pub use crate::stop::StopFlag;
pub use facility::{Facility, PipelineError, folders, pool, routes, selection};

use crate::build::Builder;
use crate::causes::with_causes;
use crate::config::OnRevision;
use crate::db::{Access, Database};
use crate::delivery::table;
use crate::durable;
use crate::export::{Bell, Board, Exporter, Moment, Places, Tally};
use crate::external_user::ExternalSystem;
use crate::failing;
use crate::harvest::{self, Harvest, Owner, TakenOver};
use crate::ids::{HarvesterName, SessionId};
use crate::instrument::Instruments;
use crate::journal::Journal;
use crate::lock::{DatabaseLock, RunLock};
use crate::meta;
use crate::plugins::{Groups, HarvesterInstance, Reaped, served};
use crate::reconcile::{self, Unseen};
use crate::report::{HarvestCounts, Progress, RunReport, harvest_failed};
use crate::revision;
use crate::session::{self, RecordStatus};
use crate::session_state::SessionState;
use crate::timestamp::UtcTime;
use crate::unsynced;
use crate::writer::{WriteError, Writer};

/// How long a run waits for a command that writes to the database.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// Sessions asked about in one job of the writer, so that others come to their turn.
const PAGE: usize = 500;

/// Which steps a run makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Bring sessions.
    pub harvest: bool,
    /// Make records.
    pub build: bool,
    /// Deliver them.
    pub export: bool,
}

impl Steps {
    /// All of them.
    pub const ALL: Self = Self { harvest: true, build: true, export: true };
}

/// Makes the steps, holding both locks.
///
/// # Errors
/// The run could not begin, or the database failed under it. Everything else is in the report.
pub fn run(facility: &Facility, steps: Steps) -> Result<RunReport, PipelineError> {
    let config = &facility.config;
    facility.check_storage()?;
    let _run_lock = RunLock::try_acquire(&config.storage.data)?;
    let at_work = AtWork::begin(&facility.groups);
    let orphans = at_work.0.reap();
    let _database_lock = DatabaseLock::acquire(&config.database.path, LOCK_PATIENCE)?;
    facility.require_known()?;
    let mut database = Database::open(&config.database.path, Access::Write)?;
    database.require_head()?;
    facility.require_adopted(&mut database)?;
    let instruments = Instruments::load(database.read())?;
    let journal = Journal::open(database.read(), facility.clock.as_ref()).map_err(WriteError::from)?;
    let writer = Writer::start(database);
    let run = Run { facility, writer: &writer, instruments: &instruments, journal: Arc::new(journal) };
    let report = run.steps(steps, &orphans);
    // What was answered is committed; a failure to close loses nothing.
    drop(writer);
    report
}

/// Tells what the steps would do, and does nothing: everything is tried on a copy of the database, and no
/// file that stays is written. Harvesters are asked; destinations are not.
///
/// `tell` hears of every session that is to be built, by the instant of its end.
///
/// # Errors
/// As [`run`]; locks are not taken.
pub fn rehearse(
    facility: &Facility,
    steps: Steps,
    tell: &mut dyn FnMut(PlannedSession),
) -> Result<RunReport, PipelineError> {
    facility.require_storage()?;
    facility.require_known()?;
    let database = Database::open(&facility.config.database.path, Access::Read)?;
    database.require_head()?;
    let mut copy = database.copy_to_try()?;
    drop(database);
    facility.require_adopted(&mut copy)?;
    let instruments = Instruments::load(copy.read())?;
    let journal = Journal::open(copy.read(), facility.clock.as_ref()).map_err(WriteError::from)?;
    let writer = Writer::start(copy);
    let run = Run { facility, writer: &writer, instruments: &instruments, journal: Arc::new(journal) };
    let mut report = RunReport::default();
    run.tell_unreadable(&mut report);
    run.recover(&mut report)?;
    if steps.harvest {
        run.harvest(&mut report)?;
    }
    if steps.build {
        run.follow_earlier(&mut report)?;
        let bell = Bell::default();
        let progress = |progress: Progress<'_>| (facility.progress)(progress);
        let built = run.builder(&bell, &progress).rehearse(tell)?;
        report.build = built.counts;
        report.warnings.extend(built.warnings);
        report.needs_person.extend(built.needs_person);
        report.unserved.extend(built.unserved);
    }
    report.merge_failures();
    report.tell_unserved();
    report.interrupted = facility.stop.is_set();
    Ok(report)
}

/// Plugins may have processes as long as this lives: it goes before the run lock does, however the run ends, so
/// that nobody is at work on a destination when another run asks it.
struct AtWork<'a>(&'a Groups);

impl<'a> AtWork<'a> {
    fn begin(groups: &'a Groups) -> Self {
        groups.open();
        Self(groups)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct Run<'a> {
    facility: &'a Facility,
    writer: &'a Writer,
    instruments: &'a Instruments,
    journal: Arc<Journal>,
}

impl Run<'_> {
    fn steps(&self, steps: Steps, orphans: &[Reaped]) -> Result<RunReport, PipelineError> {
        let mut report = RunReport::default();
        self.tell_unreadable(&mut report);
        report.warnings.extend(orphans.iter().map(Reaped::to_string));
        tidy::sweep(self.facility, &mut report);
        self.recover(&mut report)?;
        if steps.harvest {
            self.harvest(&mut report)?;
        }
        if steps.build {
            self.follow_earlier(&mut report)?;
        }
        if steps.export {
            self.resettle(&mut report)?;
        }
        if steps.build || steps.export {
            self.build_and_export(steps, &mut report)?;
        }
        report.merge_failures();
        report.tell_unserved();
        if steps.export {
            self.stranded(&mut report)?;
        }
        report.interrupted = self.facility.stop.is_set();
        self.final_status(&mut report)?;
        tidy::put_away(self.facility, self.writer, &mut report)?;
        self.sync(&mut report)?;
        self.finish(steps, &mut report)?;
        Ok(report)
    }

    /// Instruments that nobody can read have no sessions, and no file of theirs is looked for.
    fn tell_unreadable(&self, report: &mut RunReport) {
        report.needs_person.extend(self.instruments.unreadable().iter().map(ToString::to_string));
    }

    fn recover(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let (routes, journal) = (self.facility.routes.clone(), Arc::clone(&self.journal));
        let clock = self.facility.clock.as_ref();
        let moment = Moment { now: clock.now(), now_local: clock.now_local() };
        let boot = self.facility.boot.clone();
        let lost = self.writer.run(move |tx| Ok(unsynced::rebuild_lost(tx, &boot)?))?;
        if lost > 0 {
            report.warnings.push(format!(
                "the machine went down before the files beside {lost} records were safe: they are built once more"
            ));
        }
        let (told, foreign) = self.writer.run(move |tx| {
            let unseen = Unseen::find(tx)?;
            let told = recover::in_flight(tx, &journal, &routes, moment)?;
            Ok((told, reconcile::reconcile(tx, unseen, &routes, &journal, moment.now)?))
        })?;
        report.needs_person.extend(told);
        report.needs_person.extend(foreign.told);
        if foreign.uploads + foreign.moves > 0 {
            tracing::info!(
                "another program delivered {} records and moved {} sessions",
                foreign.uploads,
                foreign.moves
            );
        }
        if foreign.built_not_exported > 0 {
            report.needs_person.push(format!(
                "{} sessions were built by NexusLIMS and not exported: `nexus adopt --deliver-missing` delivers them",
                foreign.built_not_exported
            ));
        }
        Ok(())
    }

    /// Harvesters in parallel, each with the instruments it serves.
    fn harvest(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let harvesters = &self.facility.plugins.harvesters;
        let (served, unserved) = served(self.instruments.iter(), harvesters);
        report.unserved.extend(unserved);
        let owners = harvesters.iter().zip(&served).map(|(harvester, instruments)| Owner {
            name: harvester.name.clone(),
            bases: harvester.address.iter().chain(&harvester.aliases).cloned().collect(),
            instruments: instruments.iter().map(|one| one.pid.as_str().into()).collect(),
        });
        let owners: Vec<Owner> = owners.collect();
        let taken_over = self.writer.run(move |tx| Ok(harvest::take_over_by_address(tx, &owners)?))?;
        report.warnings.extend(taken_over.iter().map(TakenOver::to_string));
        for (idle, _) in harvesters.iter().zip(&served).filter(|(_, instruments)| instruments.is_empty()) {
            if !harvesters.iter().any(|other| other.reservations_from.as_ref() == Some(&idle.name)) {
                report.warnings.push(format!(
                    "harvester `{}` was asked for nothing, since no instrument is its own: `nexus config check` says more",
                    idle.name
                ));
            }
        }
        let results: Vec<(HarvesterName, Result<HarvestCounts, WriteError>)> = std::thread::scope(|scope| {
            let running: Vec<_> = harvesters
                .iter()
                .zip(&served)
                .filter(|(_, instruments)| !instruments.is_empty())
                .map(|(harvester, instruments)| {
                    (harvester.name.clone(), scope.spawn(move || self.harvest_one(harvester, instruments)))
                })
                .collect();
            running
                .into_iter()
                .map(|(name, thread)| (name, thread.join().unwrap_or_else(|_| Err(WriteError::Closed))))
                .collect()
        });
        for (name, counts) in results {
            let counts = counts?;
            if let Some(why) = &counts.failed {
                report.needs_person.push(harvest_failed(&name, why));
            }
            let rejected = counts.rejected.len() as u64 + counts.rejected_left_out;
            if rejected > 0 {
                report.needs_person.push(format!("harvester `{name}`: {rejected} rows cannot be read"));
            }
            let late = (counts.revised_late + counts.gone_late).saturating_sub(counts.follow);
            if late > 0 {
                report.needs_person.push(format!(
                    "harvester `{name}`: {late} usage events changed or went after their session was settled, which stays as it is: \
                     {}; `nexus sessions rebuild` (`retry` for one without a record) has a session follow a change",
                    listed(&counts.late, late)
                ));
            }
            if counts.follow > 0 {
                report.warnings.push(format!(
                    "harvester `{name}`: {} usage events changed after their session was settled, which is built from that: {}",
                    counts.follow,
                    listed(&counts.following, counts.follow)
                ));
            }
            report.warnings.extend(counts.taken_over.iter().cloned());
            report.harvest.insert(name, counts);
        }
        self.abandoned(report)
    }

    /// Tells of events in use that nobody asks for, since their harvester was removed or is another source by now.
    fn abandoned(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let open = self.writer.run(|tx| Ok(SessionState::open_by_harvester(tx)?))?;
        let configured = &self.facility.plugins.harvesters;
        let left = open.into_iter().filter(|(name, _)| configured.iter().all(|one| one.name != *name));
        report.needs_person.extend(left.map(|(name, count)| {
            format!(
                "{count} usage events of harvester `{name}` were in use when it was last asked, and the configuration does \
                 not name it: name it again, say which harvester it is now with `nexus harvesters rename {name} NEW`, or \
                 give them up with `nexus harvesters retire {name}`"
            )
        }));
        Ok(())
    }

    fn harvest_one(
        &self,
        harvester: &HarvesterInstance,
        instruments: &[nexus_plugin_api::InstrumentRef],
    ) -> Result<HarvestCounts, WriteError> {
        let harvest = Harvest {
            writer: self.writer,
            clock: self.facility.clock.as_ref(),
            instruments: self.instruments,
            stop: &self.facility.stop,
            journal: Arc::clone(&self.journal),
            user_system: harvester.plugin.parse::<ExternalSystem>().ok(),
            follows: self.follows(),
            window: self.facility.window,
        };
        harvest.run(harvester, instruments)
    }

    /// Whether a session that is settled follows its usage event.
    fn follows(&self) -> bool {
        self.facility.config.build.on_revision == OnRevision::Rebuild
    }

    /// Changes that were told as long as the setting was another one.
    fn follow_earlier(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let (follows, journal) = (self.follows(), Arc::clone(&self.journal));
        let now = self.facility.clock.now();
        let following = self.writer.run(move |tx| revision::follow_earlier(tx, follows, &journal, now))?;
        if !following.is_empty() {
            report.warnings.push(format!(
                "`build.on_revision` has become `rebuild`: sessions whose usage event was changed before are built from that: {}",
                listed(&following, following.len() as u64)
            ));
        }
        Ok(())
    }

    /// Builds, while every destination takes what is ready.
    fn build_and_export(&self, steps: Steps, report: &mut RunReport) -> Result<(), PipelineError> {
        let facility = self.facility;
        let bell = Bell::default();
        let until = TimeDelta::from_std(facility.config.export.time_budget)
            .ok()
            .and_then(|budget| facility.clock.now().checked_add_signed(budget));
        let exporter = Exporter {
            writer: self.writer,
            clock: facility.clock.as_ref(),
            folders: &facility.folders,
            instruments: self.instruments,
            routes: facility.routes.clone(),
            destinations: &facility.plugins.destinations,
            bell: &bell,
            board: Board::default(),
            places: Places::default(),
            stop: &facility.stop,
            until,
            journal: Arc::clone(&self.journal),
        };
        let progress = |progress: Progress<'_>| (facility.progress)(progress);
        let failed: Mutex<Option<WriteError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            let exporter = &exporter;
            let exports: Vec<_> = facility
                .plugins
                .destinations
                .iter()
                .filter(|_| steps.export)
                .map(|destination| {
                    let thread = std::thread::Builder::new().name(format!("export {}", destination.name));
                    let work = thread.spawn_scoped(scope, move || exporter.work(destination));
                    if work.is_err() {
                        exporter.absent(destination);
                    }
                    (destination, work)
                })
                .collect();
            let built = if steps.build { self.build(&bell, &progress, report) } else { Ok(()) };
            bell.close();
            let mut problems: Vec<WriteError> = built.err().into_iter().collect();
            let ended: Vec<_> = exports
                .into_iter()
                .map(|(destination, export)| {
                    let ended = match export {
                        Ok(export) => export.join().unwrap_or_else(|_| Err(WriteError::Closed)),
                        Err(no_thread) => Err(WriteError::job(no_thread)),
                    };
                    (destination, ended)
                })
                .collect();
            for (destination, worked) in ended {
                let counted = worked.and_then(|mut tally| {
                    exporter.leftovers(destination, &mut tally)?;
                    Ok(tally)
                });
                match counted {
                    Ok(tally) => note(report, destination.name.clone(), tally),
                    Err(error) => problems.push(error),
                }
            }
            if let Ok(mut slot) = failed.lock() {
                *slot = problems.into_iter().next();
            }
        });
        match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// What was missing may not be wanted any more.
    fn resettle(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let completed =
            crate::export::resettle(self.writer, &self.facility.routes, self.facility.clock.now())?;
        if completed > 0 {
            report.warnings.push(format!(
                "the strategy or the destinations are not those of the last run: {completed} sessions that were \
                 BUILT_NOT_EXPORTED lack nothing now, and are COMPLETED"
            ));
        }
        Ok(())
    }

    /// Tells of records that nobody will deliver, since their destination was renamed or removed.
    fn stranded(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let routes = self.facility.routes.destinations.iter();
        let configured: Vec<_> = routes.map(|route| route.name.clone()).collect();
        let stranded = self.writer.run(move |tx| Ok(table::stranded(tx, &configured)?))?;
        report.needs_person.extend(stranded.into_iter().map(|(name, count)| {
            format!(
                "{count} sessions wait for destination `{name}` alone, which the configuration does not name: name it \
                 again, deliver them to another one with `nexus export backfill`, or give them up with \
                 `nexus export forget --destination {name} --all-open`"
            )
        }));
        Ok(())
    }

    fn build(
        &self,
        bell: &Bell,
        progress: &(dyn Fn(Progress<'_>) + Sync),
        report: &mut RunReport,
    ) -> Result<(), WriteError> {
        let built = self.builder(bell, progress).run()?;
        report.build = built.counts;
        (report.sessions, report.build.lines_left_out) = built.lines.into_sorted();
        report.warnings.extend(built.warnings);
        report.needs_person.extend(built.needs_person);
        report.unserved.extend(built.unserved);
        report.warnings.extend(self.facility.readers.failures());
        report.needs_person.extend(self.facility.readers.off());
        Ok(())
    }

    fn builder<'b>(&'b self, bell: &'b Bell, progress: &'b (dyn Fn(Progress<'_>) + Sync)) -> Builder<'b> {
        let facility = self.facility;
        let build = &facility.config.build;
        Builder {
            writer: self.writer,
            clock: facility.clock.as_ref(),
            folders: &facility.folders,
            instruments: self.instruments,
            harvesters: &facility.plugins.harvesters,
            routes: facility.routes.clone(),
            choice: &facility.choice,
            tranche: facility.tranche,
            selection: &facility.selection,
            file_delay: TimeDelta::from_std(build.file_delay).unwrap_or(TimeDelta::MAX),
            quiet_period: build.quiet_period,
            follow_outside_links: build.follow_outside_links,
            accept_storage: facility.accept_storage,
            pool: &facility.pool,
            bell,
            stop: &facility.stop,
            version: env!("CARGO_PKG_VERSION"),
            boot: &facility.boot,
            readers: &facility.readers,
            validator: facility.validator,
            sensitivity: build.clustering_sensitivity,
            previews: build.previews,
            journal: Arc::clone(&self.journal),
            progress,
        }
    }

    /// What was built when its line was written may be delivered by now.
    fn final_status(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        let built = RecordStatus::BuiltNotExported.to_string();
        let mut lines: Vec<_> = report.sessions.iter_mut().filter(|line| line.result == built).collect();
        for page in lines.chunks_mut(PAGE) {
            let ids: Vec<SessionId> = page.iter().map(|line| line.session.clone()).collect();
            let now: Vec<Option<RecordStatus>> = self.writer.run(move |tx| {
                Ok(ids.iter().map(|id| session::known_status_of(tx, id)).collect::<Result<_, _>>()?)
            })?;
            for (line, status) in page.iter_mut().zip(now) {
                if status == Some(RecordStatus::Completed) {
                    line.result = RecordStatus::Completed.to_string();
                }
            }
        }
        Ok(())
    }

    /// Everything that was written beside the records reaches the disk.
    fn sync(&self, report: &mut RunReport) -> Result<(), PipelineError> {
        if !self.writer.run(|tx| Ok(unsynced::is_marked(tx)?))? {
            return Ok(());
        }
        match durable::sync_filesystem(&self.facility.folders.data) {
            Ok(()) => Ok(self.writer.run(|tx| Ok(unsynced::clear(tx)?))?),
            Err(error) => {
                report.needs_person.push(with_causes(&error));
                Ok(())
            }
        }
    }

    /// The heartbeat, and the row of a run that changed something.
    fn finish(&self, steps: Steps, report: &mut RunReport) -> Result<(), PipelineError> {
        let now = self.facility.clock.now();
        let changed = report.changed_something();
        let exit_code = if report.needs_person.is_empty() { 0 } else { 4 };
        let counts = serde_json::json!({
            "harvest": report.harvest, "build": report.build, "export": report.export, "interrupted": report.interrupted,
        });
        let (journal, keep) = (Arc::clone(&self.journal), self.facility.config.history.keep);
        let routes = self.facility.routes.clone();
        let harvest = steps.harvest.then(|| report.harvest.clone());
        let noted = self.writer.run(move |tx| {
            if let Some(harvest) = &harvest {
                failing::note(tx, harvest, UtcTime::new(now))?;
            }
            // What another program did was noted, or what an earlier run left: that is a run as well.
            let noted = changed || journal.is_begun(tx)?;
            if noted {
                // Else the next run would have to write that it has seen this one's rows.
                let unseen = Unseen::find(tx)?;
                reconcile::uploads(tx, unseen, &routes, &journal, now, &mut reconcile::Foreign::default())?;
                journal.close(tx, now, exit_code, &counts, keep)?;
            }
            meta::heartbeat(tx, UtcTime::new(now))?;
            Ok(noted)
        })?;
        report.run_id = noted.then_some(self.journal.run.0);
        Ok(())
    }
}

/// The first of many sessions by name.
/// The first of so many.
fn listed(ids: &[SessionId], count: u64) -> String {
    const MOST: usize = 10;
    let mut text: Vec<String> = ids.iter().take(MOST).map(|id| format!("`{id}`")).collect();
    let more = count.saturating_sub(text.len() as u64);
    if more > 0 {
        text.push(format!("and {more} more"));
    }
    text.join(", ")
}

fn note(report: &mut RunReport, name: crate::ids::DestinationName, tally: Tally) {
    report.warnings.extend(tally.warnings);
    report.needs_person.extend(tally.needs_person);
    report.export.insert(name, tally.counts);
}
