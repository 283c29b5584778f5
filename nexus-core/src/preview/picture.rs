//! A picture made small.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use png::{BitDepth, ColorType};

use super::{EDGE, Refusal, encode, grey, within_limits};

/// Pixels of one byte (grey) or three (colour).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: usize,
    pub(super) pixels: Vec<u8>,
}

/// Draws the preview of a picture file.
pub(super) fn draw(file: impl Read + Seek, suffix: &str, largest: u64) -> Result<Vec<u8>, Refusal> {
    let (picture, orientation) = decode(BufReader::new(file), suffix, largest)?;
    let small = turned(shrink(picture), orientation);
    let (kind, pixels) = if small.channels == 3 {
        match without_colour(&small.pixels) {
            Some(grey) => (ColorType::Grayscale, grey),
            None => (ColorType::Rgb, small.pixels),
        }
    } else {
        (ColorType::Grayscale, small.pixels)
    };
    encode::png(small.width, small.height, kind, BitDepth::Eight, &pixels)
        .map_err(|error| Refusal::Undecodable(error.to_string()))
}

fn decode(
    mut file: BufReader<impl Read + Seek>,
    suffix: &str,
    largest: u64,
) -> Result<(Picture, Orientation), Refusal> {
    let undecodable = |error: &dyn std::fmt::Display| Refusal::Undecodable(error.to_string());
    let format = format_of(&mut file, suffix).map_err(|error| undecodable(&error))?;
    if format == ImageFormat::Tiff {
        if let Some(picture) = grey::decode(&mut file, largest)? {
            return Ok((picture, Orientation::NoTransforms));
        }
        file.seek(SeekFrom::Start(0)).map_err(|error| undecodable(&error))?;
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(2 * largest);
    let mut reader = ImageReader::with_format(file, format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let size = decoder.total_bytes();
    let picture = within_limits(size, largest, || {
        DynamicImage::from_decoder(decoder).map(eight_bits).map_err(|error| undecodable(&error))
    })?;
    Ok((picture, orientation))
}

/// What the first bytes say, since files have wrong names; else what the name says.
fn format_of(file: &mut (impl BufRead + Seek), suffix: &str) -> std::io::Result<ImageFormat> {
    let mut start = Vec::with_capacity(16);
    file.take(16).read_to_end(&mut start)?;
    file.seek(SeekFrom::Start(0))?;
    let named = match suffix {
        "png" => ImageFormat::Png,
        "tiff" => ImageFormat::Tiff,
        "bmp" => ImageFormat::Bmp,
        "gif" => ImageFormat::Gif,
        _ => ImageFormat::Jpeg,
    };
    Ok(image::guess_format(&start).unwrap_or(named))
}

/// One byte a channel, without transparency.
fn eight_bits(picture: DynamicImage) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    let (channels, pixels) = match picture {
        DynamicImage::ImageLuma8(grey) => (1, grey.into_raw()),
        DynamicImage::ImageLuma16(grey) => (1, grey::stretch_16(grey.as_raw())),
        DynamicImage::ImageRgb8(colour) => (3, colour.into_raw()),
        DynamicImage::ImageLumaA8(_) | DynamicImage::ImageLumaA16(_) => {
            (1, on_white::<2>(picture.into_luma_alpha8().as_raw()))
        }
        other if other.color().has_alpha() => (3, on_white::<4>(other.into_rgba8().as_raw())),
        other => (3, other.into_rgb8().into_raw()),
    };
    Picture { width, height, channels, pixels }
}

/// Pixels of `N` channels, the last of them the opacity, on a white ground.
fn on_white<const N: usize>(pixels: &[u8]) -> Vec<u8> {
    let mut opaque = Vec::with_capacity(pixels.len() / N * (N - 1));
    for pixel in pixels.chunks_exact(N) {
        let Some((&alpha, colours)) = pixel.split_last() else { continue };
        let alpha = u16::from(alpha);
        opaque.extend(colours.iter().map(|&colour| {
            let mixed = (u16::from(colour) * alpha + 255 * (255 - alpha) + 127) / 255;
            u8::try_from(mixed).unwrap_or(u8::MAX)
        }));
    }
    opaque
}

/// The picture with its longer edge at most [`EDGE`]: every pixel is the mean of those it stands for.
fn shrink(picture: Picture) -> Picture {
    let longer = picture.width.max(picture.height);
    if longer <= EDGE {
        return picture;
    }
    let edge = |edge: u32| {
        let scaled = (u64::from(edge) * u64::from(EDGE) + u64::from(longer) / 2) / u64::from(longer);
        u32::try_from(scaled).unwrap_or(EDGE).max(1)
    };
    let (width, height) = (edge(picture.width), edge(picture.height));
    let channels = picture.channels;
    let stride = picture.width as usize * channels;
    // Where the source pixels of one column or row begin and end.
    let span = |position: u32, small: u32, large: u32| {
        let at = |position: u32| {
            usize::try_from(u64::from(position) * u64::from(large) / u64::from(small)).unwrap_or_default()
        };
        at(position)..at(position + 1)
    };
    let columns: Vec<_> = (0..width).map(|x| span(x, width, picture.width)).collect();
    let mut pixels = Vec::with_capacity(width as usize * height as usize * channels);
    let mut sums = vec![0_u32; width as usize * channels];
    for y in 0..height {
        let rows = span(y, height, picture.height);
        sums.fill(0);
        let bytes = picture.pixels.get(rows.start * stride..rows.end * stride).unwrap_or_default();
        for row in bytes.chunks_exact(stride) {
            let mut rest = row;
            for (column, sum) in columns.iter().zip(sums.chunks_exact_mut(channels)) {
                let Some((cell, others)) = rest.split_at_checked(column.len() * channels) else { break };
                rest = others;
                for pixel in cell.chunks_exact(channels) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
        }
        for (column, sum) in columns.iter().zip(sums.chunks_exact(channels)) {
            let count = u32::try_from(column.len() * rows.len()).unwrap_or(u32::MAX).max(1);
            pixels.extend(sum.iter().map(|sum| u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX)));
        }
    }
    Picture { width, height, channels, pixels }
}

/// As the camera was held, where the file says it.
fn turned(picture: Picture, orientation: Orientation) -> Picture {
    if orientation == Orientation::NoTransforms {
        return picture;
    }
    let Picture { width, height, channels, pixels } = picture;
    let whole = if channels == 1 {
        image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    let mut whole = whole.unwrap_or_default();
    whole.apply_orientation(orientation);
    eight_bits(whole)
}

/// The greys of a colour picture that has no colour.
fn without_colour(pixels: &[u8]) -> Option<Vec<u8>> {
    pixels
        .chunks_exact(3)
        .map(|pixel| match pixel {
            [red, green, blue] if red == green && green == blue => Some(*red),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, pixels: Vec<u8>) -> Picture {
        Picture { width, height, channels: 1, pixels }
    }

    #[test]
    fn a_small_picture_is_left_as_it_is() {
        let picture = shrink(grey(500, 1, vec![7; 500]));
        assert_eq!(picture, grey(500, 1, vec![7; 500]));
    }

    #[test]
    fn every_pixel_is_the_mean_of_its_own() {
        let pixels = (0..1000).flat_map(|_| (0..1000).map(|x| if x % 2 == 0 { 10 } else { 21 })).collect();
        assert_eq!(shrink(grey(1000, 1000, pixels)), grey(500, 500, vec![16; 250_000]));
        let colour = Picture { width: 501, height: 1, channels: 3, pixels: [1, 2, 3].repeat(501) };
        assert_eq!(shrink(colour).pixels, [1, 2, 3].repeat(500));
    }

    #[test]
    fn proportions_are_kept_and_no_edge_vanishes() {
        for (given, expected) in [
            ((1000, 500), (500, 250)),
            ((501, 501), (500, 500)),
            ((3, 2000), (1, 500)),
            ((2000, 1), (500, 1)),
            ((1024, 943), (500, 460)),
        ] {
            let (width, height) = given;
            let small = shrink(grey(width, height, vec![9; (width * height) as usize]));
            assert_eq!((small.width, small.height), expected);
            assert_eq!(small.pixels, vec![9; (small.width * small.height) as usize]);
        }
    }

    #[test]
    fn what_is_transparent_is_white() {
        assert_eq!(on_white::<2>(&[0, 0, 0, 255, 100, 128]), [255, 0, 177]);
        assert_eq!(on_white::<4>(&[10, 20, 30, 0, 10, 20, 30, 255]), [255, 255, 255, 10, 20, 30]);
    }

    #[test]
    fn a_picture_is_turned_as_the_file_says() {
        let turned = turned(grey(2, 1, vec![1, 2]), Orientation::Rotate90);
        assert_eq!(turned, grey(1, 2, vec![1, 2]));
    }
}
