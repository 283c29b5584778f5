//! The files of the invented sessions: where, when and what.

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::{DateTime, FixedOffset, TimeDelta};

use super::calendar::{Series, USES, Use};
use super::instruments::folder_of;
use super::{micrograph, spectrum};

/// One file to be made.
pub struct DemoFile {
    /// Below the folder of all instruments.
    pub path: PathBuf,
    /// When it was saved.
    pub saved: DateTime<FixedOffset>,
    name: String,
    used: &'static Use,
    suffix: &'static str,
}

impl DemoFile {
    /// What it holds.
    pub fn bytes(&self) -> anyhow::Result<Vec<u8>> {
        match self.suffix {
            "msa" => {
                Ok(spectrum::msa(&self.name, self.used.title, self.used.user.1, self.saved).into_bytes())
            }
            _ => micrograph::tiff(
                &self.name,
                self.used.title,
                &self.saved.format("%Y:%m:%d %H:%M:%S").to_string(),
            ),
        }
    }
}

/// All files of all sessions.
pub fn files() -> anyhow::Result<Vec<DemoFile>> {
    let mut files = Vec::new();
    for used in &USES {
        let Some(folder) = folder_of(used.tool) else { continue };
        let start = DateTime::parse_from_rfc3339(used.start)
            .with_context(|| format!("`{}` in the demo's calendar", used.start))?;
        let day = start.format("%Y-%m-%d").to_string();
        for series in used.series {
            for number in 0..series.count {
                let name = file_name(series, number);
                let saved = start + TimeDelta::minutes(i64::from(series.first + number * series.step));
                let path = PathBuf::from(&folder).join(used.user.0).join(&day).join(&name);
                files.push(DemoFile { path, saved, name, used, suffix: series.suffix });
            }
        }
    }
    Ok(files)
}

fn file_name(series: &Series, number: u32) -> String {
    if series.count == 1 {
        return format!("{}.{}", series.name, series.suffix);
    }
    format!("{}{:02}.{}", series.name, number + 1, series.suffix)
}
