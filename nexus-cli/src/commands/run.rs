//! `nexus run`, and its steps as commands of their own: `harvest`, `build`, `export`.

mod moment;
mod print;
mod progress;
mod rehearsal;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::ids::{InstrumentPid, SessionId};
use nexus_core::instrument::Instruments;
use nexus_core::pipeline::{self, Choice, Facility, PipelineError, Steps, Window};
use nexus_core::report::RunReport;

use crate::args::Global;
use crate::commands::config;
use crate::exit_code::{ExitCode, Stop};
use crate::{first_party, interrupt, output};
use progress::Watch;

pub use moment::{moment, since, until};
pub use print::{files, list, minutes, print};

const CODES: &str = "Exit code: 0 done (also when there was nothing to do), 3 the configuration cannot be used, 4 finished but \
something needs a person, 5 another run holds the lock, 6 could not start, 130 stopped at once by a second Ctrl-C.";

const EXAMPLES: &str = "\
Examples:
  nexus run                      harvest, build and export, as nexus.toml says
  nexus --config /etc/nexus.toml run --quiet
                                 the same from a timer
  nexus run --json               the whole report for a script
  nexus run --dry-run --since 2024-03-01
                                 what would be made of the sessions since March, and nothing else
  nexus run --limit 500          a backlog, 500 sessions at a time
  nexus build --instrument FEI-Titan-TEM --until 2023-12-31
                                 the records of one instrument up to the end of 2023
  nexus harvest; nexus build; nexus export
                                 the same as `nexus run`, step by step

A session is chosen by its start. A date alone is a day in the zone of this computer: --since begins with that day, \
--until ends with it. A time without an offset is meant in that zone too; one with an offset, as in \
2024-03-05T09:10+01:00, is that instant. Deliveries that are due are made whichever sessions are chosen.

Ctrl-C finishes the sessions in hand and ends; the next run goes on. A second Ctrl-C ends at once, and the next run \
goes on as well.";

/// Arguments of `nexus run` and `nexus build`.
#[derive(Debug, Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{CODES}"))]
pub struct RunArgs {
    /// Show only the counts, not a line for every session.
    #[arg(long)]
    brief: bool,
    /// Build or settle at most so many sessions, those that ended first; sessions that have to wait do not count.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Only this session, as `nexus sessions list` shows it; may be given several times.
    #[arg(long = "session", value_name = "ID")]
    sessions: Vec<String>,
    /// Only sessions of this instrument; may be given several times.
    #[arg(long = "instrument", value_name = "PID")]
    instruments: Vec<String>,
    /// Only sessions that began on this day or later, or at this time or later.
    #[arg(long, value_name = "DATE|TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Only sessions that began on this day or earlier, or before this time.
    #[arg(long, value_name = "DATE|TIME", value_parser = until)]
    until: Option<DateTime<Utc>>,
    /// Tell what would be made of each session, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Take the storage of the instruments as it is now, though it is not the one of the last run.
    #[arg(long)]
    accept_storage: bool,
}

/// Arguments of `nexus export`.
#[derive(Debug, Args)]
pub struct StepArgs {
    /// Show only the counts.
    #[arg(long)]
    pub brief: bool,
}

/// Arguments of `nexus harvest`.
#[derive(Debug, Args)]
#[command(after_help = format!("Examples:
  nexus harvest                  bring new sessions, and build nothing yet
  nexus harvest --json           the counts for a script
  nexus harvest --since 2024-03-01 --until 2024-03-31
                                 read the usage events of March again, whatever was read before

With --since every harvester is asked for all that ended in the span. What is missing here comes in, what has changed is \
taken over; where the next harvest goes on does not change, and nothing is taken as gone. Days and times are meant as in \
`nexus run`, but an event counts by its end. `nexus audit` shows what is missing.

{CODES}"))]
pub struct HarvestArgs {
    #[command(flatten)]
    step: StepArgs,
    /// Read again the usage events that ended on this day or later, or at this time or later.
    #[arg(long, value_name = "DATE|TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// With --since: only those that ended on this day or earlier, or before this time.
    #[arg(long, value_name = "DATE|TIME", value_parser = until, requires = "since")]
    until: Option<DateTime<Utc>>,
}

/// Brings sessions: what is new, or what ended in a span that somebody names.
pub fn harvest(global: &Global, args: &HarvestArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let window = args.since.map(|from| span(from, args.until)).transpose()?;
    let mut facility = open(&config)?;
    facility.window = window;
    let steps = Steps { harvest: true, build: false, export: false };
    watched(global, facility, steps, args.step.brief, None)
}

