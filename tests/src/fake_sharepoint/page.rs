//! The rows of a question, a page at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::data::{Item, List};
use super::filter::{self, Condition, Dialect};
use super::{Habits, NextLink};
use crate::http::Request;

/// Why a question for items is refused.
pub(super) enum Refusal {
    /// The question is wrong.
    Wrong(String),
    /// A column that is not indexed, on Graph, without the header that asks for it all the same.
    NotIndexed(String),
    /// The list is too large for that.
    TooLarge,
}

/// The items of one page, and the link to the next.
pub(super) struct Page<'a> {
    pub(super) items: Vec<&'a Item>,
    pub(super) next: Option<String>,
}

/// The items that are asked for.
pub(super) fn of<'a>(
    request: &Request,
    list: &'a List,
    habits: &Habits,
    dialect: Dialect,
    prefers: bool,
) -> Result<Page<'a>, Refusal> {
    if request.parameter("$skip").is_some() {
        return Err(Refusal::Wrong("The query option $skip is not supported on list items.".to_owned()));
    }
    let condition = match request.parameter("$filter") {
        None => None,
        Some(text) => Some(Condition::parse(text, list, dialect).map_err(Refusal::Wrong)?),
    };
    let keys = match request.parameter("$orderby") {
        None => Vec::new(),
        Some(text) => filter::order(text, list, dialect).map_err(Refusal::Wrong)?,
    };
    let looked_at =
        condition.iter().flat_map(Condition::columns).chain(keys.iter().map(|(key, _)| key.as_str()));
    let slow: Vec<_> =
        looked_at.filter(|name| !list.columns.get(*name).is_none_or(|one| one.indexed)).collect();
    if let Some(column) = condition
        .iter()
        .flat_map(Condition::columns)
        .find(|name| habits.refused_in_filters.iter().any(|one| one == name))
    {
        return Err(Refusal::Wrong(format!(
            "The field '{column}' of type cannot be used in the query filter expression."
        )));
    }
    if let (Some(column), Dialect::Graph, false) = (slow.first(), dialect, prefers) {
        return Err(Refusal::NotIndexed((*column).to_owned()));
    }
    if !slow.is_empty() && list.items.len() > habits.threshold {
        return Err(Refusal::TooLarge);
    }
    let mut items: Vec<_> =
        list.items.values().filter(|item| condition.as_ref().is_none_or(|one| one.accepts(item))).collect();
    if habits.filters_find_nothing && condition.is_some() {
        items.clear();
    }
    filter::sort(&mut items, &keys);
    let after = match request.parameter("$skiptoken") {
        None => 0,
        Some(token) => {
            let before = position(token, dialect)
                .ok_or_else(|| Refusal::Wrong("The skiptoken is not valid.".to_owned()))?;
            items.iter().position(|item| item.id == before).map_or(0, |at| at + 1)
        }
    };
    let asked = request.parameter("$top").and_then(|top| top.parse().ok());
    let top: usize = asked.unwrap_or(habits.default_page);
    if top == 0 || top > 5000 {
        return Err(Refusal::Wrong("The $top query option is not valid.".to_owned()));
    }
    let size = top.min(habits.page);
    let more = items.len() > after + size;
    let items: Vec<_> = items.into_iter().skip(after).take(size).collect();
    let next = match (&habits.next, items.last()) {
        (NextLink::Plain, Some(end)) if more => Some(link(request, end.id, dialect, None)),
        (NextLink::Elsewhere(origin), Some(end)) if more => {
            Some(link(request, end.id, dialect, Some(origin)))
        }
        // The same page for ever.
        (NextLink::Loop, Some(_)) => Some(link(request, 0, dialect, None)),
        _ => None,
    };
    Ok(Page { items, next })
}

fn position(token: &str, dialect: Dialect) -> Option<u64> {
    let text = match dialect {
        Dialect::Rest => token.to_owned(),
        Dialect::Graph => String::from_utf8(URL_SAFE.decode(token).ok()?).ok()?,
    };
    text.strip_prefix("Paged=TRUE&p_ID=")?.parse().ok()
}

/// A link to the next page with the encoding that real servers use: more than is needed, in small letters.
fn link(request: &Request, last: u64, dialect: Dialect, origin: Option<&str>) -> String {
    let token = format!("Paged=TRUE&p_ID={last}");
    let token = match dialect {
        Dialect::Rest => token,
        Dialect::Graph => URL_SAFE.encode(token),
    };
    let host = format!("http://{}", request.header("host").unwrap_or_default());
    let path = request.target.split('?').next().unwrap_or_default();
    let mut query = vec![("$skiptoken".to_owned(), token)];
    query.extend(request.query.iter().filter(|(key, _)| key != "$skiptoken").cloned());
    let query: Vec<_> =
        query.iter().map(|(key, value)| format!("{}={}", strange(key), strange(value))).collect();
    format!("{}{path}?{}", origin.unwrap_or(&host), query.join("&"))
}

fn strange(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02x}").unwrap();
        }
    }
    out
}
