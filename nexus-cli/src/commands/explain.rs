//! `nexus explain`: one session's story in sentences.

use anyhow::anyhow;
use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::db::{Access, Database};
use nexus_core::explain::{
    self, AtTime, Candidate, Explanation, Facts, HAPPENINGS, Settings, Span, Surroundings,
};
use nexus_core::ids::{InstrumentPid, SessionId};
use nexus_core::instrument::Instruments;
use nexus_core::timestamp::UtcTime;
use nexus_core::{lock, pipeline};
use rusqlite::Connection;

use crate::args::Global;
use crate::commands::sessions::known_instrument;
use crate::commands::{config, run as runs};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus explain 'logbook:logbook/17'                a session
  nexus explain 2024-03-05_FEI-Titan-TEM_17.xml     the session of a record
  nexus explain 'https://cdcs.example.org/data?id=65e6f2'
                                                    where does this record come from?
  nexus explain 17                                  a usage event, by its id at its source
  nexus explain --instrument FEI-Titan-TEM --at '2024-03-05 10:30'
                                                    who used the instrument then?

A time without an offset is meant in the zone of the instrument. Times are told in that zone as well.

Exit code: 0 told, 2 there is no such session, or several may be meant: they are listed.")]
pub struct ExplainArgs {
    /// A session identifier, the name of a record or of its file, the id or the link of the record at a destination, or the
    /// id of a usage event at its source.
    #[arg(value_name = "ID|RECORD|LINK", required_unless_present = "at", conflicts_with_all = ["at", "instrument"])]
    what: Option<String>,
    /// Instead: the session of this instrument …
    #[arg(long, value_name = "PID", requires = "at")]
    instrument: Option<String>,
    /// … at this time.
    #[arg(long, value_name = "TIME", requires = "instrument")]
    at: Option<String>,
    /// Tell everything that happened, and not only the last 20 happenings.
    #[arg(long)]
    all: bool,
}

/// Runs `nexus explain`.
pub fn run(global: &Global, args: &ExplainArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let database = Database::open(&config.database.path, Access::Read).or_stop(ExitCode::CannotStart)?;
    database.require_head().or_stop(ExitCode::CannotStart)?;
    let connection = database.read();
    let id = match (&args.what, &args.instrument, &args.at) {
        (Some(what), ..) => named(global, connection, what)?,
        (None, Some(instrument), Some(at)) => at_time(global, connection, instrument, at)?,
        // clap has seen to it that there is one of both.
        _ => return Err(Stop::new(ExitCode::Usage, anyhow!("no session is named"))),
    };
    let settings = Settings::of(&config, pipeline::routes(&config), pipeline::folders(&config));
    let around = Surroundings {
        settings: &settings,
        clock: &SystemClock,
        at_work: lock::at_work(&config.storage.data),
        happenings: (!args.all).then_some(HAPPENINGS),
    };
    let facts = Facts::read(connection, &id, &around).or_stop(ExitCode::Failed)?;
    // It was there a moment ago.
    let facts = facts.ok_or_else(|| unknown(id.as_str()))?;
    let explanation = explain::explain(facts);
    if global.json {
        output::json(&explanation)?;
    } else {
        print(&explanation);
    }
    Ok(ExitCode::Done)
}

fn named(global: &Global, connection: &Connection, what: &str) -> Result<SessionId, Stop> {
    let mut found = explain::find(connection, what).or_stop(ExitCode::Failed)?;
    if found.len() > 1 {
        if global.json {
            output::json(&found)?;
        } else {
            output::table(&["session", "found as"], found.iter().map(row));
        }
        return Err(several(format!("`{what}` may mean {} sessions", found.len())));
    }
    found.pop().map(|one| one.session_identifier).ok_or_else(|| unknown(what))
}

fn row(candidate: &Candidate) -> Vec<String> {
    vec![candidate.session_identifier.to_string(), candidate.found_as.join(", ")]
}

