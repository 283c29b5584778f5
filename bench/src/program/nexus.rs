//! nexus: the built program, and a facility with the stand-in servers at its ends, or a logbook and a folder.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use nexus_tests::{fake_cdcs, fake_nemo};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::{DATA, DATABASE, log, start};
use crate::backlog::{Fate, INSTRUMENTS, SCHEDULER_ZONE, Session};
use crate::measure::{self, Cost};
use crate::outcome::{self, Outcome};
use crate::stand_in::{self, StandIn};
use crate::{database, show};

/// The processor on which records are delivered anew.
const PROCESSOR: usize = 0;

/// No run of nexus takes this long.
const TIMEOUT: Duration = Duration::from_hours(4);

/// Where records are delivered, in a facility's folder.
const DELIVERED: &str = "delivered";

/// The destination that is well.
pub const HEALTHY: &str = "tree";

/// The program.
#[derive(Debug)]
pub struct Nexus(PathBuf);

impl Nexus {
    /// The named program; else the one of this checkout, brought up to date with this program's profile.
    pub fn find(named: Option<&Path>) -> Result<Self> {
        let path = named.map_or_else(build, |path| Ok(path.to_owned()))?;
        let path = path.canonicalize().with_context(|| format!("there is no program {}", path.display()))?;
        if cfg!(debug_assertions) && named.is_none() {
            show::note("*** an unoptimised build: these figures mean nothing, use `cargo run --release`");
        }
        Ok(Self(path))
    }
}

fn build() -> Result<PathBuf> {
    // TARGET/PROFILE/nexus-bench
    let me = std::env::current_exe().context("the path of this program is unknown")?;
    let profile = me.parent().context("this program lies in no folder")?;
    let target = profile.parent().context("this program lies in no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--quiet", "--package", "nexus-cli"]);
    command.args(["--profile", if cfg!(debug_assertions) { "dev" } else { "release" }]);
    command.arg("--target-dir").arg(target);
    let status = command.status().context("failed to run cargo")?;
    ensure!(status.success(), "nexus could not be built");
    Ok(profile.join(format!("nexus{}", std::env::consts::EXE_SUFFIX)))
}

/// How records are built.
#[derive(Debug, Clone, Copy)]
pub struct Build {
    /// Whether previews are made.
    pub previews: bool,
    /// Threads; 0 is one per core.
    pub threads: usize,
}

/// Where sessions come from, and where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ends {
    /// The stand-in servers, as for NexusLIMS.
    Servers,
    /// A logbook and a folder: nothing but nexus itself is measured.
    Files,
    /// A logbook, and destinations with these settings; no delivery begins after this time.
    Logbook { destinations: String, budget: Duration },
}

/// Leaves [`NexusFacility::export_anew`] its processor, unless there is no other.
pub fn make_way() -> Result<()> {
    let me = Pid::from_raw(0);
    let mut ours = sched_getaffinity(me).context("the processors of this program are unknown")?;
    ours.unset(PROCESSOR).context("there is no such processor")?;
    if (0..CpuSet::count()).any(|number| ours.is_set(number).unwrap_or(false)) {
        sched_setaffinity(me, &ours).context("failed to leave a processor to nexus")?;
    }
    Ok(())
}

/// A facility of nexus: a database, a data folder, and what is at its ends.
pub struct NexusFacility<'a> {
    nexus: &'a Nexus,
    stand_in: &'a StandIn,
    ends: Ends,
    files: PathBuf,
    build: Build,
    folder: PathBuf,
}

impl<'a> NexusFacility<'a> {
    /// The settings of a destination that is a folder.
    pub fn folder_named(name: &str) -> String {
        format!("[destinations.{name}]\nplugin = \"folder\"\npath = {DELIVERED:?}\n")
    }

