//! Files of every kind, whole and damaged, from end to end.

use std::io::{Cursor, Write as _};

use image::{DynamicImage, GrayImage, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use proptest::prelude::*;

use super::*;

/// Damage can make a picture seem huge; slow builds of the decoders would then take minutes.
const LARGEST: u64 = 4 * 1024 * 1024;

fn drawn(name: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, PreviewError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, bytes).unwrap();
    within(&file, LARGEST)
}

fn opened(name: &str, bytes: &[u8]) -> DynamicImage {
    let png = drawn(name, bytes).unwrap().unwrap();
    image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn scene(width: u32, height: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| Rgb([x, y, x + y].map(|part| u8::try_from(part % 256).unwrap()));
    RgbImage::from_fn(width, height, pixel).into()
}

const FORMATS: [(&str, ImageFormat); 6] = [
    ("a.png", ImageFormat::Png),
    ("a.tiff", ImageFormat::Tiff),
    ("a.bmp", ImageFormat::Bmp),
    ("a.gif", ImageFormat::Gif),
    ("a.jpg", ImageFormat::Jpeg),
    ("a.jpeg", ImageFormat::Jpeg),
];

#[test]
fn only_the_suffixes_of_the_format_get_one() {
    let picture = encoded(&scene(3, 3), ImageFormat::Png);
    for name in ["LOG.TXT", "a.tif", "a.PNG", "a.Jpg", "png", ".txt", "a.dm3", "a.txt.bak", "a."] {
        assert!(!is_drawn_for(Path::new(name)), "{name}");
        assert_eq!(drawn(name, &picture).unwrap(), None, "{name}");
    }
    for (name, _) in FORMATS {
        assert!(is_drawn_for(Path::new(name)), "{name}");
    }
    assert!(drawn("a.txt", b"x").unwrap().is_some());
}

#[test]
fn every_format_is_read_made_small_and_always_alike() {
    for (name, format) in FORMATS {
        let bytes = encoded(&scene(600, 360), format);
        let small = opened(name, &bytes);
        assert_eq!((small.width(), small.height()), (500, 300), "{name}");
        let middle = small.to_rgb8()[(50, 25)].0;
        for (seen, expected) in middle.into_iter().zip([60_u8, 30, 91]) {
            assert!(seen.abs_diff(expected) < 20, "{name}: {middle:?}");
        }
        let tiny = encoded(&scene(9, 9), format);
        assert_eq!(drawn(name, &tiny).unwrap(), drawn(name, &tiny).unwrap(), "{name}");
    }
}

#[test]
fn small_pictures_stay_small_and_greys_stay_grey() {
    let small = opened("a.png", &encoded(&scene(7, 5), ImageFormat::Png));
    assert_eq!(small, scene(7, 5));
    let grey: DynamicImage = GrayImage::from_fn(9, 9, |x, _| [u8::try_from(x).unwrap()].into()).into();
    assert_eq!(opened("a.png", &encoded(&grey.to_rgb8().into(), ImageFormat::Png)), grey);
}

#[test]
fn the_transparent_part_of_a_picture_is_white() {
    let picture: DynamicImage =
        RgbaImage::from_fn(2, 1, |x, _| Rgba([9, 8, 7, if x == 0 { 0 } else { 255 }])).into();
    for (name, format) in [("a.png", ImageFormat::Png), ("a.gif", ImageFormat::Gif)] {
        let seen = opened(name, &encoded(&picture, format)).to_rgb8();
        assert_eq!((seen[(0, 0)].0, seen[(1, 0)].0), ([255; 3], [9, 8, 7]), "{name}");
    }
}

#[test]
fn greys_of_detectors_are_stretched() {
    let expected = |x: usize| u8::try_from(x * 255 / 99).unwrap();
    let counts: Vec<u16> = (0..100).flat_map(|_| 1000_u16..1100).collect();
    let numbers: Vec<f32> = counts.iter().map(|count| f32::from(*count) * 1e-6).collect();
    let mut whole = Cursor::new(Vec::new());
    let mut floating = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut whole).unwrap();
    encoder.write_image::<tiff::encoder::colortype::Gray16>(100, 100, &counts).unwrap();
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut floating).unwrap();
    encoder.write_image::<tiff::encoder::colortype::Gray32Float>(100, 100, &numbers).unwrap();
    let picture = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(100, 100, counts).unwrap();
    let png = encoded(&picture.into(), ImageFormat::Png);
    for (name, bytes) in [("a.tiff", whole.into_inner()), ("a.tiff", floating.into_inner()), ("a.png", png)] {
        let seen = opened(name, &bytes);
        let seen = seen.as_luma8().unwrap();
        assert_eq!((seen[(0, 50)].0, seen[(99, 50)].0), ([0], [255]));
        assert!(seen[(50, 50)].0[0].abs_diff(expected(50)) < 5);
    }
}

