//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Runs nexus and NexusLIMS on the same backlog, checks that they did the same work, and prints what it cost.
#[derive(Debug, Parser)]
#[command(
    name = "nexus-bench",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = "Examples:
  cargo run --release -p nexus-bench -- --sessions 10 --files 25
  cargo run --release -p nexus-bench -- --sessions 200 --peer-sessions 20 --previews
  cargo run --release -p nexus-bench -- --nexus-only --sessions 1000,10000 --threads 1,2
  cargo run --release -p nexus-bench -- --killed
  cargo run --release -p nexus-bench -- --beside --healthy folder --sessions 15000 --files 1 --repeat 7

Exit code: 0 the same work was done, 1 the programs differ, 2 it could not be measured."
)]
pub struct Cli {
    /// What the benchmark calls itself for.
    #[command(subcommand)]
    pub hidden: Option<Hidden>,
    /// What to measure.
    #[command(flatten)]
    pub options: Options,
}

/// Commands that only the benchmark itself uses.
#[derive(Debug, Subcommand)]
pub enum Hidden {
    /// Run one program and print what it cost.
    #[command(hide = true)]
    Measured(HelperArgs),
}

/// What to measure.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Options {
    /// Sessions in the backlog. With --nexus-only a list: one measurement for each.
    #[arg(long, value_name = "COUNT", value_delimiter = ',', default_values_t = [10])]
    pub sessions: Vec<usize>,
    /// Files of each session.
    #[arg(long, value_name = "COUNT", default_value_t = 25)]
    pub files: usize,
    /// Give NexusLIMS only the first sessions of the backlog; times are then compared per session.
    #[arg(long, value_name = "COUNT")]
    pub peer_sessions: Option<usize>,
    /// Let nexus make previews. NexusLIMS always does, unless the files are --plain.
    #[arg(long)]
    pub previews: bool,
    /// Name the files so that neither program makes a preview of them.
    #[arg(long, conflicts_with = "previews")]
    pub plain: bool,
    /// The Python environment that holds NexusLIMS; without it one is made once, in the user's cache folder.
    #[arg(long, value_name = "DIR", env = "NEXUS_TEST_PEER")]
    pub peer_venv: Option<PathBuf>,
    /// Give NexusLIMS up after this long. Without it: 5 minutes, and one more for each session.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub peer_timeout: Option<Duration>,
    /// The nexus program to measure; without it the one of this checkout is built.
    #[arg(long, value_name = "FILE", env = "NEXUS_BIN")]
    pub nexus: Option<PathBuf>,
    /// Threads that build records; 0 is one per core. With --nexus-only a list, `1,2` unless given.
    #[arg(long, value_name = "COUNT", value_delimiter = ',')]
    pub threads: Vec<usize>,
    /// Runs of nexus, each from the start; the one with the median time counts.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub repeat: u16,
    /// Another number gives another backlog of the same size.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Measure nexus alone, on more than NexusLIMS could do.
    #[arg(long, conflicts_with_all = ["peer_sessions", "peer_timeout"])]
    pub nexus_only: bool,
    /// Measure nothing: kill each program after two uploads of five sessions, run it again, and count what the
    /// repository holds. With --nexus-only, of nexus alone.
    #[arg(long)]
    pub killed: bool,
    /// Measure nexus alone: how fast one destination is served beside others that are not well, and without them.
    #[arg(long, conflicts_with = "killed")]
    pub beside: bool,
    /// With --beside: only where the healthy destination is of this kind.
    #[arg(long, value_name = "KIND", requires = "beside")]
    pub healthy: Option<Healthy>,
    /// Work in this folder instead of the system's one for temporary files.
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Leave the files, databases and logs, and say where they are.
    #[arg(long)]
    pub keep: bool,
    /// How many differences to print.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub differences: usize,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// What the healthy destination is that stands beside others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Healthy {
    /// A folder of this machine.
    Folder,
    /// A repository whose answers come as late as over a network.
    Repository,
}

/// One program to run and measure.
#[derive(Debug, Args)]
pub struct HelperArgs {
    /// Where its output goes.
    #[arg(long)]
    pub log: PathBuf,
    /// How long it may take.
    #[arg(long, value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    pub command: Vec<std::ffi::OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let cli =
            Cli::parse_from(["nexus-bench", "--nexus-only", "--sessions", "1000,10000", "--threads", "1,2"]);
        assert_eq!(cli.options.sessions, [1000, 10000]);
        assert_eq!(cli.options.threads, [1, 2]);
    }
}
