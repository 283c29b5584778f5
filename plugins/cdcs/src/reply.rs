//! What the site's answers hold. Numbers come as numbers or as texts; everything else is taken as it comes, and what
//! does not fit is no record, template or workspace.

use serde_json::Value;

/// A number, also one written as text.
pub fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// What the content of a record is called at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentField {
    /// At most sites, known ones among them.
    XmlContent,
    /// At sites that have left old clients behind.
    Content,
}

impl ContentField {
    const ALL: [Self; 2] = [Self::XmlContent, Self::Content];

    /// The name in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XmlContent => "xml_content",
            Self::Content => "content",
        }
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::XmlContent => Self::Content,
            Self::Content => Self::XmlContent,
        }
    }
}

/// A record at the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: u64,
    /// The template version it is judged by.
    pub template: u64,
    /// Where it is published; `None`: it is private.
    pub workspace: Option<u64>,
    /// The account it belongs to.
    pub owner: Option<u64>,
    /// Its title, without white space around it.
    pub title: String,
    /// Its XML.
    pub content: String,
    /// What the XML is called at this site.
    pub field: ContentField,
}

impl Record {
    /// Reads one.
    pub fn of(value: &Value) -> Option<Self> {
        let (field, content) = ContentField::ALL
            .into_iter()
            .find_map(|field| Some((field, value.get(field.as_str())?.as_str()?.to_owned())))?;
        Some(Self {
            id: number(value.get("id")?)?,
            template: number(value.get("template")?)?,
            workspace: value.get("workspace").and_then(number),
            owner: value.get("user_id").and_then(number),
            title: value.get("title")?.as_str()?.trim().to_owned(),
            content,
            field,
        })
    }
}

/// A template: a title and its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The number of what holds the versions together.
    pub manager: u64,
    /// Its title.
    pub title: String,
    /// The version that new records get.
    pub current: u64,
    /// All versions.
    pub versions: Vec<u64>,
}

impl Template {
    /// Reads one.
    pub fn of(value: &Value) -> Option<Self> {
        let current = number(value.get("current")?)?;
        let mut versions: Vec<u64> = ["versions", "disabled_versions"]
            .iter()
            .filter_map(|key| value.get(key)?.as_array())
            .flatten()
            .filter_map(number)
            .collect();
        versions.push(current);
        versions.sort_unstable();
        versions.dedup();
        Some(Self {
            manager: number(value.get("id")?)?,
            title: value.get("title")?.as_str()?.to_owned(),
            current,
            versions,
        })
    }
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub id: u64,
    /// Its title; several may have the same.
    pub title: String,
    /// Whether it is the one that every site has: public, and nobody's.
    pub global: bool,
}

impl Place {
    /// Reads one.
    pub fn of(value: &Value) -> Option<Self> {
        Some(Self {
            id: number(value.get("id")?)?,
            title: value.get("title")?.as_str()?.to_owned(),
            global: value.get("owner")?.is_null() && value.get("is_public")?.as_bool()?,
        })
    }
}

/// The rows of an answer that is an array; `None` if it is none.
pub fn rows<T>(answer: &Value, of: impl Fn(&Value) -> Option<T>) -> Option<Vec<T>> {
    Some(answer.as_array()?.iter().filter_map(of).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// JSON of any shape, with the names that answers have.
    pub(crate) fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,12}|[0-9]{1,25}".prop_map(Value::from),
        ];
        let name = prop_oneof![prop::sample::select(vec![
            "id",
            "template",
            "workspace",
            "user_id",
            "title",
            "xml_content",
            "content",
            "current",
            "versions",
            "owner",
            "is_public",
            "message",
            "detail",
            "count",
            "results",
            "next",
        ]),];
        leaf.prop_recursive(4, 40, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..9).prop_map(|pairs| {
                    Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        })
    }

    #[test]
    fn numbers_are_numbers_or_texts() {
        let record = json!({"id": "31", "template": 12, "workspace": "1", "user_id": "7", "title": " a ", "content": "<a/>"});
        let record = Record::of(&record).unwrap();
        assert_eq!((record.id, record.template, record.workspace, record.owner), (31, 12, Some(1), Some(7)));
        assert_eq!((record.title.as_str(), record.field), ("a", ContentField::Content));
        let template = json!({"id": 4, "versions": ["9", 12], "current": "12", "title": "T", "disabled_versions": ["3"]});
        assert_eq!(Template::of(&template).unwrap().versions, [3, 9, 12]);
    }

    #[test]
    fn the_public_workspace_is_nobodys() {
        let global = |owner: Value, is_public: bool| {
            Place::of(
                &json!({"id": 1, "title": "Global Public Workspace", "owner": owner, "is_public": is_public}),
            )
            .unwrap()
            .global
        };
        assert!(global(Value::Null, true));
        assert!(!global(json!("3"), true) && !global(Value::Null, false));
    }

    proptest! {
        #[test]
        fn anything_can_be_read_or_is_left(value in any_json()) {
            let _ = (Record::of(&value), Template::of(&value), Place::of(&value), number(&value));
            let _ = rows(&value, Record::of);
        }
    }
}
