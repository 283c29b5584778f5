//! Pixels to PNG, quickly.

use std::io::{Error, Result};

use png::{BitDepth, ColorType, Compression, Encoder};

/// Writes a PNG file of rows that are packed as the colour type and the depth demand.
pub(super) fn png(
    width: u32,
    height: u32,
    kind: ColorType,
    depth: BitDepth,
    pixels: &[u8],
) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(pixels.len() / 2 + 1024);
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(kind);
    encoder.set_depth(depth);
    // Half as large would cost ten times the time, in thousands of files.
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(Error::other)?;
    writer.write_image_data(pixels).map_err(Error::other)?;
    writer.finish().map_err(Error::other)?;
    Ok(bytes)
}
