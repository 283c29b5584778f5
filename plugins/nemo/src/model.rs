//! The rows of NEMO's lists, as far as a harvester needs them. Every other key is passed over.

use serde_json::Value;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// NEMO's number.
    pub id: u64,
    /// The log-in name; `None` if it is empty.
    pub username: Option<String>,
    /// First and last name, as far as they are there.
    pub name: Option<String>,
    /// E-mail address, if there is one.
    pub email: Option<String>,
}

impl Person {
    /// Reads a user; `None` without a number.
    pub fn read(row: &Value) -> Option<Self> {
        let text = |key: &str| text(row, key);
        let names = [text("first_name"), text("last_name")];
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Some(Self {
            id: row.get("id")?.as_u64()?,
            username: text("username"),
            name: (!name.is_empty()).then_some(name),
            email: text("email"),
        })
    }

    /// As it stands in a record: `First Last (username)`.
    pub fn full_name(&self) -> Option<String> {
        match (&self.name, &self.username) {
            (Some(name), Some(username)) => Some(format!("{name} ({username})")),
            (name, username) => name.clone().or_else(|| username.clone()),
        }
    }
}

/// A person as a row names them: with `expand` the person, else the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Nobody.
    Nobody,
    /// A number only.
    Number(u64),
    /// The person.
    Person(Person),
}

impl Named {
    fn read(row: &Value, key: &str) -> Self {
        match row.get(key) {
            Some(value @ Value::Object(_)) => Person::read(value).map_or(Self::Nobody, Self::Person),
            Some(value) => value.as_u64().map_or(Self::Nobody, Self::Number),
            None => Self::Nobody,
        }
    }

    /// The person's number.
    pub fn id(&self) -> Option<u64> {
        match self {
            Self::Nobody => None,
            Self::Number(id) => Some(*id),
            Self::Person(person) => Some(person.id),
        }
    }
}

/// The use of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// NEMO's number.
    pub id: u64,
    /// The tool's number.
    pub tool: Option<u64>,
    /// Who used it.
    pub user: Named,
    /// Who operated it.
    pub operator: Named,
    /// When it began, as written.
    pub start: Option<String>,
    /// When it ended, as written; `None` while in use.
    pub end: Option<String>,
    /// Answers given before it, undecoded.
    pub pre_run_data: Value,
    /// Answers given after it, undecoded.
    pub run_data: Value,
}

impl Event {
    /// The fields that a harvest asks for.
    pub const SEEN: &str =
        "id,start,end,tool,user.id,user.username,user.first_name,user.last_name,user.email";
    /// The fields that are asked for when a reservation is looked up.
    pub const WHOLE: &str = "id,start,end,tool,run_data,pre_run_data,user.id,user.username,user.first_name,\
                             user.last_name,user.email,operator.id,operator.username,operator.first_name,\
                             operator.last_name";

    /// Reads a usage event; `None` without a number.
    pub fn read(row: &Value) -> Option<Self> {
        Some(Self {
            id: row.get("id")?.as_u64()?,
            tool: number(row, "tool"),
            user: Named::read(row, "user"),
            operator: Named::read(row, "operator"),
            start: text(row, "start"),
            end: text(row, "end"),
            pre_run_data: row.get("pre_run_data").cloned().unwrap_or_default(),
            run_data: row.get("run_data").cloned().unwrap_or_default(),
        })
    }
}

/// The booking of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct Booking {
    /// NEMO's number.
    pub id: u64,
    /// The tool's number; `None` for an area.
    pub tool: Option<u64>,
    /// Whose it is.
    pub user: Named,
    /// Who made it.
    pub creator: Named,
    /// Booked from, as written.
    pub start: Option<String>,
    /// Booked until, as written.
    pub end: Option<String>,
    /// When it was made, as written.
    pub creation_time: Option<String>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// The answers.
    pub question_data: Value,
}

impl Booking {
    /// The fields that are asked for.
    pub const WHOLE: &str = "id,start,end,creation_time,cancelled,tool,question_data,user.id,user.username,\
                             user.first_name,user.last_name,user.email,creator.id,creator.username,\
                             creator.first_name,creator.last_name";
    /// The same without the answers: a list that holds answers the server itself cannot read is an error.
    pub const BARE: &str = "id,start,end,creation_time,cancelled,tool,user.id,user.username,user.first_name,\
                            user.last_name,user.email,creator.id,creator.username,creator.first_name,\
                            creator.last_name";

    /// Reads a reservation; `None` without a number.
    pub fn read(row: &Value) -> Option<Self> {
        Some(Self {
            id: row.get("id")?.as_u64()?,
            tool: number(row, "tool"),
            user: Named::read(row, "user"),
            creator: Named::read(row, "creator"),
            start: text(row, "start"),
            end: text(row, "end"),
            creation_time: text(row, "creation_time"),
            cancelled: row.get("cancelled") == Some(&Value::Bool(true)),
            question_data: row.get("question_data").cloned().unwrap_or_default(),
        })
    }
}

/// A tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// NEMO's number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where it stands, if NEMO knows.
    pub location: Option<String>,
}

impl Tool {
    /// The fields that are asked for.
    pub const FIELDS: &str = "id,name,_location,_category";

    /// Reads a tool; `None` without a number.
    pub fn read(row: &Value) -> Option<Self> {
        let id = row.get("id")?.as_u64()?;
        let name = text(row, "name").unwrap_or_else(|| format!("tool {id}"));
        Some(Self { id, name, location: text(row, "_location") })
    }
}

/// A text that is not blank.
fn text(row: &Value, key: &str) -> Option<String> {
    let text = row.get(key)?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A foreign key, expanded or not.
fn number(row: &Value, key: &str) -> Option<u64> {
    match row.get(key)? {
        Value::Object(whole) => whole.get("id")?.as_u64(),
        other => other.as_u64(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn people_are_named_with_what_is_there() {
        let name = |row: Value| Person::read(&row).unwrap().full_name();
        assert_eq!(
            name(json!({"id": 3, "username": "k.ito", "first_name": "純", "last_name": "伊藤"})).as_deref(),
            Some("純 伊藤 (k.ito)")
        );
        assert_eq!(
            name(json!({"id": 3, "username": "k.ito", "first_name": "", "last_name": " "})).as_deref(),
            Some("k.ito")
        );
        assert_eq!(name(json!({"id": 3, "username": ""})), None);
        assert_eq!(Person::read(&json!({"username": "x"})), None);
    }

    #[test]
    fn expanded_or_not_is_the_same_number() {
        let plain = Event::read(&json!({"id": 7, "tool": 1, "user": 3})).unwrap();
        let whole =
            Event::read(&json!({"id": 7, "tool": {"id": 1}, "user": {"id": 3, "username": "a"}})).unwrap();
        assert_eq!((plain.tool, plain.user.id()), (whole.tool, whole.user.id()));
        assert_eq!(Event::read(&json!({"id": "7"})), None);
        assert_eq!(Event::read(&json!([])), None);
    }

    proptest::proptest! {
        #[test]
        fn rows_of_any_kind_are_read_or_passed_over(row in crate::answers::tests::any_json()) {
            let _ = (Event::read(&row), Booking::read(&row), Tool::read(&row), Person::read(&row));
        }
    }
}