    /// Makes the folders, the settings, what is at its ends and, by nexus's own command, the database; adds the
    /// instruments.
    pub fn new(
        nexus: &'a Nexus,
        stand_in: &'a StandIn,
        ends: Ends,
        sessions: &[Session],
        files: &Path,
        folder: PathBuf,
        build: Build,
    ) -> Result<Self> {
        for name in [DATA, DELIVERED] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
        }
        let facility = Self { nexus, stand_in, ends, files: files.to_owned(), build, folder };
        facility.write_settings()?;
        if facility.ends != Ends::Servers {
            facility.write_logbook(sessions)?;
        }
        let output = facility.command(&["db", "init"]).output().context("failed to run nexus")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`nexus db init` failed: {}", said.trim());
        database::add_instruments(&facility.database(), stand_in)?;
        Ok(facility)
    }

    /// Runs one command of nexus to its end.
    pub fn measure(&self, command: &str) -> Result<Cost> {
        measure::run(&self.command(&[command, "--brief"]), &log(&self.folder, command), TIMEOUT)
    }

    /// Keeps the database as it is now, for [`Self::export_anew`].
    pub fn keep_database(&self) -> Result<()> {
        copy(&self.database(), &self.kept())
    }

    /// Delivers what was due when the database was kept, to these destinations, none of which has anything; whether or
    /// not something needs a person then.
    pub fn export_anew(&mut self, destinations: &str, budget: Duration) -> Result<Cost> {
        // The files of records may have moved on since; nexus knows both places.
        copy(&self.kept(), &self.database())?;
        let delivered = self.folder.join(DELIVERED);
        std::fs::remove_dir_all(&delivered)
            .and_then(|()| std::fs::create_dir(&delivered))
            .with_context(|| format!("failed to empty {}", delivered.display()))?;
        self.ends = Ends::Logbook { destinations: destinations.to_owned(), budget };
        self.write_settings()?;
        let mut command = Command::new("taskset");
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(&self.folder);
        command.args(["--cpu-list", &PROCESSOR.to_string()]).arg(&self.nexus.0).args(["export", "--brief"]);
        measure::run_to(&[0, 4], &command, &log(&self.folder, "export"), TIMEOUT)
    }

    /// Starts `nexus run`, and leaves it to the caller.
    pub fn start(&self) -> Result<Child> {
        start(self.command(&["run", "--brief"]), &log(&self.folder, "run"))
    }

    /// Statuses from the database, records from where they went.
    pub fn outcome(&self) -> Result<Outcome> {
        let records = match &self.ends {
            Ends::Servers => self.stand_in.records(),
            Ends::Files | Ends::Logbook { .. } => outcome::records_below(&self.folder.join(DELIVERED))?,
        };
        Ok(Outcome { statuses: database::statuses(&self.database())?, records })
    }

    /// Every session ended as planned.
    pub fn check(&self, stand_in: &StandIn, sessions: &[Session]) -> Result<()> {
        outcome::check("nexus", &database::statuses(&self.database())?, sessions, stand_in)
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its database.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.nexus.0);
        command.env_clear().current_dir(&self.folder).args(arguments);
        command
    }

    fn kept(&self) -> PathBuf {
        self.folder.join("kept.db")
    }

    fn write_settings(&self) -> Result<()> {
        let pids: Vec<_> = INSTRUMENTS.iter().map(|instrument| instrument.pid).collect();
        // The debug form of a text is a TOML text as long as it is plain; the paths here are.
        let files = self.files.display().to_string();
        let settings = format!(
            "[database]\npath = {DATABASE:?}\n\
             [storage]\ninstrument_data = {files:?}\ndata = {DATA:?}\n\
             [build]\nfile_strategy = \"inclusive\"\nclustering_sensitivity = 1.0\n\
             previews = {}\nthreads = {}\n\
             [export]\nstrategy = \"best_effort\"\ntime_budget = \"{} s\"\n{}",
            self.build.previews,
            self.build.threads,
            match &self.ends {
                Ends::Logbook { budget, .. } => budget.as_secs(),
                _ => TIMEOUT.as_secs(),
            },
            match &self.ends {
                Ends::Files => logbook(&pids) + &Self::folder_named(HEALTHY),
                Ends::Logbook { destinations, .. } => logbook(&pids) + destinations,
                Ends::Servers => format!(
                    "[harvesters.nemo]\nplugin = \"nemo\"\naddress = {:?}\ntoken = {{ value = {:?} }}\n\
                     [destinations.cdcs]\nplugin = \"cdcs\"\nurl = {:?}\ntoken = {{ value = {:?} }}\n\
                     settle = \"1 s\"\n",
                    self.stand_in.nemo.api(),
                    fake_nemo::TOKEN,
                    self.stand_in.cdcs.url(),
                    fake_cdcs::TOKEN,
                ),
            },
        );
        let path = self.folder.join("nexus.toml");
        std::fs::write(&path, settings).with_context(|| format!("failed to write {}", path.display()))
    }

    /// The events of the stand-in scheduler, under its session identifiers and with its times.
    fn write_logbook(&self, sessions: &[Session]) -> Result<()> {
        let stand_in = self.stand_in;
        let path = self.folder.join("usage.csv");
        let mut log =
            csv::Writer::from_path(&path).with_context(|| format!("failed to write {}", path.display()))?;
        log.write_record(COLUMNS)?;
        for session in sessions {
            let [start, end] =
                [session.start, session.end].map(|time| time.with_timezone(&SCHEDULER_ZONE).to_rfc3339());
            let consent = if session.fate == Fate::Refused { "Disagree" } else { "Agree" };
            let number = session.number.to_string();
            let (title, identifier) = (stand_in::title(session), stand_in.nemo.session(session.number));
            let [full_name, purpose, project_id, sample, details] = BOOKING;
            log.write_record([
                number.as_str(),
                &identifier,
                session.instrument.pid,
                stand_in::USER,
                &start,
                &end,
                consent,
                &title,
                full_name,
                purpose,
                project_id,
                sample,
                details,
                &stand_in.page(session),
            ])?;
        }
        log.flush().with_context(|| format!("failed to write {}", path.display()))
    }
}

const COLUMNS: [&str; 14] = [
    "id",
    "session",
    "instrument",
    "user",
    "start",
    "end",
    "consent",
    "title",
    "full_name",
    "purpose",
    "project_id",
    "sample",
    "sample_details",
    "url",
];

/// What the stand-in scheduler knows of every booking, in the columns from `full_name` to `sample_details`.
const BOOKING: [&str; 5] = ["Jun Ito (k.ito)", "To see what is there", "AL-2", "Coupon 4", "polished"];

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = std::fs::copy(from, to);
    copied.with_context(|| format!("failed to copy {} to {}", from.display(), to.display())).map(drop)
}

/// A logbook of these instruments.
fn logbook(pids: &[&str]) -> String {
    format!("[harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\ninstruments = {pids:?}\n")
}
