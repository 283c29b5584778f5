//! Units: their short symbols, their long names, and how those of one kind relate.
//!
//! Factors are exact powers of ten times whole numbers, so that comparing two quantities rounds nothing.
//! Units that relate by no such number (torr and pascal) are of different kinds here.

use super::equality::Scaled;

/// A unit without a prefix.
struct Base {
    symbol: &'static str,
    name: &'static str,
    /// Other ways to write it.
    others: &'static [&'static str],
    prefixes: bool,
    /// What is counted: units of one dimension are converted into each other.
    dimension: &'static str,
    factor: i128,
    exponent: i32,
}

const fn si(symbol: &'static str, name: &'static str, others: &'static [&'static str]) -> Base {
    Base { symbol, name, others, prefixes: true, dimension: name, factor: 1, exponent: 0 }
}

const fn plain(
    symbol: &'static str,
    name: &'static str,
    others: &'static [&'static str],
    dimension: &'static str,
    factor: i128,
    exponent: i32,
) -> Base {
    Base { symbol, name, others, prefixes: false, dimension, factor, exponent }
}

const BASES: &[Base] = &[
    si("m", "meter", &["metre"]),
    si("V", "volt", &[]),
    si("A", "ampere", &["amp"]),
    si("s", "second", &["sec"]),
    si("K", "kelvin", &[]),
    si("Pa", "pascal", &[]),
    si("torr", "torr", &["Torr"]),
    si("eV", "electron_volt", &["electronvolt"]),
    si("rad", "radian", &[]),
    si("Ω", "ohm", &["\u{2126}"]),
    si("Hz", "hertz", &[]),
    si("W", "watt", &[]),
    si("J", "joule", &[]),
    si("C", "coulomb", &[]),
    si("T", "tesla", &[]),
    si("N", "newton", &[]),
    si("F", "farad", &[]),
    si("S", "siemens", &[]),
    si("H", "henry", &[]),
    si("g", "gram", &["gramme"]),
    si("mol", "mole", &[]),
    si("cd", "candela", &[]),
    si("sr", "steradian", &[]),
    Base { dimension: "pascal", exponent: 5, ..si("bar", "bar", &[]) },
    Base { dimension: "liter", ..si("l", "liter", &["litre", "L"]) },
    plain("Å", "angstrom", &["ångström", "\u{212B}", "A\u{30A}"], "meter", 1, -10),
    plain("°C", "degree_Celsius", &["degC", "celsius", "\u{2103}"], "celsius", 1, 0),
    plain("deg", "degree", &["°", "arcdegree"], "degree", 1, 0),
    plain("%", "percent", &[], "", 1, -2),
    plain("pixel", "pixel", &["px"], "pixel", 1, 0),
    plain("count", "count", &[], "", 1, 0),
    plain("min", "minute", &[], "second", 60, 0),
    plain("h", "hour", &["hr"], "second", 3600, 0),
    plain("d", "day", &[], "second", 86_400, 0),
    plain("e", "elementary_charge", &[], "elementary_charge", 1, 0),
    plain("dB", "decibel", &[], "decibel", 1, 0),
    plain("B", "byte", &[], "byte", 1, 0),
];

/// Symbol, name, power of ten.
const PREFIXES: &[(&str, &str, i32)] = &[
    ("a", "atto", -18),
    ("f", "femto", -15),
    ("p", "pico", -12),
    ("n", "nano", -9),
    ("\u{3BC}", "micro", -6),
    ("\u{B5}", "micro", -6),
    ("u", "micro", -6),
    ("m", "milli", -3),
    ("c", "centi", -2),
    ("d", "deci", -1),
    ("h", "hecto", 2),
    ("k", "kilo", 3),
    ("M", "mega", 6),
    ("G", "giga", 9),
    ("T", "tera", 12),
];

