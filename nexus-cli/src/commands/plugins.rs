//! `nexus plugins`: one file per verb.

pub mod check;
mod list;
mod new;
mod run;
mod show;
pub(super) mod subject;
mod test;

use clap::{Args, Subcommand};

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};

const ABOUT: &str = "\
A plugin is named by its own name, by its table in the configuration (cdcs, or destinations.cdcs), or by a path with a \
slash in it: a shared library, a program, or a Python file. No folder is searched.

Exit codes: 0 done, 1 refused or failed (the reason is printed), 2 the command line is wrong, 3 the configuration or a \
plugin cannot be used, 5 another run holds the lock, 6 the database cannot be used.";

/// Arguments of `nexus plugins`.
#[derive(Debug, Args)]
#[command(after_help = ABOUT)]
pub struct PluginsArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the plugins that come with nexus, and those of the configuration.
    List(list::ListArgs),
    /// Show what a plugin says about itself: settings, capabilities, actions.
    Show(show::ShowArgs),
    /// Ask the plugins of the configuration whether they could work now.
    Check(check::CheckArgs),
    /// Run an action that a plugin offers, such as pushing a template or enrolling a user.
    Run(run::RunArgs),
    /// Make the project of a new plugin, which builds and passes its tests at once.
    New(new::NewArgs),
    /// Try a plugin: the conformance kit.
    Test(test::TestArgs),
}

/// Runs `nexus plugins`.
pub fn run(global: &Global, args: PluginsArgs) -> Result<ExitCode, Stop> {
    match args.verb {
        Verb::List(verb) => list::run(global, &verb),
        Verb::Show(verb) => show::run(global, &verb),
        Verb::Check(verb) => check::run(global, &verb),
        Verb::Run(verb) => run::run(global, &verb),
        Verb::New(verb) => new::run(global, &verb),
        Verb::Test(verb) => test::run(global, &verb),
    }
}
