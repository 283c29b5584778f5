//! `nexus plugin-host`: a process of its own for a plugin that is a library.
//!
//! What the library does wrong ends here: a crash, an `exit`, a loop without end. No configuration is read
//! and no log is started, since the host starts one of these for every instance and waits for it.

use std::error::Error as _;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;
use nexus_plugin_api::host::{self, LoadError, LoadedPlugin};
use nexus_plugin_api::{PluginError, serve};
use rustix::stdio::{dup2_stdin, dup2_stdout};

use crate::exit_code::ExitCode;

/// Arguments of `nexus plugin-host`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus plugin-host /opt/nexus/plugins/libfigshare.so

Nobody needs to type this: nexus starts it for each plugin that is a library. Requests come in on standard input, \
replies go out on standard output, one JSON message a line, as docs/plugin-protocol.md describes; what the library \
prints goes to standard error. It ends when its input ends.")]
pub struct PluginHostArgs {
    /// The library, by its absolute path.
    #[arg(value_name = "LIBRARY")]
    library: PathBuf,
}

/// Runs `nexus plugin-host`.
pub fn run(args: &PluginHostArgs) -> ExitCode {
    match private_ends() {
        Ok((requests, replies)) => {
            let ended = serve::host(|| open(&args.library), requests, replies);
            if ended == std::process::ExitCode::SUCCESS { ExitCode::Done } else { ExitCode::Failed }
        }
        Err(error) => {
            eprintln!("the standard input and output cannot be set apart: {error}");
            ExitCode::Failed
        }
    }
}

/// Takes the ends of the protocol away from where a library would read and print, and from the programs it
/// starts: standard input becomes empty, standard output becomes standard error.
fn private_ends() -> io::Result<(File, File)> {
    // Both are closed when another program is started.
    let requests = io::stdin().as_fd().try_clone_to_owned()?;
    let replies = io::stdout().as_fd().try_clone_to_owned()?;
    dup2_stdin(File::open("/dev/null")?)?;
    dup2_stdout(io::stderr())?;
    Ok((requests.into(), replies.into()))
}

fn open(library: &Path) -> Result<LoadedPlugin, PluginError> {
    host::open(library).map_err(|error| PluginError::permanent(with_causes(&error)))
}

fn with_causes(error: &LoadError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a text cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
