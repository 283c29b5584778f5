//! `nexus sessions`: which sessions there are, and the story of one.

mod deliveries;
mod which;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use nexus_core::export::Routes;
use nexus_core::ids::SessionId;
use nexus_core::instrument::Instruments;
use nexus_core::overview::{self, Filter, SessionLine, SessionStory};
use nexus_core::pipeline;
use nexus_core::session::RecordStatus;
use nexus_core::timestamp::Timestamp;

use crate::args::Global;
use crate::commands::{ask_again, config, run as runs, status};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;
pub use which::{Which, known_instrument};

/// Arguments of `nexus sessions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus sessions list --status NO_FILES_FOUND
  nexus sessions list --instrument FEI-Titan-TEM --limit 20
  nexus sessions show 'logbook:logbook/17'
  nexus sessions show 2024-03-05_FEI-Titan-TEM_17.xml   the session of a record
  nexus sessions retry 'logbook:logbook/17'     after its files came late
  nexus sessions rebuild 'logbook:logbook/17'   its metadata can be read better by now
  nexus sessions rebuild --instrument FEI-Titan-TEM --since 2024-03-01 --until 2024-03-31
  nexus sessions skip 'logbook:logbook/17' --reason 'a training day, nobody wants it'
  nexus sessions skip --until 2019-12-31 --reason 'from before the storage was set up'

Days and times are meant as in `nexus run --help`.

Exit code of retry, rebuild and skip: 0 done, 4 a session was refused (the others are done), 5 a run is under way.")]
pub struct SessionsArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List sessions, newest first.
    List(ListArgs),
    /// List what is known of one session: its record, its deliveries, what happened; `nexus explain` tells why.
    Show {
        /// The session identifier, as the list shows it, or the name of its record.
        #[arg(value_name = "ID|RECORD")]
        session: String,
    },
    /// Build sessions once more that were settled without a record (ERROR, NO_FILES_FOUND, …, or skipped).
    Retry(Which),
    /// Build the records of sessions again that have one, and deliver what differs.
    Rebuild(Which),
    /// Build no record of sessions that are to be built: they become NO_RESERVATION, with the reason.
    Skip {
        #[command(flatten)]
        which: Which,
        /// Why, in a sentence for whoever looks at the session later.
        #[arg(long, value_name = "TEXT", value_parser = some_text)]
        reason: String,
    },
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only sessions of this status (TO_BE_BUILT, COMPLETED, …; OPEN for those in use).
    #[arg(long, value_parser = known_status)]
    status: Option<String>,
    /// Only sessions of this instrument.
    #[arg(long, value_name = "PID")]
    instrument: Option<String>,
    /// Only sessions of this user.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only those that began on this day or later, or at this time or later.
    #[arg(long, value_name = "DATE|TIME", value_parser = runs::since)]
    since: Option<DateTime<Utc>>,
    /// Only those that began on this day or earlier, or before this time.
    #[arg(long, value_name = "DATE|TIME", value_parser = runs::until)]
    until: Option<DateTime<Utc>>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

fn known_status(text: &str) -> Result<String, String> {
    let upper = text.to_uppercase().replace('-', "_");
    if upper == "OPEN" {
        return Ok(upper);
    }
    upper.parse::<RecordStatus>().map(|status| status.to_string()).map_err(|error| error.to_string())
}

fn some_text(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text.to_owned()) }
}

/// Runs `nexus sessions`.
pub fn run(global: &Global, args: SessionsArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        Verb::List(list) => self::list(global, list),
        Verb::Show { session } => show(global, &session),
        Verb::Retry(which) => {
            let settled = [
                RecordStatus::Error,
                RecordStatus::NoFilesFound,
                RecordStatus::NoConsent,
                RecordStatus::NoReservation,
            ];
            ask_again::retry(global, &which.find(global, &settled)?)
        }
        Verb::Rebuild(which) => {
            let built = [RecordStatus::Completed, RecordStatus::BuiltNotExported];
            ask_again::rebuild(global, &which.find(global, &built)?)
        }
        Verb::Skip { which, reason } => {
            ask_again::skip(global, &which.find(global, &[RecordStatus::ToBeBuilt])?, &reason)
        }
    }
}

