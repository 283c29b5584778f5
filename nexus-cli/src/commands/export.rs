//! `nexus export`: the step by itself, and what a person decides about deliveries.

use clap::{Args, Subcommand};
use nexus_core::delivery::Event;
use nexus_core::ids::SessionId;
use nexus_core::pipeline::Steps;

use crate::args::Global;
use crate::commands::ask_again;
use crate::commands::run::{self, StepArgs};
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus export`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  nexus export                                          deliver what is due
  nexus export retry 'logbook:logbook/17'               try again what failed or is unknown
  nexus export forget 'logbook:logbook/17' --destination cdcs
                                                        nobody wants this delivery any more

Exit code: 0 done, 4 something needs a person, 5 another run holds the lock, 6 could not start."
)]
pub struct ExportArgs {
    #[command(flatten)]
    run: StepArgs,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Try deliveries of a session again that failed, or whose end nobody can tell: look there first.
    Retry {
        /// The session identifier, as `nexus sessions list` shows it.
        session: String,
        /// Only the delivery to this destination.
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
    },
    /// Give a delivery up, and forget what is known of it at the destination.
    Forget {
        /// The session identifier, as `nexus sessions list` shows it.
        session: String,
        /// The destination.
        #[arg(long, value_name = "NAME")]
        destination: String,
    },
}

/// Runs `nexus export`.
pub fn run(global: &Global, args: ExportArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        None => run::step(global, &args.run, Steps { harvest: false, build: false, export: true }),
        Some(Verb::Retry { session, destination }) => {
            ask_again::deliveries(global, &SessionId::from(session), destination.as_deref(), &Event::Retry)
        }
        Some(Verb::Forget { session, destination }) => {
            ask_again::deliveries(global, &SessionId::from(session), Some(&destination), &Event::Forget)
        }
    }
}
