//! The command line: what can be asked, in full sentences.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands;

const EXAMPLES: &str = "\
Examples:
  nexus demo                     see it work on a small invented facility
  nexus init /srv/nexus          begin: a commented nexus.toml and a database
  nexus run                      harvest, build and export: what a timer calls
  nexus status                   what was delivered, and what waits";

/// Turns the usage sessions of a facility's instruments into records, and delivers them.
#[derive(Debug, Parser)]
#[command(name = "nexus", version, propagate_version = true, after_help = EXAMPLES)]
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

/// What help calls the options that every command takes.
const EVERYWHERE: &str = "Options of every command";

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Read the settings from this file.
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG, env = "NEXUS_CONFIG",
          help_heading = EVERYWHERE)]
    pub config: PathBuf,
    /// Print JSON instead of tables.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Log more to standard error: -v for steps, -vv for details, -vvv for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    pub verbose: u8,
    /// Log errors only, and show no progress.
    #[arg(short, long, global = true, help_heading = EVERYWHERE)]
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
    Harvest(commands::run::HarvestArgs),
    /// Build the records of the sessions that are to be built, and nothing else.
    Build(commands::run::RunArgs),
    /// Deliver the records that are due, and nothing else.
    Export(commands::export::ExportArgs),
    /// Go on with a database that NexusLIMS filled.
    Adopt(commands::adopt::AdoptArgs),
    /// Show how many sessions and deliveries stand where.
    Status(commands::status::StatusArgs),
    /// Prove that no session is missing: hold the usage events of the schedulers against the database.
    Audit(commands::audit::AuditArgs),
    /// Tell one session's story: why it is where it is, by which rule, what comes next, and what can be done.
    Explain(commands::explain::ExplainArgs),
    /// List sessions, show the facts about one, and decide about them.
    Sessions(commands::sessions::SessionsArgs),
    /// Read one file, print its metadata as JSON, and draw its preview.
    Extract(commands::extract::ExtractArgs),
    /// Check records against their schema, show what is in one, and print the schema.
    Record(commands::record::RecordArgs),
    /// Check, show and describe the settings.
    Config(commands::config::ConfigArgs),
    /// List, add, edit, remove, import and export instruments.
    Instruments(commands::instruments::InstrumentsArgs),
    /// List harvesters, and follow a scheduler to its new address.
    Harvesters(commands::harvesters::HarvestersArgs),
    /// Link users to their identifiers in other systems.
    Users(commands::users::UsersArgs),
    /// List, show, check, run, make and test plugins.
    Plugins(commands::plugins::PluginsArgs),
    /// Create, inspect, migrate and back up the database.
    Db(commands::db::DbArgs),
    /// Make a small facility in a folder, run over it, and show what happened.
    Demo(commands::demo::DemoArgs),
    /// Run a plugin that is a library in this process, and pass messages to and from it.
    #[command(hide = true)]
    PluginHost(commands::plugin_host::PluginHostArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every command and verb: its full name, itself, and the texts after its help and those above it.
    fn all(
        command: &clap::Command,
        above: &str,
        texts: &str,
        found: &mut Vec<(String, clap::Command, String)>,
    ) {
        let name = format!("{above}{}", command.get_name());
        let after = command.get_after_long_help().or(command.get_after_help());
        let texts = format!("{texts}\n{}", after.map(ToString::to_string).unwrap_or_default());
        for verb in command.get_subcommands() {
            all(verb, &format!("{name} "), &texts, found);
        }
        found.push((name, command.clone(), texts));
    }

    /// Whether a line is an example of the command; global options may stand before its name.
    fn example(texts: &str, name: &str) -> bool {
        let words: Vec<&str> = name.split(' ').collect();
        texts.lines().filter(|line| line.trim_start().starts_with("nexus ")).any(|line| {
            // What it does stands to the right, after two blanks.
            let line = line.trim_start().split("  ").next().unwrap_or_default();
            let mut said = line.split_whitespace().map(|word| word.trim_end_matches(';'));
            words.iter().all(|word| said.any(|other| other == *word))
        })
    }

    #[test]
    fn every_help_is_in_full_sentences_and_shows_an_example() {
        let mut found = Vec::new();
        all(&Cli::command(), "", "", &mut found);
        let mut poor = Vec::new();
        for (name, command, texts) in &found {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            if about.split_whitespace().count() < 3 || !about.starts_with(char::is_uppercase) {
                poor.push(format!("{name}: its description is `{about}`"));
            }
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                if argument.get_help().is_none_or(|help| help.to_string().trim().is_empty()) {
                    poor.push(format!("{name}: `{}` is not described", argument.get_id()));
                }
            }
            // A command of several verbs is shown by their examples.
            let shown = command.has_subcommands() && name != "nexus" || example(texts, name);
            if !shown {
                poor.push(format!("{name}: no example"));
            }
        }
        assert_eq!(poor, Vec::<String>::new(), "{poor:#?}");
    }
}
