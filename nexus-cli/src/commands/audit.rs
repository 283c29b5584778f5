//! `nexus audit`: the proof that no session is missing.

mod print;

use chrono::{DateTime, Utc};
use clap::Args;
use nexus_core::audit::{Audit, AuditError, AuditReport, Storage};
use nexus_core::clock::SystemClock;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::ids::{HarvesterName, InstrumentPid};
use nexus_core::instrument::Instruments;
use nexus_core::pipeline::{self, PipelineError};

use crate::args::Global;
use crate::commands::config;
use crate::commands::plugins::subject::{Workplace, only};
use crate::commands::run::{since, stopped, until};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, interrupt, output};

const EXAMPLES: &str = "\
Examples:
  nexus audit                            the last 30 days
  nexus audit --since 2024-03-01 --until 2024-03-31
                                         March, wherever the harvesters have read to by now
  nexus audit --instrument FEI-Titan-TEM --since 2020-01-01
                                         one instrument from the beginning
  nexus audit --files --since 2024-03-01 the storage as well: late files, and files in no session
  nexus audit --json --brief             the sums for a script

Every harvester is asked for the usage events that ended in the window, and each event is found in the database, or shown to \
come with the next run, or listed as missing. An event counts by its end. A date alone is a day in the zone of this computer: \
--since begins with that day, --until ends with it. Nothing is written, and a run may be under way.

Exit code: 0 every event is accounted for, 1 the audit itself failed, 2 the command line is wrong, 3 the configuration cannot be \
used, 4 something is missing, unreadable, late or not proved, 6 the database or the storage cannot be used.";

/// Arguments of `nexus audit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    /// Usage events that ended on this day or later, or at this time or later; 30 days ago if not given.
    #[arg(long, value_name = "DATE|TIME", value_parser = since)]
    since: Option<DateTime<Utc>>,
    /// Usage events that ended on this day or earlier, or before this time; up to now if not given.
    #[arg(long, value_name = "DATE|TIME", value_parser = until)]
    until: Option<DateTime<Utc>>,
    /// Only events of this instrument; may be given several times.
    #[arg(long = "instrument", value_name = "PID")]
    instruments: Vec<String>,
    /// Only events of this harvester; may be given several times.
    #[arg(long = "harvester", value_name = "NAME")]
    harvesters: Vec<String>,
    /// Look through the storage as well: for files that came after their session was settled, and for files in no session.
    #[arg(long)]
    files: bool,
    /// Show the sums, and no single events and sessions.
    #[arg(long)]
    brief: bool,
}

/// Runs `nexus audit`.
pub fn run(global: &Global, args: AuditArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let database = Database::open(&config.database.path, Access::Read).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    let brief = args.brief;
    let mut report = made(&config, &database, args)?;
    if global.json {
        if brief {
            without_lists(&mut report);
        }
        output::json(&report)?;
    } else {
        print::print(&report, brief);
    }
    Ok(if report.accounted_for { ExitCode::Done } else { ExitCode::NeedsPerson })
}

fn made(config: &Config, database: &Database, args: AuditArgs) -> Result<AuditReport, Stop> {
    let AuditArgs { since, until, instruments, harvesters, files, .. } = args;
    let instruments: Vec<InstrumentPid> = instruments.into_iter().map(InstrumentPid::from).collect();
    let harvesters: Vec<HarvesterName> = harvesters.into_iter().map(HarvesterName::from).collect();
    let known = Instruments::load(database.read()).or_stop(ExitCode::CannotStart)?;
    if let Some(pid) = instruments.iter().find(|pid| known.get(pid).is_none()) {
        return Err(usage(
            format!("there is no instrument `{pid}`"),
            "`nexus instruments list` shows the identifiers",
        ));
    }
    if let Some(name) = harvesters.iter().find(|name| !config.harvesters.iter().any(|one| one.name == **name))
    {
        return Err(usage(
            format!("there is no harvester `{name}`"),
            "`nexus harvesters list` shows those of the configuration",
        ));
    }
    // Destinations and extractors are not needed, so their secrets need not be there.
    let tables: Vec<&str> = config.harvesters.iter().map(|table| table.settings.table()).collect();
    let workplace = Workplace::new(config).or_stop(ExitCode::CannotStart)?;
    let plugins = first_party::catalogue()
        .open(&only(config, &tables), workplace.surroundings())
        .map_err(|errors| stopped(PipelineError::Plugins(errors)))?;
    let folders = pipeline::folders(config);
    let walked = files.then(|| Ok((pipeline::selection(config)?, pipeline::pool(config)?)));
    let walked = walked.transpose().map_err(stopped)?;
    let storage = walked.as_ref().map(|(selection, pool)| Storage {
        folders: &folders,
        selection,
        follow_outside_links: config.build.follow_outside_links,
        pool,
    });
    let audit = Audit {
        harvesters: &plugins.harvesters,
        clock: &SystemClock,
        stop: &interrupt::stop_flag(),
        since,
        until,
        instruments: instruments.into_iter().collect(),
        only: harvesters.into_iter().collect(),
        storage,
    };
    audit.run(database).map_err(|error| match error {
        AuditError::EmptyWindow { .. } => {
            usage(error.to_string(), "--since takes the earlier moment, --until the later one")
        }
        other => Stop::new(ExitCode::Failed, other),
    })
}

fn usage(text: String, hint: &str) -> Stop {
    Stop::new(ExitCode::Usage, anyhow::anyhow!(text)).with_hint(hint)
}

/// What is listed, only counted.
fn without_lists(report: &mut AuditReport) {
    report.missing.leave_out();
    report.unreadable.leave_out();
    report.alone.leave_out();
    if let Some(files) = &mut report.files {
        files.late.leave_out();
    }
}
