//! Lists, page by page. The link to the next page is followed as it stands, on the same server only.

use std::collections::HashSet;

use nexus_plugin_api::Call;
use nexus_plugin_http::{HeaderName, HeaderValue, shown};
use serde_json::Value;
use url::Url;

use super::{Client, ClientError};

/// Pages after which a list is taken for endless.
const MOST_PAGES: usize = 1_000;

/// Whether more pages are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// The next one.
    On,
    /// No more.
    Enough,
}

/// One answer of a list.
#[derive(Debug, Default)]
struct Page {
    rows: Vec<Value>,
    next: Option<String>,
}

impl Client {
    /// Every page of a list, one at a time.
    pub fn pages(
        &self,
        call: &Call,
        first: &Url,
        headers: &[(HeaderName, HeaderValue)],
        each: &mut dyn FnMut(Vec<Value>) -> Flow,
    ) -> Result<(), ClientError> {
        let mut url = first.clone();
        let mut seen = HashSet::new();
        for _ in 0..MOST_PAGES {
            let page = read(&url, self.get(call, &url, headers)?)?;
            if each(page.rows) == Flow::Enough {
                return Ok(());
            }
            let Some(next) = page.next else { return Ok(()) };
            let odd = |why: String| ClientError::Odd { url: shown(first), why };
            let following =
                url.join(&next).map_err(|_| odd("its link to the next page is no address".to_owned()))?;
            if following.origin() != first.origin() {
                let to = following.origin().ascii_serialization();
                return Err(odd(format!("its next page is at {to}, where no credentials are sent")));
            }
            if !seen.insert(next) {
                return Err(odd("its pages go round in a circle".to_owned()));
            }
            url = following;
        }
        let why = format!("it has more than {MOST_PAGES} pages");
        Err(ClientError::Odd { url: shown(first), why })
    }

    /// A whole list that is known to be short.
    pub fn list(
        &self,
        call: &Call,
        first: &Url,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<Vec<Value>, ClientError> {
        let mut all = Vec::new();
        self.pages(call, first, headers, &mut |rows| {
            all.extend(rows);
            Flow::On
        })?;
        Ok(all)
    }
}

/// The three forms that answers have.
fn read(url: &Url, body: Value) -> Result<Page, ClientError> {
    let Value::Object(mut body) = body else { return Err(no_list(url)) };
    let link = |body: &serde_json::Map<String, Value>, names: &[&str]| {
        let link = names.iter().find_map(|name| body.get(*name)?.as_str());
        link.filter(|link| !link.is_empty()).map(str::to_owned)
    };
    match (body.remove("value"), body.remove("d")) {
        (Some(Value::Array(rows)), _) => {
            Ok(Page { rows, next: link(&body, &["odata.nextLink", "@odata.nextLink"]) })
        }
        (_, Some(Value::Array(rows))) => Ok(Page { rows, next: None }),
        (_, Some(Value::Object(mut inner))) => match inner.remove("results") {
            Some(Value::Array(rows)) => Ok(Page { rows, next: link(&inner, &["__next"]) }),
            _ => Err(no_list(url)),
        },
        _ => Err(no_list(url)),
    }
}

/// The rows of an answer that is a list.
pub fn list_page(url: &Url, body: Value) -> Option<Vec<Value>> {
    Some(read(url, body).ok()?.rows)
}

/// An object that stands alone, in `d` or not.
pub fn object(body: Value) -> Value {
    match body {
        Value::Object(mut whole) => match whole.remove("d") {
            Some(inner @ Value::Object(_)) => inner,
            Some(other) => {
                whole.insert("d".to_owned(), other);
                Value::Object(whole)
            }
            None => Value::Object(whole),
        },
        other => other,
    }
}

fn no_list(url: &Url) -> ClientError {
    ClientError::Odd { url: shown(url), why: "it is no list".to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(body: Value) -> Option<(usize, Option<String>)> {
        let page = read(&Url::parse("https://sp.x/a").unwrap(), body).ok()?;
        Some((page.rows.len(), page.next))
    }

    #[test]
    fn every_form_of_a_page_is_read() {
        let next = Some("https://sp.x/b".to_owned());
        assert_eq!(
            page(json!({"value": [1, 2], "odata.nextLink": "https://sp.x/b"})),
            Some((2, next.clone()))
        );
        assert_eq!(page(json!({"value": [], "@odata.nextLink": "https://sp.x/b"})), Some((0, next.clone())));
        assert_eq!(page(json!({"d": {"results": [1], "__next": "https://sp.x/b"}})), Some((1, next)));
        assert_eq!(page(json!({"d": [1]})), Some((1, None)));
        for odd in [json!({}), json!([]), json!({"value": {}}), json!({"d": {}}), json!("x")] {
            assert_eq!(page(odd), None);
        }
    }

    #[test]
    fn an_object_may_lie_in_d() {
        assert_eq!(object(json!({"d": {"Id": 1}})), json!({"Id": 1}));
        assert_eq!(object(json!({"Id": 1})), json!({"Id": 1}));
        assert_eq!(object(json!({"d": 4})), json!({"d": 4}));
    }
}
