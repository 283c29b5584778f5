//! Long names of units: `kV` is a kilovolt.

/// Units that take no prefix, or whose symbol would be read as one with a prefix (`min` is no milli-inch).
const WHOLE: &[(&str, &str)] = &[
    ("%", "percent"),
    ("Å", "angstrom"),
    ("°", "degree"),
    ("°C", "degree_Celsius"),
    ("B", "byte"),
    ("cd", "candela"),
    ("count", "count"),
    ("counts", "count"),
    ("d", "day"),
    ("dB", "decibel"),
    ("deg", "degree"),
    ("degC", "degree_Celsius"),
    ("e", "elementary_charge"),
    ("h", "hour"),
    ("kg", "kilogram"),
    ("min", "minute"),
    ("pixel", "pixel"),
    ("px", "pixel"),
    ("sr", "steradian"),
];

/// Units that take a prefix.
const BASES: &[(&str, &str)] = &[
    ("A", "ampere"),
    ("bar", "bar"),
    ("C", "coulomb"),
    ("eV", "electron_volt"),
    ("F", "farad"),
    ("g", "gram"),
    ("Hz", "hertz"),
    ("J", "joule"),
    ("K", "kelvin"),
    ("L", "liter"),
    ("l", "liter"),
    ("m", "meter"),
    ("mol", "mole"),
    ("N", "newton"),
    ("Pa", "pascal"),
    ("rad", "radian"),
    ("s", "second"),
    ("T", "tesla"),
    ("torr", "torr"),
    ("V", "volt"),
    ("W", "watt"),
    ("Ω", "ohm"),
];

/// Micro is written with either of two letters that look alike, or with a `u`.
const PREFIXES: &[(&str, &str)] = &[
    ("f", "femto"),
    ("p", "pico"),
    ("n", "nano"),
    ("\u{3bc}", "micro"),
    ("\u{b5}", "micro"),
    ("u", "micro"),
    ("m", "milli"),
    ("c", "centi"),
    ("h", "hecto"),
    ("k", "kilo"),
    ("M", "mega"),
    ("G", "giga"),
    ("T", "tera"),
];

/// The long name of a unit given by its short symbol; what is not known stays as it is.
///
/// In a compound, whose parts are set off by blanks, every part is replaced. Without any unit it is
/// `dimensionless`.
///
/// ```
/// use nexus_core::side_file::long_unit;
/// assert_eq!(long_unit("kV"), "kilovolt");
/// assert_eq!(long_unit("eV / count"), "electron_volt / count");
/// assert_eq!(long_unit("furlong"), "furlong");
/// ```
pub fn long_unit(short: &str) -> String {
    if short.is_empty() {
        return "dimensionless".to_owned();
    }
    short.split(' ').map(long_part).collect::<Vec<_>>().join(" ")
}

fn long_part(symbol: &str) -> String {
    if let Some(name) = named(WHOLE, symbol).or_else(|| named(BASES, symbol)) {
        return name.to_owned();
    }
    let with_prefix = PREFIXES.iter().find_map(|(prefix, name)| {
        let base = named(BASES, symbol.strip_prefix(prefix)?)?;
        Some(format!("{name}{base}"))
    });
    with_prefix.unwrap_or_else(|| symbol.to_owned())
}

fn named(table: &[(&'static str, &'static str)], symbol: &str) -> Option<&'static str> {
    table.iter().find(|(short, _)| *short == symbol).map(|(_, name)| *name)
}
