//! `nexus export retry`, `forget` and `backfill`.

use clap::Args;
use nexus_core::backfill::{Backfilled, backfill as backfill_one};
use nexus_core::clock::{Clock as _, SystemClock};
use nexus_core::delivery::table::{self, Which};
use nexus_core::delivery::{self, Class, Delivery, Effect, Event, State};
use nexus_core::export::{Routes, settle_session};
use nexus_core::ids::{DestinationName, SessionId};
use nexus_core::instrument::Instruments;
use nexus_core::pipeline;
use nexus_core::session::RecordStatus;
use nexus_core::writer::WriteError;
use rusqlite::Transaction;

use super::{Conditions, known};
use crate::args::Global;
use crate::commands::ask_again::{Told, decide, sum_up};
use crate::commands::sessions::Which as WhichSessions;
use crate::commands::{config, status};
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus export retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// The session identifiers, as `nexus sessions list` shows them. Without any, all deliveries that failed or
    /// rest after a failure are meant; of those whose end nobody can tell, only with `--class unknown`.
    #[arg(value_name = "SESSION")]
    sessions: Vec<String>,
    /// Only deliveries to this destination.
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    #[command(flatten)]
    conditions: Conditions,
    /// Show what would be tried again, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `nexus export forget`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The session identifiers, as `nexus sessions list` shows them.
    #[arg(value_name = "SESSION", required_unless_present = "all_open", conflicts_with = "all_open")]
    sessions: Vec<String>,
    /// The destination.
    #[arg(long, value_name = "NAME")]
    destination: String,
    /// Instead of sessions: every delivery to the destination that is not done. What it holds stays known.
    #[arg(long)]
    all_open: bool,
    /// Show what would be given up, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `nexus export backfill`.
#[derive(Debug, Args)]
pub struct BackfillArgs {
    #[command(flatten)]
    which: WhichSessions,
    /// The destination.
    #[arg(long, value_name = "NAME")]
    destination: String,
    /// Show what would be delivered, and change nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs `nexus export retry`.
pub fn retry(global: &Global, args: RetryArgs) -> Result<ExitCode, Stop> {
    let RetryArgs { sessions, destination, conditions, dry_run } = args;
    let config = config::load(global)?;
    let routes = pipeline::routes(&config);
    known::destination(status::open(global)?.read(), destination.as_deref(), &routes)?;
    let which = Which {
        destination: destination.map(DestinationName::from),
        class: conditions.class,
        since: conditions.since,
        ..Which::default()
    };
    decide(global, &config, dry_run, |tx| {
        if !sessions.is_empty() {
            // What is done is not meant, unless the destination was named.
            let open = vec![State::Held, State::Due, State::InFlight, State::Failed, State::Unknown];
            let states = if which.destination.is_none() { open } else { Vec::new() };
            let mut told = named(tx, &sessions, &Which { states, ..which }, &Event::Retry, &routes)?;
            sum_up(&mut told, "deliveries");
            return Ok(told);
        }
        let found = table::which(tx, &which)?;
        let (unknown, known): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|row| row.state == State::Unknown);
        let meant = |row: &Delivery| match row.state {
            State::Failed => true,
            State::Due => row.failure_class.is_some(),
            _ => false,
        };
        let mut told = Vec::new();
        let asked_for = which.class == Some(Class::Unknown);
        for row in known.iter().filter(|row| meant(row)).chain(unknown.iter().filter(|_| asked_for)) {
            told.push(give(tx, row, &Event::Retry, &routes)?);
        }
        sum_up(&mut told, "deliveries");
        if told.is_empty() {
            told.push(Told::done("no deliveries".to_owned()));
        }
        if !asked_for && !unknown.is_empty() {
            told.push(Told::done(format!(
                "{} deliveries are unknown and were left alone: look there first, then name their sessions or \
                 `--class unknown`",
                unknown.len()
            )));
        }
        Ok(told)
    })
}

