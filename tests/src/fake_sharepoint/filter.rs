//! `$filter` and `$orderby`, each dialect with its own literals and its own refusals.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::Value;

use super::data::{Item, Kind, List};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `_api/web/lists`: bare column names, `datetime'…'`.
    Rest,
    /// Microsoft Graph: `fields/…`, moments as plain strings.
    Graph,
}

/// A condition on items.
#[derive(Debug)]
pub(super) enum Condition {
    Both(Box<Self>, Box<Self>),
    Either(Box<Self>, Box<Self>),
    Compare { column: String, operator: String, literal: Literal },
}

#[derive(Debug)]
pub(super) enum Literal {
    Date(DateTime<Utc>),
    Text(String),
    Number(f64),
    Boolean(bool),
    Null,
}

impl Condition {
    /// Reads a filter; an error is what the server says.
    pub(super) fn parse(text: &str, list: &List, dialect: Dialect) -> Result<Self, String> {
        let words = words(text)?;
        let mut reader = Reader { words: &words, at: 0, list, dialect };
        let condition = reader.either()?;
        if reader.at != words.len() {
            return Err(format!("The expression \"{text}\" is not valid."));
        }
        Ok(condition)
    }

    /// The columns that it looks at.
    pub(super) fn columns(&self) -> Vec<&str> {
        match self {
            Self::Both(left, right) | Self::Either(left, right) => [left.columns(), right.columns()].concat(),
            Self::Compare { column, .. } => vec![column],
        }
    }

    /// Whether an item passes.
    pub(super) fn accepts(&self, item: &Item) -> bool {
        match self {
            Self::Both(left, right) => left.accepts(item) && right.accepts(item),
            Self::Either(left, right) => left.accepts(item) || right.accepts(item),
            Self::Compare { column, operator, literal } => {
                let order = compare(&item.value(column), literal);
                match (operator.as_str(), order) {
                    ("eq", Some(order)) => order.is_eq(),
                    ("ne", Some(order)) => order.is_ne(),
                    ("ne", None) => true,
                    ("lt", Some(order)) => order.is_lt(),
                    ("le", Some(order)) => order.is_le(),
                    ("gt", Some(order)) => order.is_gt(),
                    ("ge", Some(order)) => order.is_ge(),
                    _ => false,
                }
            }
        }
    }
}

fn compare(value: &Value, literal: &Literal) -> Option<Ordering> {
    match literal {
        Literal::Null => value.is_null().then_some(Ordering::Equal),
        Literal::Date(date) => Some(value.as_str()?.parse::<DateTime<Utc>>().ok()?.cmp(date)),
        Literal::Text(text) => Some(value.as_str()?.to_lowercase().cmp(&text.to_lowercase())),
        Literal::Number(number) => value.as_f64()?.partial_cmp(number),
        Literal::Boolean(flag) => Some(value.as_bool()?.cmp(flag)),
    }
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
    list: &'a List,
    dialect: Dialect,
}

