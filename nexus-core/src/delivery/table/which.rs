//! Deliveries by what is known of them: for listings, and for what a person decides about many.

use chrono::{DateTime, Utc};
use rusqlite::{Connection, named_params};

use super::{DeliveryError, failed, rows};
use crate::delivery::{Class, Delivery, State};
use crate::ids::{DestinationName, SessionId};
use crate::timestamp::UtcTime;

/// Conditions that must all hold; an absent one always does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Of this session.
    pub session: Option<SessionId>,
    /// To this destination.
    pub destination: Option<DestinationName>,
    /// Whose last failure is of this class; [`Class::Unknown`] means every delivery that is unknown.
    pub class: Option<Class>,
    /// That changed at this instant or later: were tried, failed, arrived, were asked for.
    pub since: Option<DateTime<Utc>>,
    /// In one of these states; none: in any.
    pub states: Vec<State>,
}

/// The deliveries for which all conditions hold, by session and destination.
///
/// # Errors
/// The database cannot be read.
pub fn which(connection: &Connection, which: &Which) -> Result<Vec<Delivery>, DeliveryError> {
    let mut found = rows(
        connection,
        select!(
            "WHERE (:session IS NULL OR session_identifier = :session)
               AND (:destination IS NULL OR destination = :destination)
               AND (:since IS NULL OR updated_at >= :since)
               AND (:class IS NULL OR (:class = 'unknown' AND state = 'unknown')
                                   OR (:class <> 'unknown' AND failure_class = :class AND state <> 'unknown'))
             ORDER BY session_identifier, destination"
        ),
        named_params! {
            ":session": which.session,
            ":destination": which.destination,
            ":since": which.since.map(UtcTime::new),
            ":class": which.class,
        },
    )
    .map_err(failed("read the deliveries"))?;
    if !which.states.is_empty() {
        found.retain(|row| which.states.contains(&row.state));
    }
    Ok(found)
}

/// Whether there is any delivery to it.
///
/// # Errors
/// The database cannot be read.
pub fn knows_destination(connection: &Connection, name: &DestinationName) -> Result<bool, DeliveryError> {
    connection
        .query_row("SELECT EXISTS (SELECT 1 FROM nexus_delivery WHERE destination = ?1)", [name], |row| {
            row.get(0)
        })
        .map_err(failed(format!("look for deliveries to {name}")))
}

#[cfg(test)]
mod tests {
    use super::super::insert;
    use super::*;
    use crate::db::Database;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(second)
    }

    fn row(session: &str, destination: &str, state: State, class: Option<Class>, second: i64) -> Delivery {
        let mut row = Delivery::new(session.into(), destination.into(), at(second));
        row.state = state;
        row.failure_class = class;
        row
    }

    #[test]
    fn all_conditions_hold() {
        let mut database = Database::in_memory().unwrap();
        let tx = database.transaction().unwrap();
        for row in [
            row("a", "cdcs", State::Failed, Some(Class::Auth), 10),
            row("a", "share", State::Delivered, None, 20),
            row("b", "cdcs", State::Due, Some(Class::Transient), 30),
            // What nobody can tell is unknown, however the attempt failed.
            row("b", "share", State::Unknown, Some(Class::Transient), 40),
        ] {
            insert(&tx, &row).unwrap();
        }
        let found = |conditions: Which| -> Vec<String> {
            let found = which(&tx, &conditions).unwrap();
            found.iter().map(|row| format!("{}/{}", row.session, row.destination)).collect()
        };
        let any = Which::default;
        assert_eq!(found(any()), ["a/cdcs", "a/share", "b/cdcs", "b/share"]);
        assert_eq!(found(Which { session: Some("a".into()), ..any() }), ["a/cdcs", "a/share"]);
        assert_eq!(found(Which { destination: Some("cdcs".into()), ..any() }), ["a/cdcs", "b/cdcs"]);
        assert_eq!(found(Which { class: Some(Class::Transient), ..any() }), ["b/cdcs"]);
        assert_eq!(found(Which { class: Some(Class::Unknown), ..any() }), ["b/share"]);
        assert_eq!(found(Which { since: Some(at(30)), ..any() }), ["b/cdcs", "b/share"]);
        assert_eq!(found(Which { states: vec![State::Failed, State::Due], ..any() }), ["a/cdcs", "b/cdcs"]);
        assert!(found(Which { since: Some(at(30)), session: Some("a".into()), ..any() }).is_empty());
    }
}
