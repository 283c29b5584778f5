//! `nexus harvesters`: one file per verb.

mod list;
mod rebase;
mod rename;
mod retire;

use clap::{Args, Subcommand};
pub(super) use list::plugin as plugin_of;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

const ABOUT: &str = "\
Whether a harvester could work now is what `nexus plugins check NAME` asks; its tools become instruments with \
`nexus instruments import --from-harvester NAME`.

Exit codes: 0 done, 1 refused (the reason is printed, and nothing was changed), 2 the command line is wrong, \
3 the configuration cannot be used, 5 another program holds the database, 6 the database cannot be used.";

/// Arguments of `nexus harvesters`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct HarvestersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the harvesters of the configuration, their instruments, and how far they have read.
    List(list::ListArgs),
    /// Rewrite the addresses of instruments whose scheduler has moved.
    Rebase(rebase::RebaseArgs),
    /// Give what a harvester brought to the name that it has now.
    Rename(rename::RenameArgs),
    /// Give up the open usage events of a harvester that is no longer configured.
    Retire(retire::RetireArgs),
}

/// Runs `nexus harvesters`.
pub fn run(global: &Global, args: HarvestersArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        Verb::List(_) => list::run(global),
        Verb::Rebase(verb) => rebase::run(global, &verb),
        Verb::Rename(verb) => rename::run(global, &verb),
        Verb::Retire(verb) => retire::run(global, &verb),
    }
}
