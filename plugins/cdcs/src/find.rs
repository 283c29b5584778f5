//! Looking for the record of a session.

use nexus_plugin_api::{Call, Delivery, Found, LogLevel, PluginError, Remote};
use serde_json::{Value, json};

use crate::CdcsDestination;
use crate::client::ClientError;
use crate::identity;
use crate::memory::{Glance, Seen};
use crate::owner;
use crate::record::Local;
use crate::reply::{Record, rows};
use crate::site::no_list;

/// Pages after which a list of records with one title is taken for endless.
const MOST_PAGES: usize = 100;

/// What the site holds for a session, told to the host.
pub fn find(cdcs: &CdcsDestination, call: &Call, delivery: &Delivery) -> Result<Found, PluginError> {
    let (key, content) = (&delivery.record.key, &delivery.record.content_sha256);
    let mut records = look(cdcs, call, delivery)?;
    let remote = |id: u64, content_sha256: Option<String>| Remote {
        id: id.to_string(),
        url: Some(cdcs.client.base().page(id)),
        content_sha256,
    };
    let Some(record) = records.pop() else {
        cdcs.memory.note(key, content, Glance::Nothing, cdcs.client.now());
        return Ok(Found::None);
    };
    if !records.is_empty() {
        records.push(record);
        return Ok(Found::Many(records.iter().map(|record| remote(record.id, None)).collect()));
    }
    // A record that cannot be read is a matter of the delivery.
    let same = Local::read(delivery).is_ok_and(|local| local.is_held(&record.content));
    let seen = Seen::new(&record, same);
    let complete = same && is_published(cdcs, &seen) && owner::is_right(cdcs, call, delivery, &seen)?;
    if !complete {
        cdcs.memory.note(key, content, Glance::There(seen), cdcs.client.now());
    }
    Ok(Found::One(remote(record.id, complete.then(|| content.clone()))))
}

/// Whether a record is where it is wanted. One that somebody put into another workspace stays there.
pub fn is_published(cdcs: &CdcsDestination, seen: &Seen) -> bool {
    cdcs.settings.workspace == crate::settings::Workspace::Private || seen.workspace.is_some()
}

/// Every record that is the session's, by its number. Those of the right title that are another's are left out.
pub fn look(cdcs: &CdcsDestination, call: &Call, delivery: &Delivery) -> Result<Vec<Record>, PluginError> {
    let template = cdcs.site.template(&cdcs.client, call, &cdcs.settings.template)?;
    let title = delivery.record.name.trim();
    let mut records = by_title(cdcs, call, title, &template.versions)?;
    records.retain(|record| record.title == title && template.versions.contains(&record.template));
    if let Some(known) = delivery.previous.as_ref().and_then(|remote| remote.id.parse::<u64>().ok())
        && records.iter().all(|record| record.id != known)
    {
        records.extend(by_number(cdcs, call, known)?);
    }
    records.sort_by_key(|record| record.id);
    records.dedup_by_key(|record| record.id);
    if let Some(record) = records.first() {
        cdcs.site.learn(record.field);
    }
    let mut others = Vec::new();
    records.retain(|record| {
        let ours = identity::is_of_session(&record.content, delivery);
        if !ours {
            others.push(record.id.to_string());
        }
        ours
    });
    if !others.is_empty() {
        let others = others.join(", ");
        call.log(
            LogLevel::Warn,
            &format!("record {others} is called `{title}` as well, but is not of this session: left alone"),
        );
    }
    Ok(records)
}

/// The record that this destination is known to hold, if it still does.
fn by_number(cdcs: &CdcsDestination, call: &Call, id: u64) -> Result<Option<Record>, ClientError> {
    match cdcs.client.get(call, &format!("rest/data/{id}/"), &[]) {
        Ok(answer) => Ok(Record::of(&answer)),
        Err(ClientError::NotFound { .. }) => Ok(None),
        // It is there, and another account's: a new one would be the second.
        Err(error) => Err(error),
    }
}

fn by_title(
    cdcs: &CdcsDestination,
    call: &Call,
    title: &str,
    versions: &[u64],
) -> Result<Vec<Record>, ClientError> {
    if cdcs.settings.user_owned {
        // A record that was given away and is private shows up here only.
        return as_superuser(cdcs, call, title);
    }
    if !title.contains('$') {
        let templates: Vec<Value> = versions.iter().map(|id| json!({"id": id})).collect();
        let body = json!({"query": {}, "title": title, "templates": templates});
        return pages(cdcs, "rest/data/query/", |path, page| {
            cdcs.client.ask(call, path, &page.pair(), &body)
        });
    }
    // The query takes `$` for an operator.
    match as_superuser(cdcs, call, title) {
        Err(ClientError::Right { .. }) => pages(cdcs, "rest/data/", |path, page| {
            let query: Vec<_> = [("title", title)].into_iter().chain(page.pair()).collect();
            cdcs.client.get(call, path, &query)
        }),
        other => other,
    }
}

fn as_superuser(cdcs: &CdcsDestination, call: &Call, title: &str) -> Result<Vec<Record>, ClientError> {
    let path = "rest/admin/data/";
    let answer = cdcs.client.get(call, path, &[("title", title)])?;
    rows(&answer, Record::of).ok_or_else(|| no_list(&cdcs.client, path))
}

/// The number of a page, as it stands in a query.
struct PageNumber(String);

impl PageNumber {
    fn pair(&self) -> Vec<(&str, &str)> {
        if self.0 == "1" { Vec::new() } else { vec![("page", &self.0)] }
    }
}

/// All pages of a list. They are counted here: the address of the next one is only the server's guess, and a page
/// past the end is an error of the server's.
fn pages(
    cdcs: &CdcsDestination,
    path: &str,
    ask: impl Fn(&str, &PageNumber) -> Result<Value, ClientError>,
) -> Result<Vec<Record>, ClientError> {
    let mut records = Vec::new();
    let mut received = 0;
    for number in 1..=MOST_PAGES {
        let answer = match ask(path, &PageNumber(number.to_string())) {
            // The list has become shorter meanwhile.
            Err(ClientError::Refused { said, .. }) if number > 1 && said.contains("Invalid page") => break,
            other => other?,
        };
        if let Some(all) = rows(&answer, Record::of) {
            return Ok(all);
        }
        let results = answer.get("results").and_then(|results| Some((results, results.as_array()?.len())));
        let Some((results, length)) = results else { return Err(no_list(&cdcs.client, path)) };
        records.extend(rows(results, Record::of).unwrap_or_default());
        received += length;
        let count = answer.get("count").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        if length == 0 || count.is_none_or(|count| received >= count) {
            break;
        }
    }
    Ok(records)
}
