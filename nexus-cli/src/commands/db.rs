//! `nexus db`.

mod diagram;
mod new_migration;

use clap::{Args, Subcommand};

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

/// Arguments of `nexus db`.
#[derive(Debug, Args)]
pub struct DbArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print how the tables belong together, and what every column means.
    Diagram(diagram::DiagramArgs),
    /// Make the two files of a new migration, in a checkout of nexus.
    NewMigration(new_migration::NewMigrationArgs),
}

/// Runs `nexus db`.
pub fn run(global: &Global, args: DbArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        Verb::Diagram(args) => diagram::run(global, &args),
        Verb::NewMigration(args) => new_migration::run(global, &args),
    }
}
