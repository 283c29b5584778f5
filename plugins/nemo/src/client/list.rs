//! Lists: one array, or pages.
//!
//! A page names the next one by an absolute address, made from whatever the server believes its own name is.
//! Only the query of that address is used, on the configured one: so a page is never asked of another origin, and
//! a server behind a proxy that names itself wrongly is read all the same.

use std::collections::HashSet;
use std::fmt::Write as _;

use nexus_plugin_api::Call;
use nexus_plugin_http::shown;
use serde_json::Value;
use url::Url;

use super::{Client, ClientError};

/// Pages after which a list is taken for endless.
const MOST_PAGES: usize = 100_000;

/// Numbers in one filter: with eight digits each, the address stays below the 4 KiB that servers take.
const MOST_NUMBERS: usize = 300;

/// The parameters of a list. Values are written as they are: numbers, commas, UTC times.
#[derive(Debug, Clone, Default)]
pub struct Query(String);

impl Query {
    /// Adds a parameter. An empty value would mean no filter at all and is left to the caller to avoid.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        let joint = if self.0.is_empty() { "" } else { "&" };
        // Writing to a text cannot fail.
        let _ = write!(self.0, "{joint}{name}={value}");
        self
    }

    /// Adds a filter by numbers.
    #[must_use]
    pub fn with_numbers(self, name: &str, numbers: &[u64]) -> Self {
        let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
        self.with(name, texts.join(","))
    }
}

/// One answer of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<Value>,
    /// How many rows all pages have together, if the server says.
    pub count: Option<usize>,
    /// The query of the next page.
    pub next: Option<Query>,
}

impl Page {
    /// Reads an answer of this address.
    pub fn read(url: &Url, answer: Value) -> Result<Self, ClientError> {
        read(url, answer)
    }
}

impl Client {
    /// The first page of a list, which is all of it on servers that know no pages.
    pub fn first_page(&self, call: &Call, list: &str, query: &Query) -> Result<Page, ClientError> {
        self.page(call, list, &query.clone().with("page_size", self.page_size))
    }

    /// A page.
    pub fn page(&self, call: &Call, list: &str, query: &Query) -> Result<Page, ClientError> {
        let mut url = self.base.list(list);
        url.set_query(Some(&query.0));
        Page::read(&url, self.get(call, &url)?)
    }

    /// A list, all pages of it; each row once.
    pub fn list(&self, call: &Call, list: &str, query: &Query) -> Result<Vec<Value>, ClientError> {
        let mut rows = Vec::new();
        let mut seen = HashSet::new();
        let mut page = self.first_page(call, list, query)?;
        let mut asked = HashSet::new();
        for _ in 0..MOST_PAGES {
            let fresh = page.rows.into_iter().filter(|row| match row.get("id").and_then(Value::as_u64) {
                Some(id) => seen.insert(id),
                None => true,
            });
            rows.extend(fresh);
            match page.next.filter(|next| asked.insert(next.0.clone())) {
                None => break,
                Some(next) => page = self.page(call, list, &next)?,
            }
        }
        Ok(rows)
    }

    /// The rows with these numbers, whatever their number. None are asked for without a number.
    pub fn by_id(
        &self,
        call: &Call,
        list: &str,
        query: &Query,
        numbers: &[u64],
    ) -> Result<Vec<Value>, ClientError> {
        let mut rows = Vec::new();
        for some in numbers.chunks(MOST_NUMBERS) {
            rows.extend(self.list(call, list, &query.clone().with_numbers("id__in", some))?);
        }
        Ok(rows)
    }
}

fn read(url: &Url, answer: Value) -> Result<Page, ClientError> {
    match answer {
        Value::Array(rows) => Ok(Page { rows, count: None, next: None }),
        Value::Object(mut page) => match page.remove("results") {
            Some(Value::Array(rows)) => {
                let count =
                    page.get("count").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
                let next = page.get("next").and_then(Value::as_str);
                let next =
                    next.and_then(|next| url.join(next).ok()?.query().map(|query| Query(query.to_owned())));
                Ok(Page { rows, count, next })
            }
            _ => Err(no_list(url)),
        },
        _ => Err(no_list(url)),
    }
}

fn no_list(url: &Url) -> ClientError {
    ClientError::NoList { url: shown(url) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(answer: Value) -> Result<Page, ClientError> {
        read(&Url::parse("https://nemo.x/api/tools/").unwrap(), answer)
    }

    #[test]
    fn a_list_is_an_array_or_a_page() {
        assert_eq!(page(json!([{"id": 1}])).unwrap().rows.len(), 1);
        let answer =
            json!({"count": 9, "results": [{}], "next": "http://other/api/tools/?page=2&page_size=1"});
        let first = page(answer).unwrap();
        assert_eq!((first.count, first.next.unwrap().0.as_str()), (Some(9), "page=2&page_size=1"));
        for odd in [json!({"results": {}}), json!({"detail": "x"}), json!("x"), json!(null)] {
            assert!(page(odd).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_json_is_a_list_or_refused(answer in crate::answers::tests::any_json()) {
            let _ = page(answer);
        }
    }
}
