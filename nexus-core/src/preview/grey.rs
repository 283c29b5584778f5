//! Greys of more than eight bits, as detectors give them: most of their range is empty, so they are stretched.

use std::io::{BufRead, Seek};

use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};

use super::picture::Picture;
use super::{Refusal, within_limits};

/// So many pixels, evenly spread, decide how a picture is stretched.
const SAMPLE: usize = 1 << 18;

/// Per cent of the pixels that become black, and as many white.
const CUT: usize = 2;

/// The first page of a TIFF file if it is grey with 16 bits or more, whole numbers or not; `None` for others.
pub(super) fn decode(file: &mut (impl BufRead + Seek), largest: u64) -> Result<Option<Picture>, Refusal> {
    let undecodable = |error: tiff::TiffError| Refusal::Undecodable(error.to_string());
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(largest).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let mut decoder = Decoder::new(file).map_err(undecodable)?.with_limits(limits);
    let ColorType::Gray(bits @ 16..) = decoder.colortype().map_err(undecodable)? else { return Ok(None) };
    let (width, height) = decoder.dimensions().map_err(undecodable)?;
    let size = u64::from(width).saturating_mul(u64::from(height)).saturating_mul(u64::from(bits / 8));
    let pixels = within_limits(size, largest, || Ok(to_bytes(&decoder.read_image().map_err(undecodable)?)))?;
    let expected = usize::try_from(u64::from(width).saturating_mul(u64::from(height))).unwrap_or(usize::MAX);
    if pixels.len() != expected {
        return Err(Refusal::Undecodable("it has fewer or more pixels than it says".to_owned()));
    }
    Ok(Some(Picture { width, height, channels: 1, pixels }))
}

#[allow(clippy::cast_precision_loss, reason = "eight bits of the number are kept")]
fn to_bytes(decoded: &DecodingResult) -> Vec<u8> {
    match decoded {
        DecodingResult::U8(values) => values.clone(),
        DecodingResult::U16(values) => stretch_16(values),
        DecodingResult::U32(values) => stretch(values, |value| f64::from(*value)),
        DecodingResult::U64(values) => stretch(values, |value| *value as f64),
        DecodingResult::I8(values) => stretch(values, |value| f64::from(*value)),
        DecodingResult::I16(values) => stretch(values, |value| f64::from(*value)),
        DecodingResult::I32(values) => stretch(values, |value| f64::from(*value)),
        DecodingResult::I64(values) => stretch(values, |value| *value as f64),
        DecodingResult::F16(values) => stretch(values, |value| value.to_f64()),
        DecodingResult::F32(values) => stretch(values, |value| f64::from(*value)),
        DecodingResult::F64(values) => stretch(values, |value| *value),
    }
}

/// The same for 16 bits, by a table: most pictures of detectors are these.
pub(super) fn stretch_16(values: &[u16]) -> Vec<u8> {
    let (low, high) = bounds(values, |value| f64::from(*value));
    let table: Vec<u8> = (0..=u16::MAX).map(|value| level(f64::from(value), low, high)).collect();
    values.iter().map(|value| table.get(usize::from(*value)).copied().unwrap_or_default()).collect()
}

fn stretch<T>(values: &[T], number: impl Fn(&T) -> f64) -> Vec<u8> {
    let (low, high) = bounds(values, &number);
    values.iter().map(|value| level(number(value), low, high)).collect()
}

/// The values below and above which all is black or white.
fn bounds<T>(values: &[T], number: impl Fn(&T) -> f64) -> (f64, f64) {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let mut sample: Vec<f64> =
        values.iter().step_by(step).map(number).filter(|number| number.is_finite()).collect();
    let Some(last) = sample.len().checked_sub(1) else { return (0.0, 0.0) };
    let cut = last * CUT / 100;
    let low = *sample.select_nth_unstable_by(cut, f64::total_cmp).1;
    let high = *sample.select_nth_unstable_by(last - cut, f64::total_cmp).1;
    (low, high)
}

/// One of 256 greys. A picture of one value is black, and so is what is no number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=255 before")]
fn level(value: f64, low: f64, high: f64) -> u8 {
    // Halved, since the range of doubles is itself no double.
    let range = high / 2.0 - low / 2.0;
    if range <= 0.0 || value.is_nan() {
        return 0;
    }
    ((value / 2.0 - low / 2.0) / range * 255.0).clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_values_fills_the_range() {
        let values: Vec<u16> = (1000..1101).collect();
        let bytes = stretch_16(&values);
        assert_eq!(bytes[..4], [0, 0, 0, 2]);
        assert_eq!(bytes[97..], [252, 255, 255, 255]);
        assert_eq!(bytes, stretch(&values, |value| f64::from(*value)));
    }

    #[test]
    fn one_value_is_black() {
        assert_eq!(stretch_16(&[500; 9]), [0; 9]);
        assert!(stretch_16(&[]).is_empty());
    }

    #[test]
    fn what_is_no_number_does_no_harm() {
        let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, 0.0];
        assert_eq!(stretch(&values, |value| *value), [0, 255, 0, 255, 0, 127]);
        assert_eq!(stretch(&[f64::NAN], |value| *value), [0]);
    }
}
