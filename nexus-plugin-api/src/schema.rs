//! JSON Schemas of the protocol's messages, made from the types that read and write them.
//!
//! The copies in `docs/schemas` are what people and other languages use; a test compares them with these.
//! Schemas of params say what the host sends; schemas of answers say what it accepts, so a field that may be
//! left out is not required there. Unknown fields are always allowed.

mod by_hand;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::message::line::{CancelLine, Circumstances, LogLine};
use crate::message::{
    AcceptsAnswer, ActionParams, ActionsAnswer, ConfigureParams, ExtractAnswer, InstrumentsAnswer, Method,
    PathParams, ReservationsAnswer, ReservationsParams,
};
use crate::{
    ActionOutcome, CheckReport, Delivery, Found, HarvestPage, HarvestRequest, Manifest, PluginError, Step,
    Target,
};

/// The schema of one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Stem of its file: `deliver.params`, `deliver.answer`, `request`, `reply`, `cancel`, `log`, `error`.
    pub name: String,
    /// The schema, JSON Schema draft 2020-12.
    pub schema: Value,
}

/// The schemas of all messages.
#[must_use]
pub fn documents() -> Vec<Document> {
    let mut documents = vec![
        sent::<Request>("request"),
        accepted::<by_hand::Reply>("reply"),
        accepted::<PluginError>("error"),
        sent::<CancelLine>("cancel"),
        accepted::<LogLine>("log"),
    ];
    for method in Method::ALL {
        documents.extend(params(method));
        documents.extend(answer(method));
    }
    documents
}

/// The schema of a method's params; `None` if it has none.
#[must_use]
pub fn params(method: Method) -> Option<Document> {
    let name = format!("{method}.params");
    Some(match method {
        Method::Manifest | Method::Check | Method::Instruments | Method::Target | Method::Actions => {
            return None;
        }
        Method::Configure => sent::<ConfigureParams<'_>>(&name),
        Method::Harvest => sent::<HarvestRequest>(&name),
        Method::Reservations => sent::<ReservationsParams<'_>>(&name),
        Method::Find | Method::Deliver => sent::<Delivery>(&name),
        Method::Accepts | Method::Extract => sent::<PathParams<'_>>(&name),
        Method::RunAction => sent::<ActionParams<'_>>(&name),
    })
}

/// The schema of a method's answer; `None` if that is an empty object.
#[must_use]
pub fn answer(method: Method) -> Option<Document> {
    let name = format!("{method}.answer");
    Some(match method {
        Method::Configure => return None,
        Method::Manifest => accepted::<Manifest>(&name),
        Method::Check => accepted::<CheckReport>(&name),
        Method::Harvest => accepted::<HarvestPage>(&name),
        Method::Reservations => accepted::<ReservationsAnswer>(&name),
        Method::Instruments => accepted::<InstrumentsAnswer>(&name),
        Method::Target => accepted::<Target>(&name),
        Method::Find => accepted::<Found>(&name),
        Method::Deliver => accepted::<Step>(&name),
        Method::Accepts => accepted::<AcceptsAnswer>(&name),
        Method::Extract => accepted::<ExtractAnswer>(&name),
        Method::Actions => accepted::<ActionsAnswer>(&name),
        Method::RunAction => accepted::<ActionOutcome>(&name),
    })
}

/// A line that asks something.
#[derive(serde::Serialize, JsonSchema)]
struct Request {
    #[serde(flatten)]
    circumstances: Circumstances,
    /// To be repeated in the reply.
    id: u64,
    /// What is wanted.
    method: Method,
    /// What the method is given; an empty object if it needs nothing.
    params: serde_json::Map<String, Value>,
}

fn sent<T: JsonSchema>(name: &str) -> Document {
    document::<T>(name, SchemaSettings::draft2020_12().for_serialize())
}

fn accepted<T: JsonSchema>(name: &str) -> Document {
    document::<T>(name, SchemaSettings::draft2020_12().for_deserialize())
}

fn document<T: JsonSchema>(name: &str, settings: SchemaSettings) -> Document {
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    plain(&mut schema);
    Document { name: name.to_owned(), schema }
}

/// Takes the Rust out of the descriptions: links become the words they show, and `None` is null.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                match value {
                    Value::String(text) if key == "description" => *text = without_links(text),
                    other => plain(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        _ => {}
    }
}

fn without_links(text: &str) -> String {
    let words = text.replace("[`", "`").replace("`]", "`").replace("`crate::", "`");
    words.replace("`None`", "null").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg_attr(miri, ignore = "slow there, and all of it safe")]
    #[test]
    fn every_method_has_its_schemas_once() {
        let mut names: Vec<String> = documents().into_iter().map(|document| document.name).collect();
        assert_eq!(names.len(), 5 + 8 + 12);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 5 + 8 + 12);
    }

    #[cfg_attr(miri, ignore = "slow there, and all of it safe")]
    #[test]
    fn descriptions_speak_of_no_rust() {
        for document in documents() {
            let text = document.schema.to_string();
            for word in ["crate::", "[`", "`]", "`None`"] {
                assert!(!text.contains(word), "{} says {word}", document.name);
            }
        }
    }
}
