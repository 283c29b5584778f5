//! The command line: what can be asked, in full sentences.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;

/// Turns the usage sessions of a facility's instruments into records, and delivers them.
#[derive(Debug, Parser)]
#[command(name = "nexus", version, propagate_version = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The settings file where none is named.
pub const DEFAULT_CONFIG: &str = "nexus.toml";

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Read the settings from this file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG, env = "NEXUS_CONFIG")]
    pub config: PathBuf,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log more to standard error: -v for steps, -vv for details, -vvv for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Log errors only, and show no progress.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented nexus.toml and create the database.
    Init(commands::init::InitArgs),
    /// Harvest, build and export: what a timer calls.
    Run(commands::run::RunArgs),
    /// Bring new sessions from the harvesters, and nothing else.
    Harvest(commands::run::RunArgs),
    /// Build the records of the sessions that are to be built, and nothing else.
    Build(commands::run::RunArgs),
    /// Deliver the records that are due, and nothing else.
    Export(commands::run::RunArgs),
    /// Go on with a database that NexusLIMS filled.
    Adopt(commands::adopt::AdoptArgs),
    /// Show how many sessions and deliveries stand where.
    Status(commands::status::StatusArgs),
    /// List sessions, and tell the story of one.
    Sessions(commands::sessions::SessionsArgs),
    /// Check, show and describe the settings.
    Config(commands::config::ConfigArgs),
    /// List, add, edit, remove, import and export instruments.
    Instruments(commands::instruments::InstrumentsArgs),
    /// Link users to their identifiers in other systems.
    Users(commands::users::UsersArgs),
    /// Create, inspect, migrate and back up the database.
    Db(commands::db::DbArgs),
    /// Make a small facility in a folder, run over it, and show what happened.
    Demo(commands::demo::DemoArgs),
}