fn list(global: &Global, args: ListArgs) -> Result<ExitCode, Stop> {
    let database = status::open(global)?;
    let ListArgs { status, instrument, user, since, until, limit } = args;
    known_instrument(database.read(), instrument.as_deref())?;
    let filter = Filter { status, instrument, user, since, until, limit };
    let lines = overview::sessions(database.read(), &filter).or_stop(ExitCode::Failed)?;
    if global.json {
        output::json(&lines)?;
    } else if lines.is_empty() {
        output::line("no sessions");
    } else {
        let instruments = Instruments::load(database.read()).or_stop(ExitCode::Failed)?;
        output::table(
            &["session", "instrument", "user", "start", "end", "status", "record or reason"],
            lines.into_iter().map(|line| {
                let shown = |time: &str| minutes(time, &line, &instruments);
                let (start, end) = (shown(&line.start), line.end.as_deref().map(shown).unwrap_or_default());
                vec![
                    line.session_identifier.to_string(),
                    line.instrument,
                    line.user.unwrap_or_default(),
                    start,
                    end,
                    line.status,
                    line.reason.or(line.record_name).unwrap_or_default(),
                ]
            }),
        );
    }
    Ok(ExitCode::Done)
}

/// `2024-03-05 09:00 +01:00`: in the offset that was stored, or in that of the instrument's zone, which is meant where there
/// was none. The beginning of a session in use was noted in UTC.
fn minutes(time: &str, line: &SessionLine, instruments: &Instruments) -> String {
    let Ok(stored) = time.parse::<Timestamp>() else { return time.to_owned() };
    let zone = instruments.get(&line.instrument.as_str().into()).and_then(|known| known.timezone().ok());
    let shown = match (stored.fixed(), zone) {
        (Some(time), Some(zone)) if line.status == "OPEN" => Some(time.with_timezone(&zone).fixed_offset()),
        (Some(time), _) => Some(time),
        (None, zone) => zone.map(|zone| stored.in_zone(zone)),
    };
    match shown {
        Some(time) => time.format("%Y-%m-%d %H:%M %:z").to_string(),
        None => stored.naive_local().format("%Y-%m-%d %H:%M").to_string(),
    }
}

fn show(global: &Global, session: &str) -> Result<ExitCode, Stop> {
    let routes = pipeline::routes(&config::load(global)?);
    let database = status::open(global)?;
    let by_id = |id| overview::story(database.read(), &id).or_stop(ExitCode::Failed);
    let found = match by_id(SessionId::from(session))? {
        Some(story) => Some(story),
        None => match overview::session_of_record(database.read(), session).or_stop(ExitCode::Failed)? {
            Some(id) => by_id(id)?,
            None => None,
        },
    };
    let Some(story) = found else {
        let error = anyhow::anyhow!("there is no session and no record `{session}`");
        return Err(Stop::new(ExitCode::Usage, error)
            .with_hint("`nexus sessions list` shows the identifiers, and the names of the records"));
    };
    if global.json {
        output::json(&story)?;
    } else {
        print(&story, &routes);
    }
    Ok(ExitCode::Done)
}

fn print(story: &SessionStory, routes: &Routes) {
    let line = &story.line;
    let field = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            output::line(format!("{name:<12} {value}"));
        }
    };
    field("session", Some(line.session_identifier.to_string()));
    field("instrument", Some(line.instrument.clone()));
    field("user", line.user.clone());
    field("start", Some(line.start.clone()));
    field("end", line.end.clone());
    field("status", Some(line.status.clone()));
    field("reason", line.reason.clone());
    field("record", line.record_name.clone());
    field("files", story.file_count.map(|count| count.to_string()));
    field("built (UTC)", story.built_at.clone());
    if story.rebuild_requested {
        output::line("a rebuild was asked for");
    }
    for delivery in &story.deliveries {
        output::line(deliveries::told(delivery, routes.has(&delivery.destination.as_str().into())));
    }
    if !story.events.is_empty() {
        output::line("what happened (UTC)");
        for event in &story.events {
            output::line(format!("  {} {} {}", event.at, event.kind, event.detail.as_deref().unwrap_or("")));
        }
    }
}