/// One factor of a unit: symbol, name, what it is in its dimension.
#[derive(Clone, Copy)]
struct Simple {
    prefix: Option<&'static (&'static str, &'static str, i32)>,
    base: &'static Base,
}

impl Simple {
    fn find(word: &str) -> Option<Self> {
        let written = |base: &&'static Base, word: &str| {
            base.symbol == word || base.name == word || base.others.contains(&word)
        };
        // A name may be in the plural, a symbol may not: `ms` are milliseconds.
        let singular = (word.len() > 3).then(|| word.strip_suffix('s')).flatten();
        let named = |base: &&'static Base, word: &str| base.name == word || base.others.contains(&word);
        if let Some(base) = BASES.iter().find(|base| written(base, word)) {
            return Some(Self { prefix: None, base });
        }
        for prefix in PREFIXES {
            let prefixed = |base: &&'static Base| {
                base.prefixes
                    && (word.strip_prefix(prefix.0).is_some_and(|rest| rest == base.symbol)
                        || word.strip_prefix(prefix.1).is_some_and(|rest| named(base, rest)))
            };
            if let Some(base) = BASES.iter().find(prefixed) {
                return Some(Self { prefix: Some(prefix), base });
            }
        }
        match word {
            "micron" | "microns" => Self::find("micrometer"),
            _ => singular.filter(|name| name.len() > 2 && !name.ends_with('s')).and_then(|name| {
                let found = Self::find(name)?;
                // Only a long name has a plural.
                (found.name() == name || found.base.others.iter().any(|other| name.ends_with(other)))
                    .then_some(found)
            }),
        }
    }

    fn symbol(&self) -> String {
        match self.prefix {
            // The Greek letter, whichever was given.
            Some((_, "micro", _)) => format!("\u{3BC}{}", self.base.symbol),
            Some((symbol, _, _)) => format!("{symbol}{}", self.base.symbol),
            None => self.base.symbol.to_owned(),
        }
    }

    fn name(&self) -> String {
        match self.prefix {
            Some((_, name, _)) => format!("{name}{}", self.base.name),
            None => self.base.name.to_owned(),
        }
    }

    fn exponent(&self) -> i32 {
        self.base.exponent + self.prefix.map_or(0, |(_, _, power)| *power)
    }
}

/// A unit: its factors, each with its power.
pub(super) struct Unit(Vec<(Simple, i32)>);

/// Reads a unit; `None` if a part of it is not known.
pub(super) fn parse(text: &str) -> Option<Unit> {
    if matches!(text.trim(), "" | "dimensionless") {
        return Some(Unit(Vec::new()));
    }
    let spaced = text.replace("**", "^").replace('²', "^2").replace('³', "^3").replace('·', "*");
    let mut factors = Vec::new();
    let mut sign = 1;
    // Every division sign concerns the one factor behind it.
    for (position, part) in spaced.split_inclusive(['/', '*']).enumerate() {
        let (word, next) = match part.strip_suffix('/') {
            Some(word) => (word, -1),
            None => (part.strip_suffix('*').unwrap_or(part), 1),
        };
        let word = word.trim();
        if !(position == 0 && word == "1") {
            let (word, power) = match word.split_once('^') {
                Some((word, power)) => (word.trim(), power.trim().parse::<i32>().ok()?),
                None => (word, 1),
            };
            if !(1..=9).contains(&power.abs()) {
                return None;
            }
            factors.push((Simple::find(word)?, sign * power));
        }
        sign = next;
    }
    Some(Unit(factors))
}

/// The short symbol of a unit that is given by symbol or by name: `kilovolt` is `kV`, `1/nm` is `1 / nm`, and
/// micro is the Greek letter (U+03BC). What is not known stays as it is, but for the letter.
pub fn short_symbol(unit: &str) -> String {
    parse(unit).map_or_else(|| unit.replace('\u{B5}', "\u{3BC}"), |unit| unit.written(Simple::symbol))
}

