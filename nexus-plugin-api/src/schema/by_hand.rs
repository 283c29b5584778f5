//! Schemas of the types whose JSON is written by hand: nothing derives them, so the tests hold them
//! against values.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{EventTime, MetaMap, MetaNode, MetaValue, PathRef, PluginError};

impl JsonSchema for PathRef {
    fn schema_name() -> Cow<'static, str> {
        "Path".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A path of the local file system: a string, or the bytes of one that is not UTF-8.",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "required": ["bytes"],
                    "properties": {
                        "bytes": {"type": "string", "pattern": "^([0-9a-fA-F]{2})*$",
                                  "description": "The bytes, two hexadecimal digits each."}
                    }
                }
            ]
        })
    }
}

impl JsonSchema for EventTime {
    fn schema_name() -> Cow<'static, str> {
        "EventTime".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A date and time of ISO 8601, such as 2024-03-05T09:10:00-07:00. Without an offset it is \
                            wall-clock time in the instrument's zone.",
            "type": "string",
            "examples": ["2024-03-05T09:10:00-07:00", "2024-03-05T09:10:00.125000-07:00", "2024-03-05T09:10:00"]
        })
    }
}

impl JsonSchema for MetaValue {
    fn schema_name() -> Cow<'static, str> {
        "MetaValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<Self>();
        json_schema!({
            "description": "One metadata value.",
            "anyOf": [
                {"type": ["string", "boolean", "null"]},
                {"type": "number", "description": "Without point and exponent a whole number, else a floating-point one."},
                {"type": "array", "items": value},
                float(),
                decimal(),
                {
                    "description": "A magnitude with a unit, the short symbol: kV, nm, μm.",
                    "type": "object",
                    "required": ["quantity", "unit"],
                    "properties": {
                        "quantity": {"anyOf": [{"type": "number"}, float(), decimal()]},
                        "unit": {"type": "string"}
                    },
                    "additionalProperties": false
                }
            ]
        })
    }
}

fn float() -> Schema {
    json_schema!({
        "description": "A floating-point number that JSON does not have.",
        "type": "object",
        "required": ["float"],
        "properties": {"float": {"enum": ["nan", "inf", "-inf"]}},
        "additionalProperties": false
    })
}

fn decimal() -> Schema {
    json_schema!({
        "description": "A number whose digits matter, as written: 1.20.",
        "type": "object",
        "required": ["decimal"],
        "properties": {"decimal": {"type": "string"}},
        "additionalProperties": false
    })
}

impl JsonSchema for MetaNode {
    fn schema_name() -> Cow<'static, str> {
        "MetaNode".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value, or a map of more.",
            "anyOf": [
                generator.subschema_for::<MetaValue>(),
                {
                    "type": "object",
                    "required": ["map"],
                    "properties": {"map": generator.subschema_for::<MetaMap>()},
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl JsonSchema for MetaMap {
    fn schema_name() -> Cow<'static, str> {
        "MetaMap".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Metadata in the order the extractor gave it.",
            "type": "object",
            "additionalProperties": generator.subschema_for::<MetaNode>()
        })
    }
}

/// A reply line; what `ok` holds depends on the method.
pub(super) struct Reply;

impl JsonSchema for Reply {
    fn schema_name() -> Cow<'static, str> {
        "Reply".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The answer to a request: exactly one of ok, error and unsupported.",
            "type": "object",
            "required": ["id"],
            "properties": {
                "id": {"type": "integer", "minimum": 0,
                       "description": "The id of the request; 0 if that could not be read."},
                "ok": {"description": "The answer; its form is that of the method."},
                "error": generator.subschema_for::<PluginError>(),
                "unsupported": {"const": true, "description": "The plugin does not have this method."}
            },
            "oneOf": [{"required": ["ok"]}, {"required": ["error"]}, {"required": ["unsupported"]}]
        })
    }
}
