//! `nexus init`: the settings, the folders and the database of a facility.

mod dotenv;
mod from_env;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use nexus_core::config::Config;
use nexus_core::db::Database;
use nexus_core::durable;
use nexus_core::lock::DatabaseLock;
use serde_json::json;

use crate::args::Global;
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;
use from_env::{Imported, Note};

const EXAMPLES: &str = "\
Examples:
  nexus init /srv/nexus                             start afresh
  nexus init /srv/nexus --from-env /srv/old/.env    go on from NexusLIMS, on its database

Nothing is overwritten: an existing nexus.toml, and without --from-env an existing database, is refused.";

/// Arguments of `nexus init`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// Make everything in this folder. Without it, nexus.toml is written where --config says.
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Take the settings from the .env file of a NexusLIMS installation, and use its database and folders.
    #[arg(long, value_name = "FILE")]
    from_env: Option<PathBuf>,
    /// Copy tokens and passwords from the .env file into files beside nexus.toml that only you can read.
    /// Without it, nexus.toml names the environment variables to take them from.
    #[arg(long, requires = "from_env")]
    copy_secrets: bool,
}

/// What was made, for the report.
#[derive(Debug, Default)]
struct Made {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
    kept: Vec<PathBuf>,
}

/// Runs `nexus init`.
pub fn run(global: &Global, args: InitArgs) -> Result<ExitCode, Stop> {
    let InitArgs { dir, from_env, copy_secrets } = args;
    let file = dir.map_or_else(|| global.config.clone(), |dir| dir.join("nexus.toml"));
    let file = std::path::absolute(&file).with_context(|| format!("`{}` is no path", file.display()))?;
    let folder = file.parent().unwrap_or(&file).to_owned();
    if file.symlink_metadata().is_ok() {
        return Err(exists(&file, "edit it, or name another folder"));
    }
    let imported = match &from_env {
        Some(env) => from_env::import(env, copy_secrets)?,
        None => Imported { text: Config::sample(), ..Imported::default() },
    };
    let config = Config::from_text(&imported.text, &folder, &file.display().to_string())
        .or_stop(ExitCode::Configuration)?;
    let database = &config.database.path;
    if from_env.is_none() && database.symlink_metadata().is_ok() {
        let hint =
            "move it away first, or write a nexus.toml that names it: `nexus config schema` lists the keys";
        return Err(exists(database, hint));
    }

    let mut made = Made::default();
    make_folders(&config, &folder, from_env.is_some(), &mut made).or_stop(ExitCode::CannotStart)?;
    for (path, secret) in &imported.secret_files {
        let path = folder.join(path);
        make_secret(&path, secret.expose()).or_stop(ExitCode::CannotStart)?;
        made.files.push(path);
    }
    for (path, text) in &imported.files {
        let path = folder.join(path);
        if path.symlink_metadata().is_ok() {
            return Err(exists(&path, "move it away first, or name another folder"));
        }
        durable::write_atomic(&path, text.as_bytes()).or_stop(ExitCode::CannotStart)?;
        made.files.push(path);
    }
    // The settings first: if the database cannot be made, they are taken away again, and nothing that
    // anybody else could have filled meanwhile is ever removed.
    durable::write_atomic(&file, imported.text.as_bytes()).or_stop(ExitCode::CannotStart)?;
    made.files.push(file.clone());
    if database.symlink_metadata().is_ok() {
        made.kept.push(database.clone());
    } else if let Err(error) = make_database(database) {
        let _ = durable::remove(&file);
        return Err(Stop::new(ExitCode::CannotStart, error));
    } else {
        made.files.push(database.clone());
    }
    report(global, &made, &imported.notes, &file)
}

fn exists(path: &Path, hint: &str) -> Stop {
    Stop::new(
        ExitCode::CannotStart,
        anyhow!("`{}` exists already, and nothing is overwritten", path.display()),
    )
    .with_hint(hint)
}

fn make_folders(config: &Config, folder: &Path, imported: bool, made: &mut Made) -> anyhow::Result<()> {
    let storage = &config.storage;
    let mut wanted = vec![folder, storage.data.as_path(), storage.records.as_path(), storage.logs.as_path()];
    wanted.extend(config.database.path.parent());
    // The instruments' folder of a running facility is not ours to make: if it is not there, the share
    // is probably not mounted.
    if !imported {
        wanted.push(&storage.instrument_data);
    }
    for path in wanted {
        if !path.is_dir() {
            durable::create_dir_all_durable(path)?;
            made.folders.push(path.to_owned());
        }
    }
    Ok(())
}

fn make_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    if path.symlink_metadata().is_ok() {
        return Err(anyhow!("`{}` exists already, and nothing is overwritten", path.display()));
    }
    if let Some(folder) = path.parent() {
        durable::create_dir_all_durable(folder)?;
    }
    durable::write_atomic_with_mode(path, format!("{secret}\n").as_bytes(), durable::MODE_PRIVATE)?;
    Ok(())
}

fn make_database(path: &Path) -> anyhow::Result<()> {
    let _lock = DatabaseLock::try_acquire(path)?;
    Database::create(path)?;
    Ok(())
}

fn report(global: &Global, made: &Made, notes: &[Note], file: &Path) -> Result<ExitCode, Stop> {
    if global.json {
        output::json(&json!({
            "config": file,
            "made": { "files": made.files, "folders": made.folders },
            "kept": made.kept,
            "notes": notes,
        }))?;
        return Ok(ExitCode::Done);
    }
    for folder in &made.folders {
        output::line(format!("made the folder {}", folder.display()));
    }
    for path in &made.files {
        output::line(format!("made {}", path.display()));
    }
    for path in &made.kept {
        output::line(format!("kept {} as it is", path.display()));
    }
    if !notes.is_empty() {
        output::line("\nLook at these settings of NexusLIMS:");
        output::table(
            &["setting", "what became of it"],
            notes.iter().map(|note| vec![note.setting.clone(), note.text.clone()]),
        );
    }
    output::line(format!(
        "\nNext: edit {0}, then `nexus --config {0} config check` says whether everything is right.",
        file.display()
    ));
    Ok(ExitCode::Done)
}
