//! nexus and NexusLIMS on the same work, side by side; and nexus alone on more work than NexusLIMS could do.
//!
//! See `README.md` beside this package.

mod alone;
mod args;
mod backlog;
mod beside;
mod compare;
mod database;
mod facts;
mod killed;
mod measure;
mod outcome;
mod paired;
mod program;
mod show;
mod side_by_side;
mod stand_in;
mod unwell;
mod work;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use args::{Cli, Hidden};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            show::note(&format!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let cli = Cli::parse();
    match cli.hidden {
        Some(Hidden::Measured(args)) => measure::helper::run(&args).map(|()| ExitCode::SUCCESS),
        None if cli.options.beside => beside::run(&cli.options).map(|()| ExitCode::SUCCESS),
        None if cli.options.killed => killed::run(&cli.options),
        None if cli.options.nexus_only => alone::run(&cli.options).map(|()| ExitCode::SUCCESS),
        None => side_by_side::run(&cli.options),
    }
}
