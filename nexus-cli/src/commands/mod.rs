//! One file per subcommand; this is the door.

pub mod adopt;
pub mod ask_again;
pub mod audit;
pub mod config;
pub mod db;
pub mod demo;
pub mod explain;
pub mod export;
pub mod extract;
pub mod harvesters;
pub mod init;
pub mod instruments;
pub mod plugin_host;
pub mod plugins;
pub mod record;
pub mod run;
pub mod sessions;
pub mod status;
pub mod users;

use nexus_core::pipeline::Steps;

use crate::args::{Command, Global};
use crate::exit_code::{ExitCode, Stop};

/// Runs one command.
pub fn dispatch(global: &Global, command: Command) -> Result<ExitCode, Stop> {
    match command {
        Command::Init(args) => init::run(global, args),
        Command::Run(args) => run::run(global, &args, Steps::ALL),
        Command::Harvest(args) => run::harvest(global, &args),
        Command::Build(args) => run::run(global, &args, Steps { harvest: false, build: true, export: false }),
        Command::Export(args) => export::run(global, args),
        Command::Adopt(args) => adopt::run(global, &args),
        Command::Status(args) => status::run(global, &args),
        Command::Audit(args) => audit::run(global, args),
        Command::Explain(args) => explain::run(global, &args),
        Command::Sessions(args) => sessions::run(global, args),
        Command::Extract(args) => extract::run(global, &args),
        Command::Record(args) => record::run(global, args),
        Command::Config(args) => config::run(global, args),
        Command::Instruments(args) => instruments::run(global, args),
        Command::Harvesters(args) => harvesters::run(global, args),
        Command::Users(args) => users::run(global, args),
        Command::Plugins(args) => plugins::run(global, args),
        Command::Db(args) => db::run(global, args),
        Command::Demo(args) => demo::run(global, &args),
        Command::PluginHost(args) => Ok(plugin_host::run(&args)),
    }
}