/// Runs `nexus export forget`.
pub fn forget(global: &Global, args: &ForgetArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let routes = pipeline::routes(&config);
    known::destination(status::open(global)?.read(), Some(&args.destination), &routes)?;
    let which = Which { destination: Some(args.destination.as_str().into()), ..Which::default() };
    decide(global, &config, args.dry_run, |tx| {
        if !args.all_open {
            return named(tx, &args.sessions, &which, &Event::Forget, &routes);
        }
        let states = vec![State::Held, State::Due, State::Failed, State::Unknown];
        let found = table::which(tx, &Which { states, ..which })?;
        if found.is_empty() {
            return Ok(vec![Told::done("no deliveries".to_owned())]);
        }
        let mut told: Vec<Told> =
            found.iter().map(|row| give(tx, row, &Event::Forget, &routes)).collect::<Result<_, _>>()?;
        sum_up(&mut told, "deliveries");
        Ok(told)
    })
}

/// Runs `nexus export backfill`.
pub fn backfill(global: &Global, args: BackfillArgs) -> Result<ExitCode, Stop> {
    let config = config::load(global)?;
    let (routes, folders) = (pipeline::routes(&config), pipeline::folders(&config));
    let destination = DestinationName::from(args.destination);
    if !routes.has(&destination) {
        let error = anyhow::anyhow!("there is no [destinations.{destination}] in the configuration");
        return Err(Stop::new(ExitCode::Usage, error).with_hint("`nexus config show` names them all"));
    }
    let sessions = args.which.find(global, &[RecordStatus::Completed, RecordStatus::BuiltNotExported])?;
    let now = SystemClock.now();
    decide(global, &config, args.dry_run, |tx| {
        let instruments = Instruments::load(tx).map_err(WriteError::job)?;
        let (mut told, mut already) = (Vec::new(), 0_u64);
        for id in &sessions {
            let done = backfill_one(tx, id, &destination, &routes, &folders, &instruments, now)?;
            told.push(match done {
                Backfilled::Wanted => Told::done(format!("{id} → {destination}: the next run delivers it")),
                Backfilled::Already(_) => {
                    already += 1;
                    continue;
                }
                Backfilled::NoRecord => Told::refused(format!("{id}: there is no record of it")),
                Backfilled::FileMissing => Told::refused(format!(
                    "{id}: NexusLIMS built its record, and the file is not in the records folder; \
                     `nexus sessions rebuild` builds it again"
                )),
                Backfilled::Unknown => Told::refused(format!(
                    "{id}: there is no such session, or another program built it and `nexus adopt` was not said since"
                )),
            });
        }
        let wanted = told.iter().filter(|one| !one.refused).count();
        told.push(Told::done(format!(
            "{destination}: {wanted} records to deliver, {already} deliveries were there already"
        )));
        Ok(told)
    })
}

/// Gives an event to all deliveries of the sessions named.
fn named(
    tx: &Transaction<'_>,
    sessions: &[String],
    which: &Which,
    event: &Event,
    routes: &Routes,
) -> Result<Vec<Told>, WriteError> {
    let mut told = Vec::new();
    for id in sessions {
        let session = Some(SessionId::from(id.as_str()));
        let found = table::which(tx, &Which { session, ..which.clone() })?;
        if found.is_empty() {
            told.push(Told::refused(format!(
                "{id}: there is no such delivery; `nexus export list {id} --all` shows what there is"
            )));
        }
        for row in &found {
            told.push(give(tx, row, event, routes)?);
        }
    }
    Ok(told)
}

/// Gives an event to a delivery, and moves its session on if nothing more is missing.
fn give(tx: &Transaction<'_>, row: &Delivery, event: &Event, routes: &Routes) -> Result<Told, WriteError> {
    let now = SystemClock.now();
    let (next, effects) = delivery::step(row, event.clone(), now);
    table::save(tx, row, &next)?;
    settle_session(tx, &row.session, routes, now)?;
    let why = effects.iter().find_map(|effect| match effect {
        Effect::Refused { why } => Some(why),
        _ => None,
    });
    let from_to = format!("{} → {}", row.session, row.destination);
    Ok(match why {
        Some(why) => Told::refused(format!("{from_to}: stays {}: {why}", row.state)),
        None => Told::done(format!("{from_to}: {} → {}", row.state, next.state)),
    })
}
