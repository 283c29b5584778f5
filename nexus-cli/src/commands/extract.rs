//! `nexus extract`: what is read out of one file.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Error, anyhow};
use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::durable;
use nexus_core::extract::{self, FileLost, Read, ReadBy, Readers};
use nexus_core::ids::ExtractorName;
use nexus_core::plugins::{ExtractorInstance, Surroundings};
use nexus_core::preview;
use nexus_core::side_file::{drawn_preview, metadata_json};
use nexus_core::walk::FoundFile;
use nexus_core::zone;
use serde_json::{Value, json};

use crate::args::{DEFAULT_CONFIG, Global};
use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::{first_party, output};

/// Arguments of `nexus extract`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus extract grain.dm3                                what is read out of a file, as JSON
  nexus extract grain.tif --preview-path grain.png       the same, and its preview
  nexus extract grain.dm3 --zone America/Denver          times as an instrument in Denver has them
  nexus extract grain.dm3 --extractor micrographs        what this extractor makes of it, and why it fails

The JSON is that of the files beside a record. A file of several signals gives several, one after the other; with \
--json they are one list, with the name of the reader. The extractors are those of the configuration, where there is \
one. Nothing but the preview stays: while an extractor is a process of its own, it is noted in `.plugins` of the \
data folder.

Exit code: 0 done, 1 the file cannot be read, or no preview can be drawn of it, 2 the command line is wrong, 3 the \
configuration or one of its extractors cannot be used.")]
pub struct ExtractArgs {
    /// The file to read.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Draw the preview of the file into this PNG file, which is replaced if it is there.
    #[arg(long, value_name = "FILE")]
    preview_path: Option<PathBuf>,
    /// Write times in this zone, as the instrument's zone would have them in a record.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    zone: String,
    /// Read the file with this extractor of the configuration, whatever the file's suffix, and with no other.
    #[arg(long, value_name = "NAME", conflicts_with = "no_config")]
    extractor: Option<String>,
    /// Read no configuration: what is known of any file.
    #[arg(long)]
    no_config: bool,
}

/// Runs `nexus extract`.
pub fn run(global: &Global, args: &ExtractArgs) -> Result<ExitCode, Stop> {
    let zone = zone::parse(&args.zone).or_stop(ExitCode::Usage)?;
    let file = find(&args.file)?;
    if let Some(path) = &args.preview_path
        && path.canonicalize().is_ok_and(|path| path == file.path)
    {
        let error = anyhow!("`{}` is the file itself: its preview would replace it", path.display());
        return Err(Stop::new(ExitCode::Usage, error));
    }
    // Nobody else's: two of these may be at work.
    let scratch = std::env::temp_dir().join(format!("nexus-extract-{}", std::process::id()));
    let readers = readers(global, args, &scratch)?;
    let alone = readers.is_basic_alone();
    let read = extract::read(&file, zone, &readers, &SystemClock, env!("CARGO_PKG_VERSION"));
    let told = read
        .map_err(|lost| cannot_be_read(&args.file, lost))
        .and_then(|read| tell(global, args, (&file, &read), alone));
    // It is only there if a reader drew something.
    let _ = fs::remove_dir_all(scratch);
    told
}

/// The readers of the configuration, where there is one.
fn readers(global: &Global, args: &ExtractArgs, scratch: &Path) -> Result<Readers, Stop> {
    let none_named = global.config == Path::new(DEFAULT_CONFIG) && !global.config.exists();
    if args.no_config || none_named && args.extractor.is_none() {
        return Ok(Readers::new(scratch));
    }
    let hint = "`--no-config` reads the file without any settings";
    let config = super::config::load(global).map_err(|stop| match stop.hint {
        Some(_) => stop,
        None => stop.with_hint(hint),
    })?;
    let surroundings = Surroundings::of(&config, scratch.to_owned());
    let (mut extractors, errors) = first_party::catalogue().extractors(&config, &surroundings);
    if let Some(name) = &args.extractor {
        let wanted = ExtractorName::from(name.as_str());
        if config.extractor(&wanted).is_none() {
            let names: Vec<&str> = config.extractors.iter().map(|known| known.name.as_str()).collect();
            let known = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
            let error = anyhow!("`{}` has no [extractors.{name}]: {known}", config.file.display());
            return Err(Stop::new(ExitCode::Usage, error));
        }
        if let Some(at) = extractors.iter().position(|known| known.name == wanted) {
            return Ok(Readers::only(scratch, extractors.swap_remove(at)));
        }
    }
    if let Some(error) = errors.into_iter().next() {
        return Err(Stop::new(ExitCode::Configuration, Error::new(error)).with_hint(hint));
    }
    let with = |readers: Readers, extractor: Arc<ExtractorInstance>| readers.with_extractor(extractor);
    Ok(extractors.into_iter().fold(Readers::new(scratch), with))
}

