//! `nexus export`: the step by itself, what is on its way, and what a person decides about deliveries.

mod decide;
mod known;
mod list;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use nexus_core::delivery::Class;
use nexus_core::pipeline::Steps;

use crate::args::Global;
use crate::commands::run::{self, StepArgs};
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus export`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  nexus export                                          deliver what is due
  nexus export list                                     what is not delivered, why, and when it is tried again
  nexus export list --destination cdcs --all            everything that ever went there
  nexus export retry 'logbook:logbook/17'               try again what failed or is unknown
  nexus export retry --destination cdcs --since 2024-03-01
  nexus export retry --class auth                       after the token was renewed
  nexus export forget 'logbook:logbook/17' --destination cdcs
                                                        nobody wants this delivery any more
  nexus export backfill --destination archive --instrument FEI-Titan-TEM
                                                        records of the past to a new destination

Exit code: 0 done, 4 something needs a person or was refused, 5 another run holds the lock, 6 could not start."
)]
pub struct ExportArgs {
    #[command(flatten)]
    run: StepArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List deliveries that are not done: where they stand, why, and when they are tried again.
    List(list::ListArgs),
    /// Try deliveries again that failed, or whose end nobody can tell: look there first.
    Retry(decide::RetryArgs),
    /// Give deliveries up, and forget what is known of them at the destination.
    Forget(decide::ForgetArgs),
    /// Deliver records of the past to a destination that was added later.
    Backfill(decide::BackfillArgs),
}

/// Which deliveries are meant, beside their session and destination.
#[derive(Debug, Args)]
struct Conditions {
    /// Only deliveries whose last failure is of this class: permanent, transient, rate_limited, auth; or
    /// `unknown`, those whose end nobody can tell.
    #[arg(long, value_name = "CLASS", value_parser = class)]
    class: Option<Class>,
    /// Only deliveries that were last tried or changed on this day or later, or at this time or later.
    #[arg(long, value_name = "DATE|TIME", value_parser = run::since)]
    since: Option<DateTime<Utc>>,
}

fn class(text: &str) -> Result<Class, String> {
    text.to_lowercase()
        .replace('-', "_")
        .parse()
        .map_err(|error: nexus_core::delivery::NotAClass| error.to_string())
}

/// Runs `nexus export`.
pub fn run(global: &Global, args: ExportArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        None => run::step(global, &args.run, Steps { harvest: false, build: false, export: true }),
        Some(Verb::List(list)) => list::run(global, list),
        Some(Verb::Retry(retry)) => decide::retry(global, retry),
        Some(Verb::Forget(forget)) => decide::forget(global, &forget),
        Some(Verb::Backfill(backfill)) => decide::backfill(global, backfill),
    }
}
