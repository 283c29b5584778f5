//! What is known of a list: its columns, its page for people.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_plugin_api::{Call, LogLevel, PluginError};
use serde_json::Value;
use url::Url;

use crate::address::{ListAddress, ListKind, query};
use crate::client::{Client, ClientError, object};
use crate::fields::{FIELDS, Field, FieldMap, OF_AN_EVENT};

/// A column of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name that never changes.
    pub name: String,
    /// The name that people see.
    pub title: String,
    /// Of `_api`: `Text`, `User`, `DateTime`…
    pub kind: String,
    /// Whether the server can search it in a long list.
    pub is_indexed: bool,
    /// Whether people do not see it.
    pub is_hidden: bool,
}

/// A list.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Its GUID, or what else names it for ever.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Its page for one item, without the number: `…/DispForm.aspx?ID=`.
    pub page: Option<String>,
    /// Its columns; `None` if the server does not say.
    pub columns: Option<Vec<Column>>,
}

/// The lists met so far.
#[derive(Default)]
pub struct Lists(Mutex<HashMap<String, Arc<About>>>);

impl Lists {
    /// What is known of a list; asked once.
    pub fn about(&self, client: &Client, call: &Call, list: &ListAddress) -> Result<Arc<About>, ClientError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(list.url.as_str()).cloned();
        if let Some(about) = known {
            return Ok(about);
        }
        let about = Arc::new(match list.kind {
            ListKind::CalendarView => About::of_a_calendar(list),
            ListKind::Rest => rest(client, call, list)?,
            ListKind::Graph => graph(client, call, list)?,
        });
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(list.url.to_string(), Arc::clone(&about));
        Ok(about)
    }

    /// Forgets what is known: somebody may have changed it.
    pub fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl About {
    fn of_a_calendar(list: &ListAddress) -> Self {
        let column = |name: &str| Column {
            name: name.to_owned(),
            title: name.to_owned(),
            kind: String::new(),
            is_indexed: true,
            is_hidden: false,
        };
        Self {
            key: named_by(&list.url),
            title: list.url.path().to_owned(),
            page: None,
            columns: Some(OF_AN_EVENT.map(column).into()),
        }
    }

    /// A column, if the list has it. What the server does not tell is taken to be there.
    pub fn has(&self, name: &str) -> bool {
        self.columns.as_ref().is_none_or(|columns| columns.iter().any(|column| column.name == name))
    }

    /// The kind of a column, if it is known.
    pub fn kind(&self, name: &str) -> Option<&str> {
        let found = self.columns.as_ref()?.iter().find(|column| column.name == name)?;
        Some(found.kind.as_str())
    }

    /// The columns of a field that this list has.
    pub fn columns_of<'f>(&self, fields: &'f FieldMap, field: Field, kind: ListKind) -> Vec<&'f str> {
        fields
            .columns(field, kind)
            .into_iter()
            .filter(|name| is_given(name, kind) || self.has(name))
            .collect()
    }

    /// What the settings want of this list and it does not have: a column without which no reservation can be read, or
    /// one that somebody named.
    pub fn missing(
        &self,
        fields: &FieldMap,
        kind: ListKind,
        is_consent_needed: bool,
    ) -> Result<(), PluginError> {
        for (field, name, ..) in FIELDS {
            let wanted = fields.columns(field, kind);
            let is_named = fields.named().any(|(named, column)| named == field && wanted.contains(&column));
            let is_needed = match field {
                Field::Start | Field::End => true,
                Field::Consent => is_consent_needed || is_named,
                _ => is_named,
            };
            if is_needed && !wanted.is_empty() && self.columns_of(fields, field, kind).is_empty() {
                let why = if field == Field::Consent { ", so nobody could ever consent" } else { "" };
                return Err(PluginError::permanent(format!(
                    "list `{}` has no column `{}`{why}",
                    self.title,
                    wanted.join("` or `")
                ))
                .with_hint(format!(
                    "was it made anew or taken out? Name the right one under `fields.{name}`; {}",
                    self.told()
                )));
            }
        }
        Ok(())
    }

    /// The columns that people made, for people.
    pub fn told(&self) -> String {
        let Some(columns) = &self.columns else { return "its columns are not known".to_owned() };
        let shown = columns.iter().filter(|column| !column.is_hidden);
        let names: Vec<String> = shown
            .map(|column| {
                if column.title == column.name || column.title.is_empty() {
                    column.name.clone()
                } else {
                    format!("{} ({})", column.name, column.title)
                }
            })
            .take(60)
            .collect();
        format!("its columns are {}", names.join(", "))
    }
}

/// What every item has, whether its list names it or not.
fn is_given(name: &str, kind: ListKind) -> bool {
    kind != ListKind::CalendarView && matches!(name, "Author" | "Title" | "Id")
}

/// What `_api` is asked about a list.
const OF_A_LIST: [&str; 4] = ["Id", "Title", "DefaultDisplayFormUrl", "DefaultViewUrl"];