/// `alone`: whether there was no choice of readers.
fn tell(
    global: &Global,
    args: &ExtractArgs,
    (file, read): (&FoundFile, &Read),
    alone: bool,
) -> Result<ExitCode, Stop> {
    if let (Some(name), None) = (&args.extractor, &read.read_by.extractor) {
        let why =
            if read.warnings.is_empty() { "it did not say why".to_owned() } else { read.warnings.join("; ") };
        return Err(Stop::new(ExitCode::Failed, anyhow!("extractor `{name}` gave nothing to use: {why}")));
    }
    if global.json {
        let signals = read.signals.iter().map(|signal| serde_json::from_str(&metadata_json(signal)));
        let signals: Vec<Value> = signals.collect::<Result<_, _>>().map_err(Error::new)?;
        let ReadBy { module, version, extractor } = &read.read_by;
        output::json(&json!({
            "reader": { "extractor": extractor, "module": module, "version": version },
            "warnings": read.warnings,
            "signals": signals,
        }))?;
    } else {
        for warning in &read.warnings {
            tracing::warn!("{warning}");
        }
        if !global.quiet && !alone {
            // Standard error closed is no reason to keep the metadata back.
            let _ = writeln!(output::Stderr, "{}", who(&read.read_by));
        }
        for signal in &read.signals {
            output::line(metadata_json(signal));
        }
    }
    if let Some(path) = &args.preview_path {
        let png = draw(file, read)?;
        durable::write_atomic(path, &png).or_stop(ExitCode::Failed)?;
    }
    Ok(ExitCode::Done)
}

fn who(by: &ReadBy) -> String {
    let ReadBy { module, version, extractor } = by;
    match extractor {
        Some(name) => format!("read by extractor `{name}` ({module} {version})"),
        None => format!("read by {module} {version}"),
    }
}

/// The picture that the reader drew of the first signal, else the one that is drawn for its suffix.
fn draw(file: &FoundFile, read: &Read) -> Result<Vec<u8>, Stop> {
    if let Some(drawn) = read.signals.first().and_then(|signal| signal.preview.as_ref()) {
        return drawn_preview(drawn.as_path()).or_stop(ExitCode::Failed);
    }
    preview::preview_of(&file.path).or_stop(ExitCode::Failed)?.ok_or_else(|| {
        let suffix = file.path.extension().and_then(OsStr::to_str).unwrap_or_default();
        Stop::new(ExitCode::Failed, anyhow!("no preview is drawn for files with the suffix `{suffix}`"))
    })
}

fn find(path: &Path) -> Result<FoundFile, Stop> {
    let unreadable = |error| cannot_be_read(path, FileLost::Unreadable(error));
    let real = path.canonicalize().map_err(unreadable)?;
    let metadata = fs::metadata(&real).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(Stop::new(ExitCode::Failed, anyhow!("`{}` is no file", path.display())));
    }
    let modified = metadata.modified().map_err(unreadable)?;
    Ok(FoundFile { path: real, modified, size: metadata.len() })
}

fn cannot_be_read(path: &Path, lost: FileLost) -> Stop {
    let what = format!("`{}` cannot be read", path.display());
    let error = match lost {
        FileLost::Vanished => anyhow!("it is gone"),
        FileLost::Changed => anyhow!("it was changed meanwhile"),
        FileLost::Unreadable(error) => Error::new(error),
        FileLost::DiskFull(error) => anyhow!("{error}"),
    };
    Stop::new(ExitCode::Failed, error.context(what))
}
