//! `nexus config`.

mod check;
mod instruments;

use anyhow::Error;
use clap::{Args, Subcommand};
use nexus_core::config::{Config, json_schema};
use serde_json::json;

use crate::args::Global;
use crate::exit_code::{ExitCode, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  nexus config check                          say whether everything is right
  nexus --config /etc/nexus.toml config show  print every setting and where it comes from
  nexus config schema > nexus.schema.json     for editors that complete and check TOML

Exit codes: 0 done, 3 the configuration cannot be used or a check failed.";

/// Arguments of `nexus config`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConfigArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the settings, that the paths exist, and that the secrets can be read.
    Check,
    /// Print every setting that holds, and where it comes from. Secrets are masked.
    Show,
    /// Print the JSON Schema of the file.
    Schema,
}

/// Runs `nexus config`.
pub fn run(global: &Global, args: ConfigArgs) -> Result<ExitCode, Stop> {
    let ConfigArgs { verb } = args;
    match verb {
        Verb::Check => check::run(global),
        Verb::Show => show(global),
        Verb::Schema => {
            output::json(&json_schema())?;
            Ok(ExitCode::Done)
        }
    }
}

/// Reads the settings that the command line names.
pub fn load(global: &Global) -> Result<Config, Stop> {
    Config::read(&global.config).map_err(|error| {
        let hint = error.hint();
        let stop = Stop::new(ExitCode::Configuration, Error::new(error));
        match hint {
            Some(hint) => stop.with_hint(hint),
            None => stop,
        }
    })
}

fn show(global: &Global) -> Result<ExitCode, Stop> {
    let config = load(global)?;
    if global.json {
        output::json(&json!({ "file": config.file, "settings": config.effective() }))?;
    } else {
        let rows = config
            .effective()
            .iter()
            .map(|setting| vec![setting.key.clone(), setting.value.clone(), setting.origin.to_string()]);
        output::table(&["setting", "value", "from"], rows);
    }
    Ok(ExitCode::Done)
}
