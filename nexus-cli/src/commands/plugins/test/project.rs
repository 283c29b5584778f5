//! Which plugin is tried: a file, a project's folder, or one that comes with nexus.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use nexus_core::config::{Carrier, Isolation};
use nexus_core::plugins::conformance::{FILE_NAME, Project};

use super::TestArgs;
use crate::commands::plugins::subject::at_path;
use crate::exit_code::{ExitCode, OrStop as _, Stop};

/// A plugin, and what its folder says about how it is tried.
pub(super) struct Tried {
    /// What errors and log lines call it.
    pub(super) name: String,
    pub(super) carrier: Carrier,
    pub(super) project: Project,
}

pub(super) fn subject(args: &TestArgs) -> Result<Tried, Stop> {
    let mut tried = match (&args.linked, &args.path) {
        (Some(name), _) => {
            let carrier = Carrier::Linked { plugin: name.clone() };
            Tried { name: name.clone(), carrier, project: Project::default() }
        }
        (None, Some(path)) if path.is_dir() => of_folder(path)?,
        (None, Some(path)) => {
            let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
            let (name, carrier) = (path.display().to_string(), at_path(path)?.carrier);
            Tried { name, carrier, project: described(&folder)?.unwrap_or_default() }
        }
        (None, None) => return Err(Stop::new(ExitCode::Usage, anyhow!("no plugin is named"))),
    };
    if let Carrier::Library { isolation, .. } = &mut tried.carrier {
        *isolation = if args.in_process { Isolation::None } else { Isolation::Process };
    } else if args.in_process {
        let error = anyhow!("--in-process is for a library");
        return Err(Stop::new(ExitCode::Usage, error).with_hint("leave it out"));
    }
    Ok(tried)
}

fn described(folder: &Path) -> Result<Option<Project>, Stop> {
    let file = folder.join(FILE_NAME);
    if file.is_file() { Project::read(&file).map(Some).or_stop(ExitCode::Usage) } else { Ok(None) }
}

/// The plugin of a project's folder: what its file names, what cargo built there, or its only Python file.
fn of_folder(folder: &Path) -> Result<Tried, Stop> {
    let project = described(folder)?.unwrap_or_default();
    let carrier = if let Some(words) = &project.command {
        Carrier::command(words.iter().map(|word| beside(folder, word)).collect())
    } else if let Some(library) = &project.library {
        at_path(library)?.carrier
    } else if folder.join("Cargo.toml").is_file() {
        at_path(&built(folder)?)?.carrier
    } else {
        at_path(&python(folder)?)?.carrier
    };
    Ok(Tried { name: folder.display().to_string(), carrier, project })
}

/// A word that names a file of the project, with its whole path: a program starts in another folder.
fn beside(folder: &Path, word: &str) -> String {
    let path = folder.join(word);
    match std::path::absolute(&path) {
        Ok(absolute) if path.is_file() => absolute.to_string_lossy().into_owned(),
        _ => word.to_owned(),
    }
}

/// The library or program that cargo made last.
fn built(folder: &Path) -> Result<PathBuf, Stop> {
    let name = package(folder).unwrap_or_default();
    let stem = name.replace('-', "_");
    let files = [
        format!("{}{stem}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
        format!("{name}{}", std::env::consts::EXE_SUFFIX),
    ];
    let targets = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let targets = targets.into_iter().chain([folder.join("target")]);
    let places = targets.flat_map(|target| ["debug", "release"].map(|profile| target.join(profile)));
    let found = places.flat_map(|place| files.each_ref().map(|file| place.join(file)));
    let newest = found
        .filter(|path| path.is_file())
        .max_by_key(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok());
    newest.ok_or_else(|| {
        let error = anyhow!("`{}` holds no built plugin `{}`", folder.display(), files[0]);
        Stop::new(ExitCode::Usage, error).with_hint("build it first: cargo build")
    })
}

/// The name of the library, or of the package.
fn package(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    let name = |section: &str| Some(table.get(section)?.get("name")?.as_str()?.to_owned());
    name("lib").or_else(|| name("package"))
}

/// The only Python file, or `plugin.py`.
fn python(folder: &Path) -> Result<PathBuf, Stop> {
    let usual = folder.join("plugin.py");
    if usual.is_file() {
        return Ok(usual);
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "py"))
        .collect();
    if let (Some(only), true) = (files.pop(), files.is_empty()) {
        return Ok(only);
    }
    let error = anyhow!("it is not clear which plugin `{}` holds", folder.display());
    let hint = format!("name its file, or write `command` or `library` into {FILE_NAME}");
    Err(Stop::new(ExitCode::Usage, error).with_hint(hint))
}
