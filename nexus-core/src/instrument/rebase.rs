//! Instruments of a scheduler that has moved to another address.

use rusqlite::Transaction;

use super::{Instrument, InstrumentError, Instruments};
use crate::api_address::ApiBase;
use crate::ids::InstrumentPid;

/// A move that cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RebaseError {
    /// Two instruments would stand for one tool.
    #[error(
        "instrument `{pid}` (api_url `{api_url}`) would become `{wanted}`, which is instrument `{holder}`: nothing was \
         changed"
    )]
    Taken {
        /// The instrument.
        pid: InstrumentPid,
        /// Its address.
        api_url: String,
        /// The address that it would have.
        wanted: String,
        /// Who has that address, or would have it too.
        holder: InstrumentPid,
    },
}

/// An instrument before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebased {
    /// As it is.
    pub before: Instrument,
    /// As it will be.
    pub after: Instrument,
}

/// What a move from one API to another changes: `api_url`, where it names a tool of the old API itself, and
/// `calendar_url`, where it lies below the old site's pages. Nothing is written.
///
/// # Errors
/// Two instruments would stand for one tool.
pub fn plan(instruments: &Instruments, old: &ApiBase, new: &ApiBase) -> Result<Vec<Rebased>, RebaseError> {
    let mut moves: Vec<Rebased> = Vec::new();
    for instrument in instruments.iter() {
        let Some(tool) = old.number_in("tools", &instrument.api_url) else { continue };
        let before = Instrument::clone(instrument);
        let mut after = before.clone();
        after.api_url = format!("{}tools/?id={tool}", new.as_str());
        if let Some(rest) = old.below_site(&before.calendar_url) {
            after.calendar_url = format!("{}{rest}", new.site());
        }
        let stands = |other: &Instrument| {
            other.pid != before.pid && new.number_in("tools", &other.api_url) == Some(tool)
        };
        let there = instruments.iter().find(|other| stands(other)).map(|other| &other.pid);
        let twin = moves.iter().find(|made| stands(&made.after)).map(|made| &made.after.pid);
        if let Some(holder) = there.or(twin) {
            return Err(RebaseError::Taken {
                pid: before.pid.clone(),
                api_url: before.api_url.clone(),
                wanted: after.api_url,
                holder: holder.clone(),
            });
        }
        if before != after {
            moves.push(Rebased { before, after });
        }
    }
    Ok(moves)
}

/// Writes what was planned.
///
/// # Errors
/// An instrument cannot be written.
pub fn apply(tx: &Transaction<'_>, moves: &[Rebased]) -> Result<(), InstrumentError> {
    moves.iter().try_for_each(|made| made.after.update(tx))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instrument(pid: &str, api_url: &str, calendar_url: &str) -> Instrument {
        Instrument {
            pid: pid.into(),
            api_url: api_url.to_owned(),
            calendar_url: calendar_url.to_owned(),
            location: String::new(),
            display_name: pid.to_owned(),
            property_tag: String::new(),
            filestore_path: pid.to_owned(),
            harvester: "nemo".to_owned(),
            timezone: "UTC".to_owned(),
        }
    }

    fn moved(all: &[Instrument], old: &str, new: &str) -> Result<Vec<(String, String)>, RebaseError> {
        let (old, new) = (ApiBase::parse(old).unwrap(), ApiBase::parse(new).unwrap());
        let moves = plan(&all.iter().cloned().collect(), &old, &new)?;
        Ok(moves.into_iter().map(|made| (made.after.api_url, made.after.calendar_url)).collect())
    }

    const OLD: &str = "https://old.x/api/";
    const NEW: &str = "https://new.x/nemo/api/";

    #[test]
    fn only_the_tools_of_the_very_api_move_and_their_calendars_with_them() {
        let all = [
            instrument("A", "https://old.x/api/tools/?id=1", "https://old.x/calendar/tool/1/"),
            instrument("B", "https://OLD.x/api/tools/2/", "https://elsewhere.x/2"),
            instrument("C", "https://old.x/api/v2/tools/?id=3", "https://old.x/calendar/"),
            instrument("D", "https://old.x/api2/tools/?id=4", ""),
            instrument("E", "logbook:e", ""),
        ];
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            moved(&all, OLD, NEW).unwrap(),
            [
                pair("https://new.x/nemo/api/tools/?id=1", "https://new.x/nemo/calendar/tool/1/"),
                pair("https://new.x/nemo/api/tools/?id=2", "https://elsewhere.x/2"),
            ]
        );
    }

    #[test]
    fn a_second_time_there_is_nothing_to_move() {
        let all = [instrument("A", "https://new.x/nemo/api/tools/?id=1", "https://new.x/nemo/calendar/")];
        assert_eq!(moved(&all, OLD, NEW), Ok(Vec::new()));
        assert_eq!(moved(&all, NEW, NEW), Ok(Vec::new()));
    }

    #[test]
    fn two_instruments_never_become_one_tool() {
        let taken = instrument("B", "https://new.x/nemo/api/tools/1/", "");
        let all = [instrument("A", "https://old.x/api/tools/?id=1", ""), taken];
        let error = moved(&all, OLD, NEW).unwrap_err().to_string();
        assert!(error.contains("`A`") && error.contains("which is instrument `B`"), "{error}");
        let all = [
            instrument("A", "https://old.x/api/tools/?id=1", ""),
            instrument("B", "https://old.x/api/tools/1/", ""),
        ];
        assert!(moved(&all, OLD, NEW).is_err());
    }
}
