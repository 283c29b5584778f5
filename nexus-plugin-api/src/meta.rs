//! Metadata values, exact through JSON.

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One metadata value.
///
/// | value | JSON |
/// |---|---|
/// | text, integer, boolean, null, list | as itself |
/// | finite float | a number with a point or an exponent |
/// | other float | `{"float": "nan"}`, `"inf"`, `"-inf"` |
/// | decimal | `{"decimal": "1.20"}` |
/// | quantity | `{"quantity": <number or decimal>, "unit": "kV"}` |
#[derive(Debug, Clone, PartialEq)]
pub enum MetaValue {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A double.
    Float(f64),
    /// A number whose digits matter, as written.
    Decimal(String),
    /// True or false.
    Boolean(bool),
    /// Known to be without a value.
    Null,
    /// Several values.
    List(Vec<MetaValue>),
    /// A magnitude (integer, float or decimal) with a unit (short symbol: `kV`, `nm`, `μm`).
    Quantity(Box<MetaValue>, String),
}

/// A value, or a map of more.
#[derive(Debug, Clone, PartialEq)]
pub enum MetaNode {
    /// A value.
    Value(MetaValue),
    /// A nested map; in JSON `{"map": {…}}`, so that it is never taken for a value.
    Map(MetaMap),
}

/// Metadata in the order the extractor gave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MetaMap(pub Vec<(String, MetaNode)>);

impl MetaMap {
    /// Adds a value.
    pub fn insert(&mut self, key: impl Into<String>, value: MetaValue) {
        self.0.push((key.into(), MetaNode::Value(value)));
    }

    /// Adds a nested map.
    pub fn insert_map(&mut self, key: impl Into<String>, map: MetaMap) {
        self.0.push((key.into(), MetaNode::Map(map)));
    }

    /// The first entry with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&MetaNode> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }
}

impl Serialize for MetaValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Float(number) => one_entry(serializer, "float", &float_word(*number)),
            Self::Decimal(digits) => one_entry(serializer, "decimal", digits),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Null => serializer.serialize_unit(),
            Self::List(values) => {
                let mut seq = serializer.serialize_seq(Some(values.len()))?;
                for value in values {
                    seq.serialize_element(value)?;
                }
                seq.end()
            }
            Self::Quantity(magnitude, unit) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("quantity", magnitude)?;
                map.serialize_entry("unit", unit)?;
                map.end()
            }
        }
    }
}

fn one_entry<S: Serializer>(serializer: S, key: &str, value: &str) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

fn float_word(number: f64) -> String {
    if number.is_nan() {
        "nan".to_owned()
    } else if number > 0.0 {
        "inf".to_owned()
    } else {
        "-inf".to_owned()
    }
}

impl Serialize for MetaNode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Map(map) => {
                let mut outer = serializer.serialize_map(Some(1))?;
                outer.serialize_entry("map", map)?;
                outer.end()
            }
        }
    }
}

impl Serialize for MetaMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, node)| (key, node)))
    }
}

impl<'de> Deserialize<'de> for MetaMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = MetaMap;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of metadata")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<MetaMap, A::Error> {
                let mut map = MetaMap::default();
                while let Some((key, node)) = access.next_entry()? {
                    map.0.push((key, node));
                }
                Ok(map)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for MetaNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Deserialize<'de> for MetaValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match MetaNode::deserialize(deserializer)? {
            MetaNode::Value(value) => Ok(value),
            MetaNode::Map(_) => Err(D::Error::custom("a map stands where a single value is expected")),
        }
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = MetaNode;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a metadata value, or {\"map\": {…}}")
    }

    fn visit_bool<E>(self, truth: bool) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Boolean(truth)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Integer(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(
            i64::try_from(number).map_or_else(|_| MetaValue::Decimal(number.to_string()), MetaValue::Integer),
        ))
    }

    fn visit_f64<E>(self, number: f64) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Null))
    }

    fn visit_none<E>(self) -> Result<MetaNode, E> {
        Ok(MetaNode::Value(MetaValue::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<MetaNode, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = access.next_element()? {
            values.push(value);
        }
        Ok(MetaNode::Value(MetaValue::List(values)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<MetaNode, A::Error> {
        let mut magnitude: Option<MetaValue> = None;
        let mut unit: Option<String> = None;
        let mut node: Option<MetaNode> = None;
        while let Some(key) = access.next_key::<String>()? {
            match key.as_str() {
                "quantity" => magnitude = Some(access.next_value()?),
                "unit" => unit = Some(access.next_value()?),
                "map" => node = Some(MetaNode::Map(access.next_value()?)),
                "decimal" => node = Some(MetaNode::Value(MetaValue::Decimal(access.next_value()?))),
                "float" => {
                    let word: String = access.next_value()?;
                    let number = word.parse().map_err(|_| {
                        A::Error::custom(format!("`{word}` is not a number, `nan`, `inf` or `-inf`"))
                    })?;
                    node = Some(MetaNode::Value(MetaValue::Float(number)));
                }
                other => {
                    return Err(A::Error::custom(format!(
                        "`{other}` is none of `map`, `quantity`, `unit`, `decimal`, `float`"
                    )));
                }
            }
        }
        match (node, magnitude) {
            (Some(node), None) => Ok(node),
            (None, Some(magnitude)) => {
                Ok(MetaNode::Value(MetaValue::Quantity(Box::new(magnitude), unit.unwrap_or_default())))
            }
            _ => Err(A::Error::custom("one of `map`, `quantity`, `decimal`, `float` is needed")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = MetaValue> {
        let leaf = prop_oneof![
            any::<String>().prop_map(MetaValue::Text),
            any::<i64>().prop_map(MetaValue::Integer),
            any::<f64>()
                .prop_filter("nan is not equal to itself", |f| !f.is_nan())
                .prop_map(MetaValue::Float),
            "[0-9]{1,5}\\.[0-9]{0,5}".prop_map(MetaValue::Decimal),
            any::<bool>().prop_map(MetaValue::Boolean),
            Just(MetaValue::Null),
            (any::<i64>(), any::<String>())
                .prop_map(|(n, u)| MetaValue::Quantity(Box::new(MetaValue::Integer(n)), u)),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(MetaValue::List))
    }

    proptest! {
        #[test]
        fn values_are_exact_through_json(value in value()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<MetaValue>(&text).unwrap(), value);
        }
    }

    #[test]
    fn nan_is_a_word() {
        let text = serde_json::to_string(&MetaValue::Float(f64::NAN)).unwrap();
        assert_eq!(text, "{\"float\":\"nan\"}");
        let MetaValue::Float(number) = serde_json::from_str(&text).unwrap() else { panic!("not a float") };
        assert!(number.is_nan());
    }

    #[test]
    fn nested_maps_keep_their_order() {
        let mut inner = MetaMap::default();
        inner.insert("z", MetaValue::Integer(1));
        inner.insert("a", MetaValue::Float(2.0));
        let mut outer = MetaMap::default();
        outer.insert_map("Stage", inner);
        let text = serde_json::to_string(&outer).unwrap();
        assert_eq!(text, r#"{"Stage":{"map":{"z":1,"a":2.0}}}"#);
        assert_eq!(serde_json::from_str::<MetaMap>(&text).unwrap(), outer);
    }
}