fn several(what: String) -> Stop {
    Stop::new(ExitCode::Usage, anyhow!(what)).with_hint("name one of them: `nexus explain ID`")
}

fn unknown(what: &str) -> Stop {
    let error = anyhow!(
        "nothing is known of `{what}`: it is no session, no record, no id and no link of one at a destination, and no usage \
         event that was harvested"
    );
    Stop::new(ExitCode::Usage, error).with_hint(
        "`nexus sessions list --instrument PID --since DATE` shows the sessions; a usage event that never arrived is found by \
         `nexus audit --since DATE`",
    )
}

fn at_time(global: &Global, connection: &Connection, pid: &str, at: &str) -> Result<SessionId, Stop> {
    known_instrument(connection, Some(pid))?;
    let pid = InstrumentPid::from(pid);
    let instruments = Instruments::load(connection).or_stop(ExitCode::Failed)?;
    let zone = instruments.get(&pid).and_then(|known| known.timezone().ok());
    let moment = match zone {
        Some(zone) => runs::moment(at, &zone),
        None => runs::moment(at, &chrono::Utc),
    };
    let moment = moment.map_err(|why| Stop::new(ExitCode::Usage, anyhow!("--at: {why}")))?;
    let show = |time: UtcTime| match zone {
        Some(zone) => time.0.with_timezone(&zone).format("%Y-%m-%d %H:%M %:z").to_string(),
        None => time.0.format("%Y-%m-%d %H:%M %:z").to_string(),
    };
    let AtTime { mut holding, before, after } =
        explain::at_time(connection, &pid, moment).or_stop(ExitCode::Failed)?;
    let said = show(UtcTime::new(moment));
    match holding.len() {
        1 => {}
        0 => {
            let mut text = format!("nobody used `{pid}` at {said}, as far as is known");
            let neighbour = |which: &str, span: &Span, word: &str, time: Option<UtcTime>| {
                let time = time.map(&show).unwrap_or_default();
                format!("; the session {which} is `{}`, {word} {time}", span.session_identifier)
            };
            text.extend(before.iter().map(|span| neighbour("before", span, "until", span.end)));
            text.extend(after.iter().map(|span| neighbour("after", span, "from", Some(span.start))));
            return Err(Stop::new(ExitCode::Usage, anyhow!(text)).with_hint(format!(
                "`nexus sessions list --instrument {pid}` shows its sessions; a usage event that never arrived is found by \
                 `nexus audit --since DATE`"
            )));
        }
        count => {
            if global.json {
                output::json(&holding)?;
            } else {
                output::table(
                    &["session", "user", "start", "end"],
                    holding.iter().map(|span| {
                        vec![
                            span.session_identifier.to_string(),
                            span.user.clone().unwrap_or_default(),
                            show(span.start),
                            span.end.map(&show).unwrap_or_default(),
                        ]
                    }),
                );
            }
            return Err(several(format!("{count} sessions of `{pid}` hold {said}")));
        }
    }
    holding.pop().map(|span| span.session_identifier).ok_or_else(|| unknown(pid.as_str()))
}

fn print(explanation: &Explanation) {
    let status = explanation.facts.status.as_deref().or_else(|| explanation.facts.in_use.then_some("OPEN"));
    output::line(match status {
        Some(status) => format!("{}: {status}", explanation.session_identifier),
        None => explanation.session_identifier.to_string(),
    });
    for chapter in &explanation.chapters {
        output::line(format!("\n{}", chapter.title));
        for paragraph in &chapter.paragraphs {
            // One sentence is one line: for the eye, and for grep.
            for (at, sentence) in paragraph.sentences.iter().enumerate() {
                match (at, &paragraph.about) {
                    (0, Some(about)) => output::line(format!("  {about}: {sentence}")),
                    (_, Some(_)) => output::line(format!("    {sentence}")),
                    (_, None) => output::line(format!("  {sentence}")),
                }
            }
        }
    }
}
