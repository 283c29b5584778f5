//! `nexus record`: one file per verb that has something to it.

mod check;
mod show;

use clap::{Args, Subcommand};
use nexus_core::validate::{self, RecordValidator, SCHEMA};

use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const ABOUT: &str = "\
No configuration and no database are needed: these commands read the files they are given, and nothing else.

Exit codes: 0 done (for check: every record is valid), 1 a file could not be read or is no XML to show, 2 the command \
line is wrong, 4 a record is not valid.";

/// Arguments of `nexus record`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct RecordArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check records against the schema, and say what is wrong and where.
    Check(check::CheckArgs),
    /// Print the XML schema that records follow.
    Schema(SchemaArgs),
    /// Show what is in a record: who, where, when, and which files.
    Show(show::ShowArgs),
}

/// Arguments of `nexus record schema`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus record schema > nexus-experiment.xsd   keep the schema in a file, for other programs")]
struct SchemaArgs {}

/// Runs `nexus record`.
pub fn run(global: &Global, args: RecordArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        Verb::Check(verb) => check::run(global, &verb),
        Verb::Schema(SchemaArgs {}) => {
            output::text(SCHEMA);
            Ok(ExitCode::Done)
        }
        Verb::Show(verb) => show::run(global, &verb),
    }
}

fn validator() -> Result<&'static dyn RecordValidator, Stop> {
    validate::shipped().or_stop(ExitCode::CannotStart)
}
