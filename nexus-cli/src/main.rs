//! The `nexus` command: parse, run, exit code.

mod args;
mod commands;
mod database;
mod exit_code;
mod first_party;
mod interrupt;
mod output;

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    let cli = args::Cli::parse();
    // What lends its process to a plugin has no log of its own: standard error is the plugin's.
    if !matches!(cli.command, args::Command::PluginHost(_)) {
        output::start_logging(&cli.global);
    }
    match commands::dispatch(&cli.global, cli.command) {
        Ok(code) => code.into(),
        Err(stop) => output::report(&stop),
    }
}