/// The span of ends of usage events between two moments.
fn span(from: DateTime<Utc>, until: Option<DateTime<Utc>>) -> Result<Window, Stop> {
    if let Some(until) = until.filter(|until| from >= *until) {
        let error = anyhow::anyhow!("no usage event can have ended at {from} or later and before {until}");
        let hint = "--since takes the earlier moment, --until the later one";
        return Err(Stop::new(ExitCode::Usage, error).with_hint(hint));
    }
    Ok(Window { from, until })
}

/// Runs the given steps over the sessions that are chosen.
pub fn run(global: &Global, args: &RunArgs, steps: Steps) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let choice = args.choice(&config)?;
    let mut facility = open(&config)?;
    let limit = choice.limit;
    facility.choice = choice;
    facility.accept_storage = args.accept_storage;
    if args.dry_run {
        return rehearsal::run(global, &facility, steps, args.brief);
    }
    watched(global, facility, steps, args.brief, limit)
}

/// Runs a step that takes no choice.
pub fn step(global: &Global, args: &StepArgs, steps: Steps) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    watched(global, open(&config)?, steps, args.brief, None)
}

fn watched(
    global: &Global,
    mut facility: Facility,
    steps: Steps,
    brief: bool,
    limit: Option<usize>,
) -> Result<ExitCode, Stop> {
    let watch = Watch::start(global, steps, limit);
    facility.progress = watch.listener();
    let report = pipeline::run(&facility, steps);
    watch.end();
    let report = report.map_err(stopped)?;
    if global.json {
        output::json(&report)?;
    } else {
        print(&report, brief);
    }
    Ok(code_of(&report))
}

fn code_of(report: &RunReport) -> ExitCode {
    if report.needs_person.is_empty() { ExitCode::Done } else { ExitCode::NeedsPerson }
}

fn open(config: &Config) -> Result<Facility, Stop> {
    Facility::open(config, &first_party::catalogue(), Arc::new(SystemClock), interrupt::stop_flag())
        .map_err(stopped)
}

/// Runs the given steps over a facility without showing how far it is, and gives its report.
pub fn execute(config: &Config, steps: Steps) -> Result<RunReport, Stop> {
    pipeline::run(&open(config)?, steps).map_err(stopped)
}

impl RunArgs {
    fn choice(&self, config: &Config) -> Result<Choice, Stop> {
        let usage = |text: String, hint: &str| {
            Stop::new(ExitCode::Usage, anyhow::anyhow!(text)).with_hint(hint.to_owned())
        };
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            let text = format!("no session can begin at {since} or later and before {until}");
            return Err(usage(text, "--since takes the earlier moment, --until the later one"));
        }
        let instruments: Vec<InstrumentPid> =
            self.instruments.iter().map(|pid| InstrumentPid::from(pid.as_str())).collect();
        if let Some(known) = instruments_of(config).filter(|_| !instruments.is_empty())
            && let Some(pid) = instruments.iter().find(|pid| known.get(pid).is_none())
        {
            let text = format!("there is no instrument `{pid}`");
            return Err(usage(text, "`nexus instruments list` shows the identifiers"));
        }
        Ok(Choice {
            sessions: self.sessions.iter().map(|id| SessionId::from(id.as_str())).collect(),
            instruments: instruments.into_iter().collect(),
            since: self.since,
            until: self.until,
            limit: self.limit,
        })
    }
}

/// The instruments, if they can be read; if not, the run says why.
fn instruments_of(config: &Config) -> Option<Instruments> {
    let database = Database::open(&config.database.path, Access::Read).ok()?;
    Instruments::load(database.read()).ok()
}

/// The same for a command that no run makes up for.
pub fn refused(error: PipelineError) -> Stop {
    let held = matches!(&error, PipelineError::Lock(lock) if lock.is_held());
    let stop = stopped(error);
    if held {
        stop.with_hint("nothing was changed; give the command again when the other one is done")
    } else {
        stop
    }
}

/// The exit code and the advice for a run that could not be made.
pub fn stopped(error: PipelineError) -> Stop {
    let (code, hint) = match &error {
        PipelineError::Lock(lock) if lock.is_held() => {
            (ExitCode::Locked, Some("nothing was changed; it will be done by the next run"))
        }
        PipelineError::Lock(_) => (
            ExitCode::CannotStart,
            Some("`nexus config check`, called by the same account, looks at every folder that a run writes"),
        ),
        PipelineError::Plugins(_) => {
            (ExitCode::Configuration, Some("`nexus config check` checks everything that a run needs"))
        }
        PipelineError::NotAdopted { .. } => {
            (ExitCode::NeedsPerson, Some("look at `nexus adopt --dry-run`, then run `nexus adopt`"))
        }
        _ => (ExitCode::CannotStart, None),
    };
    let stop = Stop::new(code, error);
    match hint {
        Some(hint) => stop.with_hint(hint),
        None => stop,
    }
}
