//! `nexus demo`: a small invented facility in a folder, and one run over it.

mod calendar;
mod facility;
mod files;
mod instruments;
mod logbook;
mod micrograph;
mod noise;
mod spectrum;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use nexus_core::config::Config;
use nexus_core::db::{Access, Database};
use nexus_core::overview::{self, Filter, SessionLine};
use nexus_core::pipeline::Steps;
use nexus_core::report::RunReport;
use serde::Serialize;

use self::calendar::{USES, Use};
use self::facility::Facility;
use crate::args::Global;
use crate::commands::run::{execute, print as print_report};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Make a small facility in a folder, run over it, and show what happened.
///
/// Three invented microscopes in two time zones, a usage log with a dozen sessions, and the images and
/// spectra that belong to them. Nothing outside the folder is touched. Run it again: nothing changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus demo                     make ./nexus-demo and run over it
  nexus demo /tmp/facility       the same in another folder
  nexus --config nexus-demo/nexus.toml sessions list
                                 then look around with the other commands")]
pub struct DemoArgs {
    /// The folder of the facility; made if it is not there.
    #[arg(value_name = "DIR", default_value = "nexus-demo")]
    pub dir: PathBuf,
}

/// What became of one use of an instrument.
#[derive(Debug, Serialize)]
struct Line {
    id: &'static str,
    tool: &'static str,
    shows: &'static str,
    status: String,
    detail: String,
}

/// The whole demo, for a script.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    facility: &'a Path,
    config: &'a Path,
    uses: &'a [Line],
    report: &'a RunReport,
}

/// Runs `nexus demo`.
pub fn run(global: &Global, args: &DemoArgs) -> Result<ExitCode, Stop> {
    let facility = facility::create(&args.dir).or_stop(ExitCode::CannotStart)?;
    let config = Config::read(&facility.config).or_stop(ExitCode::Configuration)?;
    let report = execute(&config, Steps::ALL)?;
    let lines = lines(&config).or_stop(ExitCode::Failed)?;
    if global.json {
        let (facility, config) = (&facility.dir, &facility.config);
        output::json(&Shown { facility, config, uses: &lines, report: &report })?;
    } else {
        print(&facility, &lines, &report);
    }
    Ok(if report.needs_person.is_empty() { ExitCode::Done } else { ExitCode::NeedsPerson })
}

fn lines(config: &Config) -> anyhow::Result<Vec<Line>> {
    let database = Database::open(&config.database.path, Access::Read)?;
    let sessions: HashMap<String, SessionLine> = overview::sessions(database.read(), &Filter::default())?
        .into_iter()
        .map(|session| (session.session_identifier.to_string(), session))
        .collect();
    Ok(USES
        .iter()
        .map(|used| {
            let (status, detail) = match sessions.get(&used.session()) {
                Some(session) => became(session),
                None if used.cancelled => ("-".to_owned(), "no session took place".to_owned()),
                None => ("-".to_owned(), "no session of an instrument".to_owned()),
            };
            Line { id: used.id, tool: used.tool, shows: used.shows, status, detail }
        })
        .collect())
}

fn became(session: &SessionLine) -> (String, String) {
    let detail = session.reason.clone().or_else(|| session.record_name.clone());
    (session.status.clone(), detail.unwrap_or_default())
}

fn print(facility: &Facility, lines: &[Line], report: &RunReport) {
    output::table(
        &["use", "instrument", "what it shows", "became", "record or reason"],
        lines.iter().map(|line| {
            vec![
                line.id.to_owned(),
                line.tool.to_owned(),
                line.shows.to_owned(),
                line.status.clone(),
                line.detail.clone(),
            ]
        }),
    );
    output::line("");
    print_report(report, true);
    let config = facility.config.display();
    output::line(format!(
        "
A facility that does not exist, in {dir}
  the usage log         {log}
  the instruments       {instruments}
  the records           {delivered}
  the settings          {config}

Look around:
  nexus --config '{config}' status
  nexus --config '{config}' sessions show '{session}'
",
        dir = facility.dir.display(),
        log = facility.logbook.display(),
        instruments = facility.instrument_data.display(),
        delivered = facility.delivered.display(),
        session = USES.get(1).map(Use::session).unwrap_or_default(),
    ));
    if facility.made || report.changed_something() {
        output::line(
            "Run it again: nothing changes. Or write an end for the last use into the log first, and run it again.",
        );
    } else {
        output::line("Everything was there already: this run changed nothing.");
    }
}
