//! `nexus export list`: deliveries, where they stand, and when they are tried again.

use clap::Args;
use nexus_core::delivery::State;
use nexus_core::delivery::table::{self, Which};
use nexus_core::overview::DeliveryLine;
use nexus_core::pipeline;
use serde::Serialize;

use super::{Conditions, known};
use crate::args::Global;
use crate::commands::{config, status};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus export list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only deliveries of this session.
    session: Option<String>,
    /// Only deliveries to this destination.
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    #[command(flatten)]
    conditions: Conditions,
    /// Only deliveries in this state: held, due, in_flight, delivered, failed, unknown, not_wanted.
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Also those that are done, and those that nobody wants.
    #[arg(long, conflicts_with = "state")]
    all: bool,
}

fn state(text: &str) -> Result<State, String> {
    text.to_lowercase()
        .replace('-', "_")
        .parse()
        .map_err(|error: nexus_core::delivery::NotAState| error.to_string())
}

/// What is not done.
const OPEN: [State; 5] = [State::Held, State::Due, State::InFlight, State::Failed, State::Unknown];

#[derive(Debug, Serialize)]
struct Line {
    session: String,
    /// Whether the configuration names the destination.
    configured: bool,
    #[serde(flatten)]
    delivery: DeliveryLine,
}

/// Runs `nexus export list`.
pub fn run(global: &Global, args: ListArgs) -> Result<ExitCode, Stop> {
    let routes = pipeline::routes(&config::load(global)?);
    let database = status::open(global)?;
    known::destination(database.read(), args.destination.as_deref(), &routes)?;
    if let Some(session) = &args.session {
        known::session(database.read(), session)?;
    }
    let only_open = args.state.is_none() && !args.all;
    let states = match args.state {
        Some(state) => vec![state],
        None if args.all => Vec::new(),
        None => OPEN.to_vec(),
    };
    let Conditions { class, since } = &args.conditions;
    let is_narrowed =
        args.session.is_some() || args.destination.is_some() || class.is_some() || since.is_some();
    let which = Which {
        session: args.session.map(Into::into),
        destination: args.destination.map(Into::into),
        class: args.conditions.class,
        since: args.conditions.since,
        states,
    };
    let found = table::which(database.read(), &which).or_stop(ExitCode::Failed)?;
    let lines: Vec<Line> = found
        .into_iter()
        .map(|row| Line {
            session: row.session.to_string(),
            configured: routes.has(&row.destination),
            delivery: DeliveryLine::from(row),
        })
        .collect();
    if global.json {
        output::json(&lines)?;
    } else if lines.is_empty() && only_open && is_narrowed {
        output::line("no such delivery is left to do; `--all` shows those that are done");
    } else if lines.is_empty() && only_open {
        output::line("no delivery is left to do; `--all` shows those that are done");
    } else if lines.is_empty() {
        output::line("no deliveries");
    } else {
        output::table(
            &["session", "destination", "state", "tries", "next", "link or reason"],
            lines.into_iter().map(|line| {
                let next = line.delivery.next(line.configured).unwrap_or_default();
                let DeliveryLine { destination, state, attempt, remote_url, remote_id, failure_text, .. } =
                    line.delivery;
                let destination =
                    if line.configured { destination } else { format!("{destination} (not configured)") };
                let said = failure_text.or(remote_url).or(remote_id).unwrap_or_default();
                vec![line.session, destination, state.to_string(), attempt.to_string(), next, said]
            }),
        );
    }
    Ok(ExitCode::Done)
}