#[test]
fn a_wrong_suffix_does_not_hide_a_picture() {
    let picture = encoded(&scene(4, 4), ImageFormat::Png);
    assert_eq!(opened("a.jpg", &picture), scene(4, 4));
}

#[test]
fn a_text_is_a_page_with_ink_on_it() {
    let dark = |name: &str, bytes: &[u8]| {
        let page = opened(name, bytes);
        assert_eq!((page.width(), page.height()), (500, 500));
        page.to_luma8().pixels().filter(|pixel| pixel.0[0] == 0).count()
    };
    assert_eq!(dark("a.txt", b""), 0);
    assert_eq!(dark("a.txt", b" \n\t\r\n"), 0);
    let little = dark("a.txt", b"Accelerating voltage\t200 kV\r\n");
    assert!(little > 100);
    assert!(dark("a.txt", "漢字\u{1}\u{1b}[31m".as_bytes()) > 100);
    assert!(dark("a.txt", &b"x;".repeat(1_000_000)) > 10 * little);
}

#[test]
fn what_is_no_picture_is_named_with_the_reason() {
    for (name, bytes) in [("a.png", b"".as_slice()), ("a.tiff", b"II*\0"), ("a.jpg", b"not a picture")] {
        let error = drawn(name, bytes).unwrap_err();
        assert!(matches!(error, PreviewError::Undecodable { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("folder.png");
    fs::create_dir(&inside).unwrap();
    assert!(matches!(preview_of(&inside), Err(PreviewError::NoFile { .. })));
    assert!(matches!(preview_of(&folder.path().join("gone.txt")), Err(PreviewError::Read { .. })));
}

#[test]
fn what_is_too_large_is_not_decoded() {
    // A header that promises 100,000 × 100,000 pixels.
    let mut png = Vec::new();
    png::Encoder::new(&mut png, 100_000, 100_000).write_header().unwrap();
    let error = drawn("a.png", &png).unwrap_err();
    assert!(
        matches!(error, PreviewError::TooLarge { size: 10_000_000_000, .. })
            || matches!(error, PreviewError::Undecodable { .. }),
        "{error:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.jpg");
    File::create(&file).unwrap().set_len(LARGEST_FILE + 1).unwrap();
    assert!(matches!(preview_of(&file), Err(PreviewError::TooLarge { of: "in it", .. })));
}

#[test]
fn truncated_pictures_do_no_harm() {
    for (name, format) in FORMATS {
        let whole = encoded(&scene(40, 30), format);
        for length in (0..whole.len()).step_by(whole.len().div_ceil(25)) {
            if let Ok(Some(png)) = drawn(name, &whole[..length]) {
                image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn damaged_pictures_do_no_harm(
        format in 0..FORMATS.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (name, format) = FORMATS[format];
        let mut bytes = encoded(&scene(20, 10), format);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(Some(png)) = drawn(name, &bytes) {
            let small = image::load_from_memory_with_format(&png, ImageFormat::Png).unwrap();
            prop_assert!(small.width() <= EDGE && small.height() <= EDGE);
        }
    }

    #[test]
    fn any_bytes_are_a_page_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        for (name, format) in FORMATS {
            let mut file = encoded(&scene(1, 1), format);
            file.truncate(8);
            file.write_all(&bytes).unwrap();
            let _ = drawn(name, &file);
        }
        prop_assert!(drawn("a.txt", &bytes).unwrap().is_some());
    }
}
