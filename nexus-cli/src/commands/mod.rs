//! One file per subcommand; this is the door.

pub mod config;
pub mod db;
pub mod demo;
pub mod init;
pub mod instruments;
pub mod users;

use crate::args::{Command, Global};
use crate::exit_code::{ExitCode, Stop};

/// Runs one command.
pub fn dispatch(global: &Global, command: Command) -> Result<ExitCode, Stop> {
    match command {
        Command::Init(args) => init::run(global, args),
        Command::Config(args) => config::run(global, args),
        Command::Instruments(args) => instruments::run(global, args),
        Command::Users(args) => users::run(global, args),
        Command::Db(args) => db::run(global, args),
        Command::Demo(args) => demo::run(global, &args),
    }
}
