//! The events of one list in some stretches of time: asked for page by page, taken apart, kept if wanted.

mod walk;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use chrono_tz::Tz;
use nexus_plugin_api::{Call, LogLevel, PluginError};
use nexus_plugin_http::shown;
use url::Url;

use crate::SharePointHarvester;
use crate::about::About;
use crate::address::{ListAddress, ListKind, Site};
use crate::client::{ClientError, object};
use crate::event::{Columns, Event};
use crate::fields::Field;
use crate::rest::Select;
use crate::zone;

pub use walk::{Found, MOST_UNREAD, Reading};

/// What was learnt about the server, as long as this instance lives.
#[derive(Default)]
pub struct Learnt {
    /// Zones of sites; `None`: it does not say.
    zones: Mutex<HashMap<String, Option<Tz>>>,
    /// Lists whose times cannot be searched.
    unsearchable: Mutex<HashSet<String>>,
    /// Lists of which it was asked whether a search finds anything at all.
    looked: Mutex<HashSet<String>>,
}

impl Learnt {
    /// Whether the times of this list can be searched.
    fn is_searchable(&self, list: &ListAddress) -> bool {
        !self.unsearchable.lock().unwrap_or_else(PoisonError::into_inner).contains(list.url.as_str())
    }

    /// Whether nobody has looked yet if a search finds anything at all.
    fn is_first_look(&self, list: &ListAddress) -> bool {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner).insert(list.url.to_string())
    }

    /// Takes note that they cannot; whether that is news.
    fn not_searchable(&self, list: &ListAddress) -> bool {
        self.unsearchable.lock().unwrap_or_else(PoisonError::into_inner).insert(list.url.to_string())
    }
}

/// What has become of an event.
pub enum Look {
    /// It is there.
    Event(Box<Event>),
    /// It is not.
    Gone,
    /// Nobody can say: which item cannot be read, and why.
    Unreadable(String, String),
}

/// A list that is about to be read.
pub struct Calendar<'a> {
    /// Whose it is.
    pub sharepoint: &'a SharePointHarvester,
    /// Where it is.
    pub list: &'a ListAddress,
    /// What is known of it.
    pub about: Arc<About>,
    /// Where the instrument stands: the zone of a site that does not say its own.
    instrument_zone: Tz,
    select: Select,
}

impl<'a> Calendar<'a> {
    /// A list, whose columns are asked for if they are not known. `filters` are the columns that tell instruments apart.
    pub fn open(
        sharepoint: &'a SharePointHarvester,
        call: &Call,
        list: &'a ListAddress,
        filters: &BTreeSet<&str>,
        instrument_zone: Tz,
    ) -> Result<Self, ClientError> {
        let about = sharepoint.lists.about(&sharepoint.client, call, list)?;
        let select = Select::new(&about, &sharepoint.settings.fields, filters);
        Ok(Self { sharepoint, list, about, instrument_zone, select })
    }

    /// The zone of the site: as the settings say, as the server says, or the instrument's.
    pub fn zone(&self, call: &Call) -> Result<Tz, ClientError> {
        if let Some(zone) = self.sharepoint.settings.timezone {
            return Ok(zone);
        }
        let site = self.list.site();
        let known = {
            let zones = self.sharepoint.learnt.zones.lock().unwrap_or_else(PoisonError::into_inner);
            zones.get(site).copied()
        };
        if let Some(zone) = known {
            return Ok(zone.unwrap_or(self.instrument_zone));
        }
        let zone = if self.list.kind == ListKind::Rest { self.asked_zone(call, site)? } else { None };
        let mut zones = self.sharepoint.learnt.zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.insert(site.to_owned(), zone);
        Ok(zone.unwrap_or(self.instrument_zone))
    }

    fn asked_zone(&self, call: &Call, site: &str) -> Result<Option<Tz>, ClientError> {
        let why = match site_zone(self.sharepoint, call, site) {
            Ok(Ok(zone)) => return Ok(Some(zone)),
            Ok(Err(why)) => why,
            // An account that may read one list need not be allowed to read the site's settings.
            Err(error) if error.is_of_the_list() || matches!(error, ClientError::Right { .. }) => {
                error.to_string()
            }
            Err(error) => return Err(error),
        };
        call.log(
            LogLevel::Warn,
            &format!(
                "the zone of {site} is not known ({why}): the instrument's zone holds for all-day events and \
                 recurrences; set `timezone`"
            ),
        );
        Ok(None)
    }

