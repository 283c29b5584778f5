//! `nexus plugins new`: a project that builds and passes its tests at once.

mod api;
mod files;
mod name;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, ValueEnum};
use nexus_plugin_api::PluginKind;
use serde_json::json;

use self::api::Api;
use self::files::{File, Project};
use self::name::Name;
use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  nexus plugins new group-share --lang python --kind destination
                                 ./group-share: one Python file, standard library only, with tests
  nexus plugins new diary --lang rust --kind harvester --api ../nexus
                                 ./diary: a crate that uses nexus-plugin-api of a checkout of nexus
  nexus plugins new vendor-format --lang rust --kind extractor --api https://git.example.org/nexus.git
                                 the same, with nexus-plugin-api from a git repository

A harvester brings sessions and reservations, a destination takes records, an extractor reads files of instruments. A \
plugin in Python is a program, one in Rust a shared library. What is made works as it stands: change it step by step, and \
try it with `nexus plugins test`.

Exit code: 0 made, 1 it could not be written, 2 the name or the folder cannot be used.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct NewArgs {
    /// The plugin's name: a lower-case letter, then letters, digits, hyphens, underscores.
    #[arg(value_name = "NAME")]
    name: String,
    /// The language it is written in.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Lang,
    /// What it does.
    #[arg(long, value_name = "KIND")]
    kind: Kind,
    /// Make the project in this folder, which must not exist yet [default: ./NAME].
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// For Rust: where nexus-plugin-api is, as the folder of a checkout of nexus or the address of a git repository.
    #[arg(long, value_name = "PATH|GIT")]
    api: Option<String>,
}

/// The languages that there are projects in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lang {
    Python,
    Rust,
}

/// The kinds of plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Harvester,
    Destination,
    Extractor,
}

impl Kind {
    fn of_plugin(self) -> PluginKind {
        match self {
            Self::Harvester => PluginKind::Harvester,
            Self::Destination => PluginKind::Destination,
            Self::Extractor => PluginKind::Extractor,
        }
    }
}

pub(super) fn run(global: &Global, args: &NewArgs) -> Result<ExitCode, Stop> {
    let name = Name::new(&args.name, args.lang).map_err(|why| {
        Stop::new(ExitCode::Usage, anyhow!("`{}` cannot be the plugin's name: {why}", args.name))
    })?;
    let api = args.api.as_deref().map(Api::find).transpose().or_stop(ExitCode::Usage)?;
    if args.lang == Lang::Rust && api.is_none() {
        let error = anyhow!("a plugin in Rust needs nexus-plugin-api, and nobody said where it is");
        return Err(Stop::new(ExitCode::Usage, error)
            .with_hint("--api ../nexus names a checkout of nexus, --api https://… a git repository"));
    }
    let folder = args.folder.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    let project = Project { name: &name, kind: args.kind.of_plugin(), api: api.as_ref() };
    let files = match args.lang {
        Lang::Python => project.python(),
        Lang::Rust => project.rust(),
    };
    if folder.symlink_metadata().is_ok() {
        let error = anyhow!("`{}` exists already, and nothing is overwritten", folder.display());
        return Err(Stop::new(ExitCode::Usage, error).with_hint("--folder names another one"));
    }
    make(&folder, &files).or_stop(ExitCode::Failed)?;
    let plugin = folder.join(match args.lang {
        Lang::Python => format!("{}.py", name.snake()),
        Lang::Rust => format!("target/debug/{}", name.library()),
    });
    report(global, args, &folder, &files, &plugin)?;
    Ok(ExitCode::Done)
}

fn make(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    let write = |file: &File| -> anyhow::Result<()> {
        let path = folder.join(&file.path);
        let failed = || format!("failed to write `{}`", path.display());
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(failed)?;
        }
        fs::write(&path, &file.text).with_context(failed)?;
        if file.program {
            make_executable(&path).with_context(failed)?;
        }
        Ok(())
    };
    let written = files.iter().try_for_each(write);
    if written.is_err() {
        // Half a project is in the way of a second try.
        let _ = fs::remove_dir_all(folder);
    }
    written
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(path)?.permissions().mode();
    // Whoever may read it may run it.
    fs::set_permissions(path, fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))
}

#[cfg(not(unix))]
fn make_executable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

fn report(global: &Global, args: &NewArgs, folder: &Path, files: &[File], plugin: &Path) -> Result<(), Stop> {
    if global.json {
        let files: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        output::json(&json!({ "folder": folder, "files": files, "plugin": plugin }))?;
        return Ok(());
    }
    output::line(format!("made `{}`:", folder.display()));
    output::table(
        &["file", "what it is"],
        files.iter().map(|file| vec![file.path.clone(), file.about.to_owned()]),
    );
    output::line("\nNext:");
    if args.lang == Lang::Rust {
        output::line(format!("  cargo build --manifest-path {}", folder.join("Cargo.toml").display()));
    }
    output::line(format!("  nexus plugins test {}", folder.display()));
    Ok(())
}
