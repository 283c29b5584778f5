//! When two values are the same: as Python sees it, and quantities after their units are made one.

use std::cmp::Ordering;

use nexus_plugin_api::MetaValue;

use super::units;
use super::values::float_text;

/// Whether two values are equal: numbers by their exact value whatever their kind, never `nan`; lists by
/// their elements; quantities in one unit.
#[allow(clippy::float_cmp, reason = "equal means the very same double")]
pub(super) fn equal(a: &MetaValue, b: &MetaValue) -> bool {
    use MetaValue::{Boolean, Decimal, Float, Integer, List, Null, Quantity, Text};
    match (a, b) {
        (Text(a), Text(b)) => a == b,
        (Null, Null) => true,
        (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Quantity(a, unit_a), Quantity(b, unit_b)) => equal_quantities(a, unit_a, b, unit_b),
        (Float(a), Float(b)) => a == b,
        (Integer(a), Integer(b)) => a == b,
        (
            Integer(_) | Float(_) | Boolean(_) | Decimal(_),
            Integer(_) | Float(_) | Boolean(_) | Decimal(_),
        ) => match (Exact::of(a), Exact::of(b)) {
            (Some(a), Some(b)) => a == b,
            // What is no number is a text.
            (None, None) => a == b,
            _ => false,
        },
        _ => false,
    }
}

fn equal_quantities(a: &MetaValue, unit_a: &str, b: &MetaValue, unit_b: &str) -> bool {
    if unit_a == unit_b {
        return equal(a, b);
    }
    let (Some(unit_a), Some(unit_b)) = (units::parse(unit_a), units::parse(unit_b)) else { return false };
    let (Some(a), Some(b)) = (written(a), written(b)) else { return false };
    unit_a.same(&a, &unit_b, &b)
}

/// Whether two decimal texts are the same number.
pub(super) fn same_number(a: &str, b: &str) -> bool {
    Exact::read(a).zip(Exact::read(b)).is_some_and(|(a, b)| a == b)
}

/// A magnitude as it is written: 0.1 is a tenth, so that 0.1 kV are 100 V.
fn written(value: &MetaValue) -> Option<Scaled> {
    match value {
        MetaValue::Integer(number) => Some(Scaled { mantissa: i128::from(*number), exponent: 0 }),
        MetaValue::Float(number) if number.is_finite() => Scaled::read(&float_text(*number)),
        MetaValue::Decimal(digits) => Scaled::read(digits),
        _ => None,
    }
}

/// `mantissa` × 10 ^ `exponent`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scaled {
    pub mantissa: i128,
    pub exponent: i32,
}

impl Scaled {
    fn read(text: &str) -> Option<Self> {
        let Exact::Finite { negative, digits, exponent } = Exact::read(text)? else { return None };
        let mantissa: i128 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
        Some(Self {
            mantissa: if negative { -mantissa } else { mantissa },
            exponent: i32::try_from(exponent).ok()?,
        })
    }

    pub fn times(self, factor: i128, exponent: i32) -> Option<Self> {
        Some(Self {
            mantissa: self.mantissa.checked_mul(factor)?,
            exponent: self.exponent.checked_add(exponent)?,
        })
    }

    pub fn plus(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let mantissa = self.at(exponent)?.checked_add(other.at(exponent)?)?;
        Some(Self { mantissa, exponent })
    }

    pub fn equals(self, other: Self) -> bool {
        if self.mantissa == 0 || other.mantissa == 0 {
            return self.mantissa == other.mantissa;
        }
        let exponent = self.exponent.min(other.exponent);
        match (self.at(exponent), other.at(exponent)) {
            (Some(a), Some(b)) => a == b,
            // One is too large to be written with the other's digits: they are not the same.
            _ => false,
        }
    }

    fn at(self, exponent: i32) -> Option<i128> {
        let steps = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        self.mantissa.checked_mul(10i128.checked_pow(steps)?)
    }
}

/// The exact value of a number, for comparing kinds with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exact {
    /// Digits without zeros at either end; the last one stands for 10 ^ `exponent`. Zero has no digits.
    Finite {
        negative: bool,
        digits: String,
        exponent: i64,
    },
    Infinite {
        negative: bool,
    },
    /// Equal to nothing, itself included.
    Nan(Never),
}

#[derive(Debug, Clone, Copy)]
struct Never;

impl PartialEq for Never {
    fn eq(&self, _other: &Self) -> bool {
        false
    }
}

impl Eq for Never {}

impl Exact {
    fn of(value: &MetaValue) -> Option<Self> {
        match value {
            MetaValue::Integer(number) => Self::read(&number.to_string()),
            MetaValue::Boolean(truth) => Self::read(if *truth { "1" } else { "0" }),
            MetaValue::Decimal(digits) => Self::read(digits),
            // The expansion of a double ends after 1074 digits at the latest.
            MetaValue::Float(number) => Self::read(&format!("{number:.1074}")),
            _ => None,
        }
    }

    /// Reads a decimal number, such as `-1.20`, `1E+5`, `NaN`, `Infinity`.
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match rest.to_ascii_lowercase().as_str() {
            "inf" | "infinity" => return Some(Self::Infinite { negative }),
            "nan" | "snan" => return Some(Self::Nan(Never)),
            _ => {}
        }
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits = format!("{whole}{fraction}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut exponent = exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?;
        let kept = digits.trim_end_matches('0').len();
        exponent = exponent.checked_add(i64::try_from(digits.len() - kept).ok()?)?;
        digits.truncate(kept);
        let digits = digits.trim_start_matches('0').to_owned();
        Some(match digits.len().cmp(&0) {
            Ordering::Greater => Self::Finite { negative, digits, exponent },
            _ => Self::Finite { negative: false, digits, exponent: 0 },
        })
    }
}
