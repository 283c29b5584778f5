//! Reading a page of events: one whose time is none does not cost the others.

use serde::{Deserialize, Deserializer};

use super::{HarvestPage, InstrumentProgress, MetUser, OutsideEvents, RejectedRow, UsageEvent};
use crate::EventTime;
use crate::time::NotATime;

/// A page as it is written.
#[derive(Deserialize)]
struct Written {
    events: Vec<Event>,
    #[serde(default)]
    instruments: Vec<InstrumentProgress>,
    #[serde(default)]
    outside: Vec<OutsideEvents>,
    #[serde(default)]
    rejected: Vec<RejectedRow>,
    #[serde(default)]
    users: Vec<MetUser>,
    #[serde(default)]
    more: Option<String>,
}

/// An event as it is written.
#[derive(Deserialize)]
struct Event {
    external_id: String,
    session_identifier: String,
    instrument_pid: String,
    #[serde(default)]
    user: Option<String>,
    start: Time,
    #[serde(default)]
    end: Option<Time>,
    #[serde(default)]
    cancelled: bool,
}

/// A text that should be a time.
struct Time(Result<EventTime, NotATime>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse()))
    }
}

impl Event {
    fn read(self) -> Result<UsageEvent, RejectedRow> {
        let place = format!("usage event {}", self.external_id);
        let rejected = |what: &str, error: &NotATime| RejectedRow {
            place: place.clone(),
            reason: format!("its {what} {error}"),
        };
        let start = self.start.0.map_err(|error| rejected("start", &error))?;
        let end = self.end.map(|end| end.0.map_err(|error| rejected("end", &error))).transpose()?;
        let Self { external_id, session_identifier, instrument_pid, user, cancelled, .. } = self;
        Ok(UsageEvent { external_id, session_identifier, instrument_pid, user, start, end, cancelled })
    }
}

impl<'de> Deserialize<'de> for HarvestPage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { events, instruments, outside, mut rejected, users, more } =
            Written::deserialize(deserializer)?;
        let mut read = Vec::with_capacity(events.len());
        for event in events {
            match event.read() {
                Ok(event) => read.push(event),
                Err(row) => rejected.push(row),
            }
        }
        Ok(Self { events: read, instruments, outside, rejected, users, more })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_that_is_none_costs_its_event() {
        let event = |id: &str, start: &str, end: Option<&str>| json!({ "external_id": id, "session_identifier": id, "instrument_pid": "TEM", "start": start, "end": end });
        let page = json!({
            "events": [
                event("1", "2024-03-05T09:10:00-07:00", None),
                event("2", "12024-03-05T09:10:00Z", None),
                event("3", "2024-03-05T09:10:00Z", Some("2024-02-30T09:10:00Z")),
                event("4", "2024-03-05T09:10:00", Some("2024-03-05T10:10:00")),
            ],
            "rejected": [{ "place": "line 7", "reason": "odd" }],
            "more": "next",
        });
        let page: HarvestPage = serde_json::from_value(page).unwrap();
        let ids = page.events.iter().map(|event| event.external_id.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), ["1", "4"]);
        let rejected: Vec<_> = page.rejected.iter().map(|row| row.place.as_str()).collect();
        assert_eq!(rejected, ["line 7", "usage event 2", "usage event 3"]);
        assert!(page.rejected[2].reason.starts_with("its end `2024-02-30T09:10:00Z` is not"), "{page:?}");
        assert_eq!(page.more.as_deref(), Some("next"));
        let again: HarvestPage = serde_json::from_value(serde_json::to_value(&page).unwrap()).unwrap();
        assert_eq!(again, page);
        // A time that is no text is another matter: the message is not what it should be.
        assert!(
            serde_json::from_value::<HarvestPage>(json!({ "events": [{ "external_id": "1" }] })).is_err()
        );
    }
}
