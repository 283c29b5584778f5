//! Who is meant by a number. Rows mostly bring their people along (`expand`); who is missing is asked for, all at once,
//! and remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nexus_plugin_api::Call;

use crate::client::{Client, ClientError, Query};
use crate::model::{Named, Person};

/// The people met so far.
#[derive(Default)]
pub struct People(Mutex<HashMap<u64, Person>>);

impl People {
    /// Asks for those of whom only the number is known.
    pub fn meet<'a>(
        &self,
        client: &Client,
        call: &Call,
        named: impl Iterator<Item = &'a Named>,
    ) -> Result<(), ClientError> {
        let mut unknown: Vec<u64> = {
            let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            named
                .filter_map(|named| match named {
                    Named::Number(id) if !known.contains_key(id) => Some(*id),
                    _ => None,
                })
                .collect()
        };
        unknown.sort_unstable();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        let query = Query::default().with("fields", "id,username,first_name,last_name,email");
        let rows = client.by_id(call, "users", &query, &unknown)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(rows.iter().filter_map(Person::read).map(|person| (person.id, person)));
        Ok(())
    }

    /// The person, as far as known.
    pub fn person(&self, named: &Named) -> Option<Person> {
        match named {
            Named::Nobody => None,
            Named::Person(person) => Some(person.clone()),
            Named::Number(id) => self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned(),
        }
    }
}
