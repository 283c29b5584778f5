//! Whose an event is. Microsoft Graph gives numbers for people, which are looked up once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nexus_plugin_api::{Call, LogLevel};
use serde_json::Value;

use crate::about::About;
use crate::address::{ListAddress, ListKind};
use crate::client::{Client, ClientError, object};
use crate::fields::{Field, FieldMap};
use crate::people::Person;
use crate::row::Row;

/// The people met so far, by site and number; `None`: the server does not say who that is.
#[derive(Default)]
pub struct Persons(Mutex<HashMap<(String, i64), Option<Person>>>);

/// Where people are looked up.
pub struct Source<'a> {
    /// The people met so far.
    pub persons: &'a Persons,
    /// Who is asked.
    pub client: &'a Client,
    /// The columns.
    pub fields: &'a FieldMap,
    /// The list that the rows are of.
    pub list: &'a ListAddress,
    /// What is known of it.
    pub about: &'a About,
}

impl Source<'_> {
    /// The people of a field: those of the first of its columns that names any.
    pub fn of(&self, call: &Call, row: &Row, field: Field) -> Result<Vec<Person>, ClientError> {
        for column in self.about.columns_of(self.fields, field, self.list.kind) {
            let people = self.in_column(call, row, column)?;
            if !people.is_empty() {
                return Ok(people);
            }
        }
        Ok(Vec::new())
    }

    fn in_column(&self, call: &Call, row: &Row, column: &str) -> Result<Vec<Person>, ClientError> {
        if let Some(value) = row.value(column) {
            let value = value.get("emailAddress").unwrap_or(value);
            let people = match value {
                Value::Array(several) if self.list.kind == ListKind::Graph => self.several(call, several)?,
                value => Person::read_all(value),
            };
            if !people.is_empty() {
                return Ok(people);
            }
        }
        if self.list.kind == ListKind::Graph {
            if column == "Author" {
                return Ok(row.created_by.clone().into_iter().collect());
            }
            if let Some(number) = row.number(&format!("{column}LookupId")) {
                return Ok(self.by_number(call, number)?.into_iter().collect());
            }
        }
        Ok(Vec::new())
    }

    /// Several people: each with a number, and a name that may be less than what the user list has.
    fn several(&self, call: &Call, several: &[Value]) -> Result<Vec<Person>, ClientError> {
        let mut people = Vec::new();
        for one in several {
            let number = one.get("LookupId").and_then(crate::row::whole);
            let known = match number {
                Some(number) => self.by_number(call, number)?,
                None => None,
            };
            people.extend(known.or_else(|| Person::read(one)));
        }
        Ok(people)
    }

    fn by_number(&self, call: &Call, number: i64) -> Result<Option<Person>, ClientError> {
        let key = (self.list.site().to_owned(), number);
        let known = self.persons.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(url) = crate::graph::user(self.list.site(), &number.to_string()) else { return Ok(None) };
        debug_assert_eq!(self.list.kind, ListKind::Graph);
        let person = match self.client.get(call, &url, &[]) {
            Ok(answer) => object(answer).get("fields").and_then(Person::read),
            // The user list is a list of its own, which the app need not have been given.
            Err(error) if error.is_of_the_list() || matches!(error, ClientError::Right { .. }) => {
                call.log(LogLevel::Warn, &format!("who number {number} is cannot be looked up: {error}"));
                None
            }
            Err(error) => return Err(error),
        };
        self.persons.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, person.clone());
        Ok(person)
    }
}
