//! An invented micrograph: particles on a noisy ground, 256 × 256, 16 bits grey.

use std::io::Cursor;

use anyhow::Context as _;
use tiff::encoder::{TiffEncoder, colortype::Gray16};
use tiff::tags::Tag;

use super::noise::{Noise, hill};

const SIDE: u32 = 256;

/// A TIFF file; the same bytes for the same name.
pub fn tiff(name: &str, title: &str, date_time: &str) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let context = || format!("failed to make the image `{name}`");
    let mut encoder = TiffEncoder::new(&mut bytes).with_context(context)?;
    let mut image = encoder.new_image::<Gray16>(SIDE, SIDE).with_context(context)?;
    // The format's text is ASCII.
    let title: String =
        title.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    image.encoder().write_tag(Tag::ImageDescription, title.as_str()).with_context(context)?;
    image.encoder().write_tag(Tag::Software, "nexus demo").with_context(context)?;
    image.encoder().write_tag(Tag::DateTime, date_time).with_context(context)?;
    image.write_data(&pixels(name)).with_context(context)?;
    Ok(bytes.into_inner())
}

fn pixels(name: &str) -> Vec<u16> {
    let mut noise = Noise::named(name);
    let mut grey: Vec<u32> = (0..SIDE * SIDE).map(|_| 9_000 + noise.around(900)).collect();
    for _ in 0..12 + noise.below(10) {
        let (x, y) = (noise.below(SIDE), noise.below(SIDE));
        let (radius, height) = (8 + noise.below(26), 8_000 + noise.below(30_000));
        for row in y.saturating_sub(radius)..(y + radius).min(SIDE) {
            for column in x.saturating_sub(radius)..(x + radius).min(SIDE) {
                let square = |a: u32, b: u32| u64::from(a.abs_diff(b)).pow(2);
                if let Some(pixel) = grey.get_mut((row * SIDE + column) as usize) {
                    *pixel += hill(square(row, y) + square(column, x), radius, height);
                }
            }
        }
    }
    grey.into_iter().map(|value| u16::try_from(value).unwrap_or(u16::MAX)).collect()
}
