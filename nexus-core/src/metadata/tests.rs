use std::collections::BTreeMap;

use nexus_plugin_api::{MetaMap, MetaNode, MetaValue, Signal};
use proptest::prelude::*;

use super::equality::equal;
use super::flatten::display_name;
use super::*;
use crate::record::Parameter;

fn signal(entries: &[(&str, MetaValue)]) -> Signal {
    let mut metadata = MetaMap::default();
    for (key, value) in entries {
        metadata.insert(*key, value.clone());
    }
    Signal { dataset_type: "Image".into(), metadata, warnings: vec![], preview: None }
}

#[test]
fn keys_get_their_names_and_their_order() {
    let flat = flat(&signal(&[
        ("gps_x_2d", MetaValue::Integer(1)),
        ("dwell_time", MetaValue::Integer(2)),
        ("Beta", MetaValue::Integer(3)),
        ("alpha", MetaValue::Integer(4)),
        ("warnings", MetaValue::Null),
        ("DatasetType", MetaValue::Text("Image".into())),
    ]));
    let keys: Vec<&str> = flat.entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["alpha", "Beta", "Gps X 2D", "Pixel Dwell Time"]);
}

#[test]
fn nested_keys_are_joined_and_extensions_lifted() {
    let mut stage = MetaMap::default();
    stage.insert("X", MetaValue::Integer(1));
    let mut extensions = MetaMap::default();
    extensions.insert("spot_size", MetaValue::Integer(3));
    let mut signal = signal(&[("Mode", MetaValue::Text("a".into()))]);
    signal.metadata.insert_map("Stage", stage);
    signal.metadata.insert_map("extensions", extensions);
    signal.warnings = vec![vec!["Stage".into(), "X".into()]];
    let (_, own) = split(&[flat(&signal)]);
    let seen: Vec<(&str, bool)> = own[0].iter().map(|p| (p.name.as_str(), p.warning)).collect();
    assert_eq!(seen, [("Mode", false), ("Spot Size", false), ("Stage – X", true)]);
}

#[test]
fn only_what_every_signal_has_alike_is_shared() {
    let a = flat(&signal(&[
        ("V", MetaValue::Integer(5)),
        ("W", MetaValue::Integer(1)),
        ("N", MetaValue::Float(f64::NAN)),
        ("Only A", MetaValue::Null),
    ]));
    let b = flat(&signal(&[
        ("V", MetaValue::Float(5.0)),
        ("W", MetaValue::Integer(2)),
        ("N", MetaValue::Float(f64::NAN)),
    ]));
    let (setup, own) = split(&[a.clone(), b]);
    assert_eq!(setup.iter().map(|p| (p.name.as_str(), p.value.as_str())).collect::<Vec<_>>(), [("V", "5")]);
    assert_eq!(own[0].iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["N", "Only A", "W"]);
    let (setup, own) = split(&[a]);
    assert!(setup.is_empty());
    assert_eq!(own[0].len(), 4);
}

fn flat(signal: &Signal) -> Flat {
    let (flat, doubts) = flatten(signal);
    assert!(doubts.is_empty(), "{doubts:?}");
    flat
}

fn quantity(magnitude: MetaValue, unit: &str) -> MetaValue {
    MetaValue::Quantity(Box::new(magnitude), unit.to_owned())
}

fn decimal(digits: &str) -> MetaValue {
    MetaValue::Decimal(digits.to_owned())
}

fn text_value(text: &str) -> MetaValue {
    MetaValue::Text(text.to_owned())
}

/// Values and what `str` of Python 3.11 makes of them.
#[test]
fn values_have_pythons_text() {
    let table = include_str!("../../testdata/python_values.json");
    let rows: Vec<(MetaValue, String)> = serde_json::from_str(table).unwrap();
    assert!(rows.len() > 190);
    for (value, expected) in rows {
        assert_eq!(text_and_unit(&value), (expected, None), "{value:?}");
    }
}

