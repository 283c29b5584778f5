//! `nexus extract`: what is read out of one file, without a facility.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use nexus_core::clock::SystemClock;
use nexus_core::durable;
use nexus_core::extract::{self, FileLost, Read, Readers};
use nexus_core::preview;
use nexus_core::side_file::metadata_json;
use nexus_core::walk::FoundFile;
use nexus_core::zone;

use crate::exit_code::{ExitCode, OrStop as _, Stop};
use crate::output;

/// Arguments of `nexus extract`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  nexus extract grain.dm3                                what is read out of a file, as JSON
  nexus extract grain.tif --preview-path grain.png       the same, and its preview
  nexus extract grain.dm3 --zone America/Denver          times as an instrument in Denver has them

The JSON is that of the files beside a record. A file of several signals gives several, one after the other. No \
configuration is read, and nothing but the preview is written.

Exit code: 0 done, 1 the file cannot be read, or no preview can be drawn of it, 2 the command line is wrong.")]
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
}

/// Runs `nexus extract`.
pub fn run(args: &ExtractArgs) -> Result<ExitCode, Stop> {
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
    let readers = Readers::new(&scratch);
    let read = extract::read(&file, zone, &readers, &SystemClock, env!("CARGO_PKG_VERSION"));
    let told =
        read.map_err(|lost| cannot_be_read(&args.file, lost)).and_then(|read| tell(args, &file, &read));
    // It is only there if a reader drew something.
    let _ = fs::remove_dir_all(scratch);
    told
}

fn tell(args: &ExtractArgs, file: &FoundFile, read: &Read) -> Result<ExitCode, Stop> {
    for warning in &read.warnings {
        tracing::warn!("{warning}");
    }
    for signal in &read.signals {
        output::line(metadata_json(signal));
    }
    if let Some(path) = &args.preview_path {
        let png = draw(file, read)?;
        durable::write_atomic(path, &png).or_stop(ExitCode::Failed)?;
    }
    Ok(ExitCode::Done)
}

/// The picture that the reader drew of the first signal, else the one that is drawn for its suffix.
fn draw(file: &FoundFile, read: &Read) -> Result<Vec<u8>, Stop> {
    if let Some(drawn) = read.signals.first().and_then(|signal| signal.preview.as_ref()) {
        let path = drawn.as_path();
        return fs::read(path)
            .map_err(|error| {
                anyhow::Error::new(error).context(format!("failed to read `{}`", path.display()))
            })
            .or_stop(ExitCode::Failed);
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
        FileLost::Unreadable(error) => anyhow::Error::new(error),
        FileLost::DiskFull(error) => anyhow!("{error}"),
    };
    Stop::new(ExitCode::Failed, error.context(what))
}
