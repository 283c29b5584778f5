//! Lists by `_api/web/lists`.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::about::About;
use crate::address::{ListAddress, ListKind, query};
use crate::event::utc;
use crate::fields::{FIELDS, FieldMap};
use crate::row::{Row, asked_as};
use crate::span::Span;

/// Rows of a page.
const PAGE: &str = "500";

/// Rows of a page of a list that is read as a whole.
const LARGE_PAGE: &str = "5000";

/// What every item is asked for.
const OF_AN_ITEM: [&str; 3] = ["Id", "Modified", "Created"];

/// What every calendar has, whether it names it or not: most are hidden.
const OF_A_CALENDAR: [&str; 7] = [
    "fAllDayEvent",
    "fRecurrence",
    "RecurrenceData",
    "EventType",
    "MasterSeriesItemID",
    "RecurrenceID",
    "Duration",
];

/// What a calendar may have.
const OF_SOME: [&str; 1] = ["EventCanceled"];

/// The columns to ask for, and those of them that stand for something elsewhere.
pub struct Select {
    select: String,
    expand: String,
}

impl Select {
    /// Everything that a reservation is made of, and the column that tells instruments apart.
    pub fn new(about: &About, fields: &FieldMap, filters: &BTreeSet<&str>) -> Self {
        let mut select: Vec<String> = OF_AN_ITEM.map(str::to_owned).into();
        let mut expand: Vec<&str> = Vec::new();
        let mut add = |name: &str, of: &str| {
            let name = asked_as(name);
            let name = if of.is_empty() { name.into_owned() } else { format!("{name}/{of}") };
            if !select.contains(&name) {
                select.push(name);
            }
        };
        let is_calendar = about.has("EventDate");
        for name in OF_A_CALENDAR {
            if is_calendar || about.has(name) {
                add(name, "");
            }
        }
        for name in OF_SOME {
            if about.columns.is_some() && about.has(name) {
                add(name, "");
            }
        }
        let mut wanted: Vec<(&str, bool)> = Vec::new();
        for (field, ..) in FIELDS {
            // Without the list of columns, only those are asked for that somebody named or that every list has.
            let named = |name: &str| fields.named().any(|(_, named)| named == name);
            let is_sure = |name: &&str| {
                about.columns.is_some()
                    || named(name)
                    || matches!(
                        *name,
                        "Title" | "Author" | "EventDate" | "EndDate" | "Category" | "Description"
                    )
            };
            let columns = about.columns_of(fields, field, ListKind::Rest);
            wanted.extend(columns.into_iter().filter(is_sure).map(|name| (name, field.is_person())));
        }
        wanted.extend(filters.iter().filter(|name| about.has(name)).map(|name| (*name, false)));
        for (name, may_be_person) in wanted {
            let kind =
                about.kind(name).unwrap_or(if may_be_person || name == "Author" { "User" } else { "Text" });
            match kind {
                "User" | "UserMulti" => {
                    for part in ["Title", "EMail", "Name"] {
                        add(name, part);
                    }
                }
                "Lookup" | "LookupMulti" => add(name, "Title"),
                _ => {
                    add(name, "");
                    continue;
                }
            }
            if !expand.contains(&name) {
                expand.push(name);
            }
        }
        Self { select: select.join(","), expand: expand.join(",") }
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let mut pairs = vec![("$select", self.select.as_str())];
        if !self.expand.is_empty() {
            pairs.push(("$expand", self.expand.as_str()));
        }
        pairs
    }
}

/// The items that meet a stretch of time.
pub fn in_window(list: &ListAddress, select: &Select, (start, end): (&str, &str), (from, to): Span) -> Url {
    let filter = format!("{start} lt datetime'{}' and {end} gt datetime'{}'", utc(to), utc(from));
    let mut pairs = select.pairs();
    pairs.extend([("$filter", filter.as_str()), ("$orderby", start), ("$top", PAGE)]);
    list.below("/items", &query(&pairs))
}

/// All items.
pub fn all(list: &ListAddress, select: &Select) -> Url {
    let mut pairs = select.pairs();
    pairs.push(("$top", LARGE_PAGE));
    list.below("/items", &query(&pairs))
}

/// The occurrences of a recurring event that were moved or taken out.
pub fn exceptions(list: &ListAddress, select: &Select, master: &str) -> Url {
    let filter = format!("MasterSeriesItemID eq {master}");
    let mut pairs = select.pairs();
    pairs.extend([("$filter", filter.as_str()), ("$top", PAGE)]);
    list.below("/items", &query(&pairs))
}

/// One item.
pub fn item(list: &ListAddress, select: &Select, id: &str) -> Url {
    list.below(&format!("/items({id})"), &query(&select.pairs()))
}

/// An item as it comes; `None` without a number.
pub fn row(value: Value) -> Option<Row> {
    let Value::Object(fields) = value else { return None };
    let id = fields.get("Id").or_else(|| fields.get("ID")).and_then(crate::row::whole)?;
    let modified = fields.get("Modified").and_then(Value::as_str).map(str::to_owned);
    Some(Row { id: id.to_string(), fields, created_by: None, modified, web_url: None })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::about::Column;
    use crate::address::{Api, Site};

    fn about(columns: &[(&str, &str)]) -> About {
        let column = |(name, kind): &(&str, &str)| Column {
            name: (*name).to_owned(),
            title: String::new(),
            kind: (*kind).to_owned(),
            is_indexed: false,
            is_hidden: false,
        };
        About { columns: Some(columns.iter().map(column).collect()), ..About::default() }
    }

    #[test]
    fn only_columns_that_are_there_are_asked_for() {
        let about = about(&[
            ("EventDate", "DateTime"),
            ("EndDate", "DateTime"),
            ("UserName", "UserMulti"),
            ("DataConsent", "Choice"),
            ("Tool", "Lookup"),
        ]);
        let select = Select::new(&about, &FieldMap::default(), &BTreeSet::from(["Tool"]));
        assert_eq!(select.expand, "UserName,Author,Tool");
        for name in ["Title", "UserName/Name", "Author/EMail", "Tool/Title", "DataConsent", "RecurrenceData"]
        {
            assert!(select.select.split(',').any(|one| one == name), "{name}: {}", select.select);
        }
        for name in ["Category", "ProjectID", "EventCanceled", "UserName"] {
            assert!(!select.select.split(',').any(|one| one == name), "{name}: {}", select.select);
        }
    }

    #[test]
    fn a_question_is_escaped() {
        let site = Site::parse("https://sp.example.org/s").unwrap();
        let list = ListAddress::named(&site, Api::Rest, "T").unwrap();
        let select = Select { select: "Id".into(), expand: String::new() };
        let at = |text: &str| text.parse().unwrap();
        let url = in_window(
            &list,
            &select,
            ("EventDate", "EndDate"),
            (at("2025-03-03T05:00:00Z"), at("2025-03-04T05:00:00Z")),
        );
        assert_eq!(
            url.as_str(),
            "https://sp.example.org/s/_api/web/lists/getbytitle('T')/items?$select=Id&$filter=EventDate%20lt%20\
             datetime%272025-03-04T05:00:00Z%27%20and%20EndDate%20gt%20datetime%272025-03-03T05:00:00Z%27&$orderby=EventDate&$top=500"
        );
        assert_eq!(item(&list, &select, "470").path(), "/s/_api/web/lists/getbytitle('T')/items(470)");
    }

    #[test]
    fn a_row_has_a_number() {
        assert_eq!(row(json!({"ID": 470, "Modified": "x"})).unwrap().id, "470");
        assert!(row(json!({"Title": "x"})).is_none() && row(json!(1)).is_none());
    }
}