#[test]
fn magnitudes_are_floats_unless_a_digit_would_be_lost() {
    for (magnitude, expected) in [
        (MetaValue::Integer(200), "200.0"),
        (MetaValue::Float(1e-7), "1e-07"),
        (decimal("1.20"), "1.2"),
        (MetaValue::Integer((1 << 53) + 1), "9007199254740993"),
        (decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (MetaValue::Float(f64::NAN), "nan"),
    ] {
        assert_eq!(text_and_unit(&quantity(magnitude, "kV")), (expected.into(), Some("kV".into())));
    }
    let inside = MetaValue::List(vec![quantity(MetaValue::Float(5.0), "kV")]);
    assert_eq!(text_and_unit(&inside).0, "[<Quantity(5.0, 'kilovolt')>]");
}

#[test]
fn units_become_short_symbols() {
    for (given, short) in [
        ("kV", "kV"),
        ("kilovolt", "kV"),
        ("kilovolts", "kV"),
        ("nanometer", "nm"),
        ("nanometre", "nm"),
        ("nanoampere", "nA"),
        ("electron_volt", "eV"),
        ("keV", "keV"),
        ("kiloelectron_volt", "keV"),
        ("second", "s"),
        ("seconds", "s"),
        ("ms", "ms"),
        ("kelvin", "K"),
        ("degree_Celsius", "°C"),
        ("degC", "°C"),
        ("angstrom", "Å"),
        ("\u{212B}", "Å"),
        ("ohm", "Ω"),
        ("\u{2126}", "Ω"),
        ("pascal", "Pa"),
        ("millitorr", "mtorr"),
        ("degree", "deg"),
        ("radian", "rad"),
        ("milliradian", "mrad"),
        ("percent", "%"),
        ("pixel", "pixel"),
        ("pixels", "pixel"),
        ("count", "count"),
        ("counts", "count"),
        ("1/nm", "1 / nm"),
        ("1 / nanometer", "1 / nm"),
        ("eV/count", "eV / count"),
        ("electron_volt / count", "eV / count"),
        ("nm**2", "nm ** 2"),
        ("nm^2", "nm ** 2"),
        ("m/s**2", "m / s ** 2"),
        ("", ""),
        ("dimensionless", ""),
        ("\u{B5}m", "\u{3BC}m"),
        ("um", "\u{3BC}m"),
        ("\u{3BC}s", "\u{3BC}s"),
        ("micrometer", "\u{3BC}m"),
        ("micron", "\u{3BC}m"),
        ("\u{B5}furlong", "\u{3BC}furlong"),
        ("min", "min"),
        ("mbar", "mbar"),
        ("siemens", "S"),
        ("hertz", "Hz"),
        ("furlongs / week", "furlongs / week"),
    ] {
        assert_eq!(short_symbol(given), short, "{given}");
        assert_eq!(short_symbol(short), short, "twice: {given}");
    }
}

#[test]
fn units_have_long_names() {
    for (short, long) in [
        ("kV", "kilovolt"),
        ("nm", "nanometer"),
        ("\u{3bc}A", "microampere"),
        ("\u{b5}A", "microampere"),
        ("us", "microsecond"),
        ("mtorr", "millitorr"),
        ("mbar", "millibar"),
        ("hPa", "hectopascal"),
        ("min", "minute"),
        ("keV", "kiloelectron_volt"),
        ("°C", "degree_Celsius"),
        ("1 / nm", "1 / nanometer"),
        ("Å ** 2", "angstrom ** 2"),
        ("eV / count", "electron_volt / count"),
        ("", "dimensionless"),
        ("furlong", "furlong"),
        ("k", "k"),
        ("  ", "dimensionless"),
        ("px", "pixel"),
        ("kg", "kilogram"),
        ("cd", "candela"),
        ("kilovolts", "kilovolt"),
    ] {
        assert_eq!(long_name(short), long, "{short}");
    }
}

#[test]
fn equal_is_what_python_calls_equal() {
    use MetaValue::{Boolean, Float, Integer, List, Null};
    let two_53 = 9_007_199_254_740_992.0;
    let list = |values: &[MetaValue]| List(values.to_vec());
    for (a, b, expected) in [
        (Integer(1), Float(1.0), true),
        (Integer(1), Boolean(true), true),
        (Boolean(false), Float(-0.0), true),
        (Integer((1 << 53) + 1), Float(two_53), false),
        (Integer(1 << 53), Float(two_53), true),
        (decimal("0.1"), Float(0.1), false),
        (decimal("0.5"), Float(0.5), true),
        (decimal("1E+2"), Integer(100), true),
        (decimal("1.0"), decimal("1.00"), true),
        (decimal("Infinity"), Float(f64::INFINITY), true),
        (decimal("NaN"), decimal("NaN"), false),
        (Float(f64::NAN), Float(f64::NAN), false),
        (decimal("n/a"), decimal("n/a"), true),
        (text_value("1"), Integer(1), false),
        (Null, Boolean(false), false),
        (list(&[Integer(1), Float(2.0)]), list(&[Float(1.0), Integer(2)]), true),
        (list(&[Float(f64::NAN)]), list(&[Float(f64::NAN)]), false),
        (list(&[Integer(1)]), list(&[Integer(1), Integer(1)]), false),
        (quantity(Integer(200), "kV"), quantity(Float(200_000.0), "V"), true),
        (quantity(Float(0.1), "kV"), quantity(Integer(100), "V"), true),
        (quantity(Integer(200), "kV"), quantity(Integer(200), "V"), false),
        (quantity(Integer(200), "V"), quantity(Integer(200), "A"), false),
        (quantity(Integer(20), "°C"), quantity(Float(293.15), "K"), true),
        (quantity(Integer(1), "nm"), quantity(Integer(10), "Å"), true),
        (quantity(Integer(1), "min"), quantity(Integer(60), "s"), true),
        (quantity(Integer(60), "count / min"), quantity(Integer(1), "count / s"), true),
        (quantity(Integer(1), "1 / nm"), quantity(Float(0.1), "1 / Å"), true),
        (quantity(Integer(1), "furlong"), quantity(Integer(1), "furlong"), true),
        (quantity(Integer(1), "furlong"), quantity(Integer(1), "m"), false),
        (quantity(Float(f64::NAN), "V"), quantity(Float(f64::NAN), "V"), false),
        (quantity(Integer(0), "kV"), quantity(Integer(0), "V"), true),
    ] {
        assert_eq!(equal(&a, &b), expected, "{a:?} and {b:?}");
        assert_eq!(equal(&b, &a), expected, "{b:?} and {a:?}");
    }
}

#[test]
fn names_are_capitalised_word_by_word() {
    for (key, name) in [
        ("gps_x_2d", "Gps X 2D"),
        ("中x_y", "中X Y"),
        ("ß_a", "Ss A"),
        ("o'neil_x", "O'Neil X"),
        ("Mixed_case", "Mixed_case"),
        ("plain", "plain"),
        ("_", "_"),
        ("acceleration_voltage", "Acceleration Voltage"),
        ("dataset_type", "DatasetType"),
        ("instrument_id", "Instrument ID"),
    ] {
        assert_eq!(display_name(key), name);
    }
}

#[test]
fn of_two_values_with_one_key_the_last_counts_and_somebody_is_told() {
    let mut inner = MetaMap::default();
    inner.insert("X", MetaValue::Integer(2));
    let mut signal = signal(&[("Stage – X", MetaValue::Integer(1))]);
    signal.metadata.insert_map("Stage", inner);
    let (flat, doubts) = flatten(&signal);
    assert_eq!(flat.entries, [("Stage – X".to_owned(), MetaValue::Integer(2))]);
    assert_eq!(doubts.len(), 1);
    assert!(doubts[0].contains("`Stage – X`"), "{doubts:?}");
}

#[test]
fn extensions_win_in_the_place_of_what_they_replace() {
    let mut extensions = MetaMap::default();
    extensions.insert("a", MetaValue::Integer(9));
    let mut signal = signal(&[("a", MetaValue::Integer(1)), ("A", MetaValue::Integer(2))]);
    signal.metadata.insert_map("extensions", extensions);
    signal.warnings = vec![vec!["extensions".into(), "a".into()]];
    let flat = flat(&signal);
    let entries = [("a".to_owned(), MetaValue::Integer(9)), ("A".to_owned(), MetaValue::Integer(2))];
    assert_eq!(flat.entries, entries);
    assert_eq!(flat.warnings, ["a"]);
}

#[test]
fn the_order_is_by_lower_case_and_stable() {
    let keys = ["é", "z", "_", "B", "b", "a", "Z"];
    let entries: Vec<(&str, MetaValue)> = keys.iter().map(|key| (*key, MetaValue::Null)).collect();
    let flat = flat(&signal(&entries));
    let keys: Vec<&str> = flat.entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["_", "a", "B", "b", "z", "Z", "é"]);
}