    /// Whether the list has what no reservation can be read without.
    ///
    /// # Errors
    /// A column is missing, named with what to do.
    pub fn usable(&self, filters: &BTreeSet<&str>) -> Result<(), PluginError> {
        let settings = &self.sharepoint.settings;
        self.about.missing(&settings.fields, self.list.kind, !settings.consent.is_assumed())?;
        match filters.iter().find(|name| !self.about.has(name)) {
            Some(name) => Err(PluginError::permanent(format!(
                "list `{}` has no column `{name}`, by which its items are told apart",
                self.about.title
            ))
            .with_hint(format!(
                "it stands behind the `#` of the list's name or address; {}",
                self.about.told()
            ))),
            None => Ok(()),
        }
    }

    fn columns(&self) -> Columns<'a> {
        let fields = &self.sharepoint.settings.fields;
        let one = |field| fields.columns(field, self.list.kind).first().copied().unwrap_or_default();
        Columns { start: one(Field::Start), end: one(Field::End) }
    }

    /// The event with this key, wherever it is now; `None` if it is gone.
    pub fn event(&self, call: &Call, key: &str) -> Result<Option<Event>, ClientError> {
        match self.look(call, key)? {
            Look::Event(event) => Ok(Some(*event)),
            Look::Gone => Ok(None),
            Look::Unreadable(item, why) => {
                Err(ClientError::Odd { url: shown(&self.list.url), why: format!("item {item}: {why}") })
            }
        }
    }

    /// What has become of the event with this key.
    pub fn look(&self, call: &Call, key: &str) -> Result<Look, ClientError> {
        let item = key.rsplit_once('@').map_or(key, |(item, _)| item);
        let Some(found) = self.item(call, item)? else { return Ok(Look::Gone) };
        if let Some(event) = found.events.into_iter().find(|event| event.key() == key) {
            return Ok(Look::Event(Box::new(event)));
        }
        // What cannot be read may be the very occurrence.
        Ok(found.unreadable.into_iter().next().map_or(Look::Gone, |(item, why)| Look::Unreadable(item, why)))
    }

    /// What an item is by now: one event, or the occurrences of one that recurs; `None` if it is gone.
    pub fn item(&self, call: &Call, item: &str) -> Result<Option<Found>, ClientError> {
        let is_number = !item.is_empty() && item.bytes().all(|byte| byte.is_ascii_digit());
        if self.list.kind != ListKind::CalendarView && !is_number {
            return Ok(None);
        }
        let url: Url = match self.list.kind {
            ListKind::Rest => crate::rest::item(self.list, &self.select, item),
            ListKind::Graph => crate::graph::item(self.list, item),
            ListKind::CalendarView => crate::graph::event(self.list, item),
        };
        let body = match self.sharepoint.client.get(call, &url, &self.headers()) {
            Err(ClientError::NotFound { .. }) => return Ok(None),
            other => object(other?),
        };
        let mut reading = Reading::of_everything(self);
        reading.take(call, vec![body])?;
        reading.exceptions(call)?;
        let mut found = reading.finish();
        // The whole list was read where exceptions cannot be searched.
        found.events.retain(|event| event.row.id == item || event.item() == item);
        found.unread.retain(|row, of| row == item || of == item);
        found.unreadable.retain(|(row, _)| found.unread.contains_key(row));
        Ok(Some(found))
    }

    fn headers(&self) -> Vec<(nexus_plugin_http::HeaderName, nexus_plugin_http::HeaderValue)> {
        match self.list.kind {
            ListKind::Rest => Vec::new(),
            ListKind::Graph => vec![crate::graph::without_index()],
            ListKind::CalendarView => vec![crate::graph::in_utc()],
        }
    }
}

/// The zone that a site says it is in.
pub fn site_zone(
    sharepoint: &SharePointHarvester,
    call: &Call,
    site: &str,
) -> Result<Result<Tz, String>, ClientError> {
    let Ok(url) = Url::parse(&format!("{site}/_api/web/RegionalSettings/TimeZone")) else {
        return Ok(Err("its address cannot be made".to_owned()));
    };
    debug_assert!(Site::parse(site).is_ok(), "a list lies in a site");
    Ok(zone::of_site(&object(sharepoint.client.get(call, &url, &[])?)))
}