/// By `_api`: the list, then its columns.
fn rest(client: &Client, call: &Call, list: &ListAddress) -> Result<About, ClientError> {
    let mut about = list_itself(client, call, list, &OF_A_LIST, |body| About {
        key: text(body, "Id").unwrap_or_else(|| named_by(&list.url)).to_lowercase(),
        title: text(body, "Title").unwrap_or_else(|| list.url.path().to_owned()),
        page: text(body, "DefaultDisplayFormUrl")
            .or_else(|| text(body, "DefaultViewUrl"))
            .and_then(|page| list.url.join(&page).ok())
            .map(item_page),
        columns: None,
    })?;
    let url = list.below("/fields", &query(&[("$select", "Title,InternalName,TypeAsString,Indexed,Hidden")]));
    about.columns = columns(client, call, &url, |row| Column {
        name: text(row, "InternalName").unwrap_or_default(),
        title: text(row, "Title").unwrap_or_default(),
        kind: text(row, "TypeAsString").unwrap_or_default(),
        is_indexed: row.get("Indexed") == Some(&Value::Bool(true)),
        is_hidden: row.get("Hidden") == Some(&Value::Bool(true)),
    })?;
    Ok(about)
}

/// By Microsoft Graph: the same.
fn graph(client: &Client, call: &Call, list: &ListAddress) -> Result<About, ClientError> {
    let mut about = list_itself(client, call, list, &["id", "displayName", "webUrl"], |body| About {
        key: text(body, "id").unwrap_or_else(|| named_by(&list.url)).to_lowercase(),
        title: text(body, "displayName").unwrap_or_else(|| list.url.path().to_owned()),
        page: text(body, "webUrl").and_then(|page| Url::parse(&page).ok()).map(item_page),
        columns: None,
    })?;
    let url = list.below("/columns", &query(&[("$select", "name,displayName,hidden,indexed")]));
    about.columns = columns(client, call, &url, |row| Column {
        name: text(row, "name").unwrap_or_default(),
        title: text(row, "displayName").unwrap_or_default(),
        kind: String::new(),
        is_indexed: row.get("indexed") == Some(&Value::Bool(true)),
        is_hidden: row.get("hidden") == Some(&Value::Bool(true)),
    })?;
    Ok(about)
}

fn list_itself(
    client: &Client,
    call: &Call,
    list: &ListAddress,
    names: &[&str],
    read: impl Fn(&Value) -> About,
) -> Result<About, ClientError> {
    let url = list.below("", &query(&[("$select", &names.join(","))]));
    let body = match client.get(call, &url, &[]) {
        // Old servers do not know every name.
        Err(ClientError::Refused { .. }) => client.get(call, &list.url, &[])?,
        other => other?,
    };
    Ok(read(&object(body)))
}

/// The columns, unless the server does not give them away.
fn columns(
    client: &Client,
    call: &Call,
    url: &Url,
    read: impl Fn(&Value) -> Column,
) -> Result<Option<Vec<Column>>, ClientError> {
    match client.list(call, url, &[]) {
        Ok(rows) => {
            let all: Vec<Column> = rows.iter().map(read).filter(|column| !column.name.is_empty()).collect();
            Ok((!all.is_empty()).then_some(all))
        }
        Err(error) if error.is_of_the_list() => {
            call.log(LogLevel::Warn, &format!("the columns of the list are not known: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The page of an item, without its number: it lies beside the calendar's own page.
fn item_page(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let (folder, last) = path.rsplit_once('/').unwrap_or_default();
    let folder = if last.to_ascii_lowercase().ends_with(".aspx") { folder } else { path.as_str() };
    url.set_path(&format!("{folder}/DispForm.aspx"));
    format!("{url}?ID=")
}

/// A name for what has no number of its own: made from its address.
fn named_by(url: &Url) -> String {
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, url.as_str().to_ascii_lowercase().as_bytes()).to_string()
}

fn text(value: &Value, key: &str) -> Option<String> {
    let text = value.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(url: &str) -> String {
        item_page(Url::parse(url).unwrap())
    }

    #[test]
    fn the_page_of_an_item() {
        let titan = "https://sp.example.org/sites/microscopy/Lists/Titan%20Events";
        let expected = format!("{titan}/DispForm.aspx?ID=");
        for written in ["calendar.aspx", "Calendar.aspx?view=1", "DispForm.aspx", ""] {
            assert_eq!(page(&format!("{titan}/{written}")), expected, "{written}");
        }
        assert_eq!(page(titan), expected);
    }

    fn about(columns: &[&str]) -> About {
        let column = |name: &&str| Column {
            name: (*name).to_owned(),
            title: "Shown".into(),
            kind: "Text".into(),
            is_indexed: false,
            is_hidden: false,
        };
        About {
            title: "Titan".into(),
            columns: Some(columns.iter().map(column).collect()),
            ..About::default()
        }
    }

    #[test]
    fn a_missing_column_is_named_with_those_there_are() {
        let fields = FieldMap::default();
        let kind = ListKind::Rest;
        let without = about(&["EventDate", "EndDate", "Title"]);
        let error = without.missing(&fields, kind, true).unwrap_err();
        assert!(error.to_string().contains("no column `DataConsent`"), "{error}");
        assert!(error.hint.unwrap().contains("EndDate (Shown)"));
        assert!(without.missing(&fields, kind, false).is_ok());
        assert!(
            about(&["Title"]).missing(&fields, kind, false).unwrap_err().to_string().contains("EventDate")
        );
        assert!(
            About::default().missing(&fields, kind, true).is_ok(),
            "what is not known is taken to be there"
        );
        let chosen =
            FieldMap::read(&serde_json::from_value(json!({"experiment_title": "X"})).unwrap()).unwrap();
        let error = without.missing(&chosen, kind, false).unwrap_err();
        assert!(error.to_string().contains("`X`") && error.hint.unwrap().contains("fields.experiment_title"));
    }
}
