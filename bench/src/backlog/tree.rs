//! The files of a backlog on disk.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use image::{ExtendedColorType, ImageEncoder as _};

use super::random::Random;
use super::{Backlog, Content, INSTRUMENTS};

/// Width and height of a picture.
const SIDE: u8 = 64;

/// Writes all files of a backlog below `root`, each with its time.
pub fn write(backlog: &Backlog, root: &Path, seed: u64) -> Result<()> {
    for instrument in &INSTRUMENTS {
        let folder = root.join(instrument.folder);
        make_folder(&folder)?;
        // A folder without any file is taken for storage that is not there.
        save(&folder.join("first light.txt"), b"installed\n", DateTime::UNIX_EPOCH)?;
    }
    // Another sequence than the plan's.
    let mut random = Random::new(!seed);
    for session in &backlog.sessions {
        if let Some(folder) = session.files.first().and_then(|file| file.path.parent()) {
            make_folder(&root.join(folder))?;
        }
        for file in &session.files {
            let path = root.join(&file.path);
            let bytes = match file.content {
                Content::Text => text(&mut random),
                Content::Picture => picture(&mut random)?,
            };
            save(&path, &bytes, file.modified)?;
        }
    }
    Ok(())
}

fn save(path: &Path, bytes: &[u8], modified: DateTime<Utc>) -> Result<()> {
    File::create_new(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.set_modified(modified.into())
        })
        .with_context(|| format!("failed to write {}", path.display()))
}

fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("failed to make the folder {}", path.display()))
}

fn text(random: &mut Random) -> Vec<u8> {
    let mut text = String::new();
    for name in ["magnification", "voltage", "working distance", "spot size", "stage x", "stage y", "dwell"] {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "{name} = {}", random.below(100_000));
    }
    text.into_bytes()
}

/// A slope with noise, as PNG.
fn picture(random: &mut Random) -> Result<Vec<u8>> {
    let mut pixels = Vec::with_capacity(usize::from(SIDE) * usize::from(SIDE));
    for y in 0..SIDE {
        for x in 0..SIDE {
            pixels.push(x.wrapping_mul(2).wrapping_add(y).wrapping_add((random.next() % 32) as u8));
        }
    }
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&pixels, u32::from(SIDE), u32::from(SIDE), ExtendedColorType::L8)
        .context("failed to make a picture")?;
    Ok(bytes)
}