impl Reader<'_> {
    fn next(&mut self) -> Result<&str, String> {
        let word = self.words.get(self.at).ok_or("The expression is not valid.")?;
        self.at += 1;
        Ok(word)
    }

    fn is(&mut self, wanted: &str) -> bool {
        let found = self.words.get(self.at).is_some_and(|word| word == wanted);
        self.at += usize::from(found);
        found
    }

    fn either(&mut self) -> Result<Condition, String> {
        let mut left = self.both()?;
        while self.is("or") {
            left = Condition::Either(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Condition, String> {
        let mut left = self.one()?;
        while self.is("and") {
            left = Condition::Both(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.is("(") {
            let inner = self.either()?;
            return if self.is(")") { Ok(inner) } else { Err("The expression is not valid.".to_owned()) };
        }
        let (list, dialect) = (self.list, self.dialect);
        let column = column(self.next()?, list, dialect)?;
        let operator = self.next()?.to_owned();
        if !matches!(operator.as_str(), "eq" | "ne" | "lt" | "le" | "gt" | "ge") {
            return Err(format!("The operator \"{operator}\" is not valid."));
        }
        let kind = kind(&column, list);
        let literal = literal(self.next()?, kind, dialect)?;
        Ok(Condition::Compare { column, operator, literal })
    }
}

fn kind(column: &str, list: &List) -> Kind {
    list.columns.get(column).map_or(Kind::Number, |column| column.kind)
}

/// The column of a filter or an order, by the dialect's name for it.
fn column(word: &str, list: &List, dialect: Dialect) -> Result<String, String> {
    let name = match dialect {
        Dialect::Rest => word,
        Dialect::Graph => word.strip_prefix("fields/").ok_or_else(|| {
            format!("Invalid filter clause: items cannot be filtered or sorted by '{word}'")
        })?,
    };
    match (list.columns.get(name), dialect) {
        (Some(column), _) if matches!(column.kind, Kind::Person | Kind::People) => {
            Err(format!("The field '{name}' cannot be used in the query filter expression."))
        }
        (Some(_), _) => Ok(name.to_owned()),
        (None, Dialect::Rest) if name == "ID" => Ok("Id".to_owned()),
        (None, Dialect::Graph) if name == "id" => Ok("Id".to_owned()),
        (None, Dialect::Rest) => {
            Err(format!("Column '{name}' does not exist. It may have been deleted by another user."))
        }
        (None, Dialect::Graph) => Err(format!("Field '{name}' is not recognized")),
    }
}

fn literal(word: &str, kind: Kind, dialect: Dialect) -> Result<Literal, String> {
    let quoted = |word: &str| {
        let inner = word.strip_prefix('\'')?.strip_suffix('\'')?;
        Some(inner.replace("''", "'"))
    };
    let date = |text: &str| {
        let naive = || text.parse::<NaiveDateTime>().map(|time| time.and_utc());
        text.parse::<DateTime<Utc>>()
            .or_else(|_| naive())
            .map_err(|_| format!("String was not recognized as a valid DateTime: {text}"))
    };
    let typed = word.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("datetime"));
    match (kind, dialect) {
        _ if word == "null" => Ok(Literal::Null),
        (Kind::Date, Dialect::Rest) => {
            let text = typed.then(|| quoted(&word[8..])).flatten();
            // What a real server says of `EventDate lt '…'`.
            let text =
                text.ok_or("The field value is not supported for the operation: a datetime is expected.")?;
            date(&text).map(Literal::Date)
        }
        (Kind::Date, Dialect::Graph) => {
            let text = quoted(word).ok_or("Invalid filter clause: a quoted string is expected")?;
            date(&text).map(Literal::Date)
        }
        (Kind::Number, _) => {
            word.parse().map(Literal::Number).map_err(|_| format!("'{word}' is not a number"))
        }
        (Kind::Boolean, _) => match word {
            "true" | "1" => Ok(Literal::Boolean(true)),
            "false" | "0" => Ok(Literal::Boolean(false)),
            _ => Err(format!("'{word}' is not a boolean")),
        },
        _ => quoted(word).map(Literal::Text).ok_or_else(|| format!("'{word}' is not a string")),
    }
}

/// Words, parentheses and quoted literals.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut found, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for letter in text.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.push(letter);
            }
            ' ' | '(' | ')' if !quoted => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                if letter != ' ' {
                    found.push(letter.to_string());
                }
            }
            _ => word.push(letter),
        }
    }
    if quoted {
        return Err("There is an unterminated string literal.".to_owned());
    }
    if !word.is_empty() {
        found.push(word);
    }
    Ok(found)
}

/// `$orderby`: columns, each with whether it goes down.
pub(super) fn order(text: &str, list: &List, dialect: Dialect) -> Result<Vec<(String, bool)>, String> {
    let one = |part: &str| {
        let mut words = part.split_whitespace();
        let column = column(words.next().unwrap_or_default(), list, dialect)?;
        match words.next() {
            None | Some("asc") => Ok((column, false)),
            Some("desc") => Ok((column, true)),
            Some(other) => Err(format!("The direction '{other}' is not valid.")),
        }
    };
    text.split(',').map(one).collect()
}

/// Sorts items; those that are equal stay in the order of their numbers.
pub(super) fn sort(items: &mut [&Item], keys: &[(String, bool)]) {
    items.sort_by(|left, right| {
        let one = |(column, down): &(String, bool)| {
            let (left, right) = (left.value(column), right.value(column));
            let order = match (left.as_f64(), right.as_f64()) {
                (Some(left), Some(right)) => left.total_cmp(&right),
                _ => left.to_string().cmp(&right.to_string()),
            };
            if *down { order.reverse() } else { order }
        };
        keys.iter().map(one).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
}
