//! Which column of a list feeds which part of a reservation.

use std::collections::BTreeMap;

use nexus_plugin_api::PluginError;
use serde_json::Value;

use crate::address::ListKind;

/// A part of a reservation that a column feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// Title of the experiment.
    Title,
    /// Whose booking it is.
    User,
    /// Who made it.
    CreatedBy,
    /// Booked from.
    Start,
    /// Booked until.
    End,
    /// Kind of booking.
    Type,
    /// Why it was done.
    Purpose,
    /// Description of the sample.
    SampleDetails,
    /// Name of the sample.
    SampleName,
    /// Identifier of the sample.
    SamplePid,
    /// Name of the project.
    ProjectName,
    /// Number or code of the project.
    ProjectId,
    /// The answer to consent.
    Consent,
}

/// The fields, each with the word of the settings, its usual columns in a list, and its usual property of a calendar
/// event.
pub const FIELDS: [(Field, &str, &[&str], &[&str]); 13] = [
    (Field::Title, "experiment_title", &["Title_x0020_of_x0020_Experiment", "Title"], &["subject"]),
    (Field::User, "user", &["UserName", "Author"], &["organizer"]),
    (Field::CreatedBy, "created_by", &["Author"], &["organizer"]),
    (Field::Start, "start", &["EventDate"], &["start"]),
    (Field::End, "end", &["EndDate"], &["end"]),
    (Field::Type, "reservation_type", &["Category"], &[]),
    (Field::Purpose, "experiment_purpose", &["Experiment_x0020_Purpose", "Description"], &["body"]),
    (Field::SampleDetails, "sample_details", &["Sample_x0020_Details"], &[]),
    (Field::SampleName, "sample_name", &[], &[]),
    (Field::SamplePid, "sample_pid", &[], &[]),
    (Field::ProjectName, "project_name", &["ProjectID"], &[]),
    (Field::ProjectId, "project_id", &[], &[]),
    (Field::Consent, "consent", &["DataConsent"], &["categories"]),
];

/// What a calendar event has, which is all that a field can take from it.
pub const OF_AN_EVENT: [&str; 7] = ["subject", "organizer", "start", "end", "body", "categories", "location"];

impl Field {
    /// The word of the settings.
    pub fn as_str(self) -> &'static str {
        FIELDS.iter().find(|one| one.0 == self).map_or("", |one| one.1)
    }

    /// Whether its column holds people.
    pub fn is_person(self) -> bool {
        matches!(self, Self::User | Self::CreatedBy)
    }
}

/// The columns of each field.
#[derive(Debug, Clone, Default)]
pub struct FieldMap {
    /// What the settings say; an empty list switches the field off.
    chosen: BTreeMap<Field, Vec<String>>,
}

impl FieldMap {
    /// Reads the table `fields`.
    pub fn read(written: &BTreeMap<String, Value>) -> Result<Self, PluginError> {
        let mut chosen = BTreeMap::new();
        for (name, value) in written {
            let known = FIELDS.iter().find(|one| one.1 == name);
            let Some((field, ..)) = known else {
                let names: Vec<_> = FIELDS.iter().map(|one| one.1).collect();
                return Err(wrong(&format!("`fields` has `{name}`; it knows {}", names.join(", "))));
            };
            chosen.insert(*field, columns(name, value)?);
        }
        let map = Self { chosen };
        for field in [Field::Start, Field::End] {
            if map.columns(field, ListKind::Rest).len() != 1 {
                return Err(wrong(&format!("`fields.{}` takes the name of one column", field.as_str())));
            }
        }
        Ok(map)
    }

    /// The columns of a field, in the order in which they are looked at.
    pub fn columns(&self, field: Field, kind: ListKind) -> Vec<&str> {
        // A calendar event has no columns of its own: names of columns of lists mean nothing there.
        if let Some(chosen) = self.chosen.get(&field) {
            let fits = |name: &&str| kind != ListKind::CalendarView || OF_AN_EVENT.contains(name);
            if chosen.is_empty() || chosen.iter().any(|name| fits(&name.as_str())) {
                return chosen.iter().map(String::as_str).filter(fits).collect();
            }
        }
        let usual = FIELDS.iter().find(|one| one.0 == field);
        usual
            .map(|one| if kind == ListKind::CalendarView { one.3 } else { one.2 })
            .unwrap_or_default()
            .to_vec()
    }

    /// The columns that the settings name, each with its field.
    pub fn named(&self) -> impl Iterator<Item = (Field, &str)> {
        self.chosen.iter().flat_map(|(field, columns)| columns.iter().map(|column| (*field, column.as_str())))
    }

    /// Whether the field is switched off.
    pub fn is_off(&self, field: Field) -> bool {
        self.chosen.get(&field).is_some_and(Vec::is_empty)
    }
}

fn columns(name: &str, value: &Value) -> Result<Vec<String>, PluginError> {
    let one = |text: &str| {
        let text = text.trim();
        let good = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_');
        let hint = "it takes the internal name of a column, in which a blank is `_x0020_`; `nexus plugins check` \
                    lists the names";
        if good {
            Ok(text.to_owned())
        } else {
            Err(wrong(&format!("`fields.{name}` is `{text}`, which names no column")).with_hint(hint))
        }
    };
    match value {
        Value::Bool(false) => Ok(Vec::new()),
        Value::String(text) => Ok(vec![one(text)?]),
        Value::Array(several) => several
            .iter()
            .map(|text| {
                text.as_str().map_or_else(
                    || Err(wrong(&format!("`fields.{name}` holds `{text}`, which is no text"))),
                    one,
                )
            })
            .collect(),
        other => Err(wrong(&format!(
            "`fields.{name}` is `{other}`; it takes a column, a list of columns, or false"
        ))),
    }
}

fn wrong(what: &str) -> PluginError {
    PluginError::permanent(format!("settings of sharepoint: {what}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Result<FieldMap, PluginError> {
        FieldMap::read(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_column_several_or_none() {
        let map = map(json!({"consent": "Agreement", "experiment_title": ["A_x0020_B", "Title"], "project_name": false}))
            .unwrap();
        assert_eq!(map.columns(Field::Consent, ListKind::Rest), ["Agreement"]);
        assert_eq!(map.columns(Field::Title, ListKind::Graph), ["A_x0020_B", "Title"]);
        assert!(map.columns(Field::ProjectName, ListKind::Rest).is_empty() && map.is_off(Field::ProjectName));
        assert_eq!(map.columns(Field::User, ListKind::Rest), ["UserName", "Author"]);
        assert_eq!(map.columns(Field::Consent, ListKind::CalendarView), ["categories"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (value, said) in [
            (json!({"konsent": "x"}), "konsent"),
            (json!({"consent": "Data Consent"}), "fields.consent"),
            (json!({"consent": true}), "fields.consent"),
            (json!({"consent": [1]}), "fields.consent"),
            (json!({"start": false}), "fields.start"),
            (json!({"end": ["A", "B"]}), "fields.end"),
        ] {
            let error = map(value).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