#[test]
fn the_setup_shows_the_doubts_of_the_first_only() {
    let mut a = signal(&[("V", MetaValue::Integer(5))]);
    let mut b = a.clone();
    b.warnings = vec![vec!["V".into()]];
    assert!(!split(&[flat(&a), flat(&b)]).0[0].warning);
    a.warnings = vec![vec!["V".into()]];
    assert!(split(&[flat(&a), flat(&b)]).0[0].warning);
}

fn value() -> impl Strategy<Value = MetaValue> {
    let leaf = prop_oneof![
        any::<String>().prop_map(MetaValue::Text),
        (-3i64..3).prop_map(MetaValue::Integer),
        any::<i64>().prop_map(MetaValue::Integer),
        any::<f64>().prop_map(MetaValue::Float),
        "-?[0-9]{0,30}\\.?[0-9]{0,9}([eE][+-]?[0-9]{1,20})?".prop_map(MetaValue::Decimal),
        any::<bool>().prop_map(MetaValue::Boolean),
        Just(MetaValue::Null),
        ((-2i64..2), prop::sample::select(vec!["kV", "V", "°C", "K", "1/nm", "x"]))
            .prop_map(|(number, unit)| quantity(MetaValue::Integer(number), unit)),
        (any::<f64>(), any::<String>()).prop_map(|(number, unit)| quantity(MetaValue::Float(number), &unit)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(MetaValue::List))
}

fn map() -> impl Strategy<Value = MetaMap> {
    let key = prop_oneof![
        "[a-c]{1,2}",
        "[a-c_]{1,4}",
        any::<String>(),
        Just("extensions".to_owned()),
        Just("warnings".to_owned())
    ];
    let node = value().prop_map(MetaNode::Value);
    let node = node.prop_recursive(3, 12, 4, move |inner| {
        prop::collection::vec(("[a-c_ ]{1,3}", inner), 0..4).prop_map(|nodes| MetaNode::Map(MetaMap(nodes)))
    });
    prop::collection::vec((key, node), 0..6).prop_map(MetaMap)
}

proptest! {
    /// Whoever puts setup and own metadata of a signal together again has what went in, up to what counts as
    /// equal; and the setup holds nothing that any signal lacks.
    #[test]
    fn the_split_neither_loses_nor_invents(maps in prop::collection::vec(map(), 0..4)) {
        let flats: Vec<Flat> = maps
            .into_iter()
            .map(|metadata| {
                let signal = Signal { dataset_type: "Image".into(), metadata, warnings: vec![], preview: None };
                flatten(&signal).0
            })
            .collect();
        let (setup, own) = split(&flats);
        prop_assert_eq!(own.len(), flats.len());
        let setup: BTreeMap<&str, &Parameter> = setup.iter().map(|p| (p.name.as_str(), p)).collect();
        for (flat, own) in flats.iter().zip(&own) {
            prop_assert_eq!(flat.entries.len(), setup.len() + own.len());
            let own: BTreeMap<&str, &Parameter> = own.iter().map(|p| (p.name.as_str(), p)).collect();
            for (key, value) in &flat.entries {
                let (text, unit) = text_and_unit(value);
                match (own.get(key.as_str()), setup.get(key.as_str())) {
                    (Some(parameter), None) => prop_assert_eq!((&parameter.value, &parameter.unit), (&text, &unit)),
                    (None, Some(_)) => {
                        let first = flats[0].entries.iter().find(|(name, _)| name == key);
                        prop_assert!(equal(&first.unwrap().1, value));
                    }
                    both => prop_assert!(false, "{key}: {both:?}"),
                }
            }
        }
    }

    #[test]
    fn equality_goes_both_ways(a in value(), b in value()) {
        prop_assert_eq!(equal(&a, &b), equal(&b, &a));
    }

    #[test]
    fn floats_read_back_to_themselves(number in any::<f64>()) {
        let back: f64 = float_text(number).parse().unwrap();
        prop_assert!(back.to_bits() == number.to_bits() || back.is_nan() && number.is_nan());
    }

    #[test]
    fn any_unit_has_a_symbol_that_stays(unit in any::<String>()) {
        let short = short_symbol(&unit);
        prop_assert_eq!(short_symbol(&short), short);
    }
}