/// The long name of a unit that is given by symbol or by name; what is not known stays as it is. Without any
/// unit it is `dimensionless`.
///
/// ```
/// use nexus_core::metadata::long_name;
/// assert_eq!(long_name("kV"), "kilovolt");
/// assert_eq!(long_name("eV/count"), "electron_volt / count");
/// assert_eq!(long_name("furlong"), "furlong");
/// ```
pub fn long_name(unit: &str) -> String {
    match parse(unit) {
        Some(unit) if unit.0.is_empty() => "dimensionless".to_owned(),
        Some(unit) => unit.written(Simple::name),
        None => unit.to_owned(),
    }
}

impl Unit {
    fn written(&self, word: impl Fn(&Simple) -> String) -> String {
        let mut text = String::new();
        if self.0.iter().all(|(_, power)| *power < 0) && !self.0.is_empty() {
            text.push('1');
        }
        let above = self.0.iter().filter(|(_, power)| *power > 0);
        let below = self.0.iter().filter(|(_, power)| *power < 0);
        for (simple, power) in above.chain(below) {
            if !text.is_empty() {
                text.push_str(if *power > 0 { " * " } else { " / " });
            }
            text.push_str(&word(simple));
            if power.abs() > 1 {
                text.push_str(" ** ");
                text.push_str(&power.abs().to_string());
            }
        }
        text
    }

    /// Whether `value` of this unit is `other` of the other one.
    pub fn same(&self, value: &Scaled, other_unit: &Self, other: &Scaled) -> bool {
        if let (Some(a), Some(b)) = (self.kelvin(value), other_unit.kelvin(other)) {
            return a.equals(b);
        }
        if self.dimensions() != other_unit.dimensions() {
            return false;
        }
        // Compared crosswise, so that nothing is divided.
        let (Some((above_a, below_a, ten_a)), Some((above_b, below_b, ten_b))) =
            (self.factor(), other_unit.factor())
        else {
            return false;
        };
        let crosswise = |value: &Scaled, factor: i128, other: i128, ten: i32| {
            factor.checked_mul(other).and_then(|factor| value.times(factor, ten))
        };
        crosswise(value, above_a, below_b, ten_a)
            .zip(crosswise(other, above_b, below_a, ten_b))
            .is_some_and(|(a, b)| a.equals(b))
    }

    /// A temperature, in kelvin. Degrees Celsius begin elsewhere.
    fn kelvin(&self, value: &Scaled) -> Option<Scaled> {
        match self.0.as_slice() {
            [(simple, 1)] if simple.base.dimension == "kelvin" => value.times(1, simple.exponent()),
            [(simple, 1)] if simple.base.dimension == "celsius" => {
                value.plus(Scaled { mantissa: 27_315, exponent: -2 })
            }
            _ => None,
        }
    }

    /// Dimensions and their powers, in one order; those that cancel are left out.
    fn dimensions(&self) -> Vec<(&'static str, i32)> {
        let mut found: Vec<(&'static str, i32)> = Vec::new();
        for (simple, power) in &self.0 {
            match found.iter_mut().find(|(dimension, _)| *dimension == simple.base.dimension) {
                Some(entry) => entry.1 += power,
                None => found.push((simple.base.dimension, *power)),
            }
        }
        found.retain(|(dimension, power)| !dimension.is_empty() && *power != 0);
        found.sort_unstable();
        found
    }

    /// Whole numbers above and below the line, and a power of ten.
    fn factor(&self) -> Option<(i128, i128, i32)> {
        let (mut above, mut below, mut ten) = (1i128, 1i128, 0i32);
        for (simple, power) in &self.0 {
            let factor = simple.base.factor.checked_pow(power.unsigned_abs())?;
            let side = if *power > 0 { &mut above } else { &mut below };
            *side = side.checked_mul(factor)?;
            ten = ten.checked_add(simple.exponent().checked_mul(*power)?)?;
        }
        Some((above, below, ten))
    }
}
