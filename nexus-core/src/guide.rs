//! For programmers: the database of sessions as a library.
//!
//! This page holds no code of its own. It shows, with examples that run as tests, how to open the database and
//! what can be asked of it and written to it. NexusLIMS users find a table of counterparts at the end.
//!
//! # Open a database
//!
//! A file that exists is opened for reading or for writing. Whatever is not a database, newer than this
//! program or half-migrated is refused and left as it is. A new file is made by
//! [`Database::create`], and [`Database::in_memory`] makes one for tests and for trying things out.
//!
//! ```
//! use nexus_core::db::{Access, Database};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("nexus.db");
//! Database::create(&path)?;
//! let database = Database::open(&path, Access::Read)?;
//! database.require_head()?;
//! # Ok(())
//! # }
//! ```
//!
//! The typed queries below want the newest revision of the shared tables;
//! [`require_head`](Database::require_head) says so, and what to do.
//!
//! # Ask
//!
//! Reading takes a connection, [`Database::read`]. A raw query is one statement that only reads, its values
//! are bound, and its rows come as tuples. Writing goes through the typed calls only.
//!
//! ```
//! use nexus_core::db::Database;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let database = Database::in_memory()?;
//! let found = database.query(
//!     "SELECT session_identifier, timestamp FROM session_log WHERE user = ?1 AND event_type = ?2",
//!     &["ann".to_owned().into(), "START".to_owned().into()],
//! )?;
//! assert_eq!(found.columns, ["session_identifier", "timestamp"]);
//! assert!(found.rows.is_empty());
//! assert!(database.query("DELETE FROM session_log", &[]).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # Instruments
//!
//! [`Instruments::load`](crate::instrument::Instruments::load) reads all of them into a map by PID, once. An
//! [`Instrument`](crate::instrument::Instrument) knows its zone, and shows times in it: a time without an
//! offset is already local there, one with an offset is converted.
//!
//! ```
//! use nexus_core::db::Database;
//! use nexus_core::instrument::{Instrument, Instruments};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut database = Database::in_memory()?;
//! let titan = Instrument {
//!     pid: "FEI-Titan-TEM-012345".into(),
//!     api_url: "https://nemo.example.org/api/tools/?id=1".to_owned(),
//!     calendar_url: "https://nemo.example.org/calendar/titan/".to_owned(),
//!     location: "Building 2, room 5".to_owned(),
//!     display_name: "Titan TEM".to_owned(),
//!     property_tag: "012345".to_owned(),
//!     filestore_path: "Titan".to_owned(),
//!     harvester: "nemo".to_owned(),
//!     timezone: "America/New_York".to_owned(),
//! };
//! let tx = database.transaction()?;
//! titan.insert(&tx)?;
//! tx.commit()?;
//!
//! let instruments = Instruments::load(database.read())?;
//! let titan = instruments.get(&"FEI-Titan-TEM-012345".into()).ok_or("not there")?;
//! assert_eq!(titan.name(), "FEI-Titan-TEM-012345");
//! assert_eq!(titan.to_string(), "FEI-Titan-TEM-012345 in Building 2, room 5");
//! assert_eq!(titan.timezone()?, chrono_tz::America::New_York);
//!
//! let stored = "2021-07-01T14:00:00+02:00".parse()?;
//! assert_eq!(titan.localise(&stored)?.to_rfc3339(), "2021-07-01T08:00:00-04:00");
//! assert_eq!(titan.localise_text(&stored, None)?, "2021-07-01 08:00:00 EDT");
//! assert_eq!(titan.localise_text(&stored, Some("%d %B %Y"))?, "01 July 2021");
//!
//! assert_eq!(titan.to_map()["timezone"], "America/New_York");
//! assert_eq!(titan.to_json()["display_name"], "Titan TEM");
//! assert!(titan.session_logs(database.read(), &instruments)?.rows.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! # Sessions
//!
//! A session enters the table when it has ended: START and END together, TO_BE_BUILT. Storing it again is
//! right at any time; revised times, user or instrument reach both rows while the session is open.
//!
//! ```
//! use nexus_core::clock::SystemClock;
//! use nexus_core::db::Database;
//! use nexus_core::instrument::{Instrument, Instruments};
//! use nexus_core::session::{Moved, RecordStatus, sessions_to_build};
//! use nexus_core::session_log::{NewSession, SessionLog, Stored};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut database = Database::in_memory()?;
//! let tx = database.transaction()?;
//! # Instrument {
//! #     pid: "FEI-Titan-TEM-012345".into(),
//! #     api_url: "https://nemo.example.org/api/tools/?id=1".to_owned(),
//! #     calendar_url: String::new(),
//! #     location: String::new(),
//! #     display_name: "Titan TEM".to_owned(),
//! #     property_tag: String::new(),
//! #     filestore_path: "Titan".to_owned(),
//! #     harvester: "nemo".to_owned(),
//! #     timezone: "America/New_York".to_owned(),
//! # }
//! # .insert(&tx)?;
//! let session = NewSession {
//!     identifier: "https://nemo.example.org/api/usage_events/?id=17".into(),
//!     instrument: "FEI-Titan-TEM-012345".into(),
//!     user: Some("ann".to_owned()),
//!     start: "2024-03-05T09:10:00-05:00".parse()?,
//!     end: "2024-03-05T11:40:00-05:00".parse()?,
//! };
//! assert_eq!(session.insert(&tx)?, Stored::Inserted);
//! let again = session.insert(&tx)?;
//! assert_eq!(again, Stored::AlreadyThere);
//! assert!(again.is_stored());
//!
//! // All rows, by time; those that cannot be read come apart, with their row.
//! let instruments = Instruments::load(&tx)?;
//! let logs = SessionLog::all(&tx, &instruments)?;
//! assert_eq!((logs.rows.len(), logs.unreadable.len()), (2, 0));
//! let start = logs.rows.first().ok_or("no row")?;
//! assert_eq!(start.timestamp.to_string(), "2024-03-05T09:10:00-05:00");
//! assert_eq!(start.instrument(&instruments).ok_or("unknown")?.display_name, "Titan TEM");
//!
//! // START and END paired; a session that cannot be built says why, and blocks no other.
//! let to_build = sessions_to_build(&tx, &instruments)?;
//! assert!(to_build.broken.is_empty());
//! let session = to_build.sessions.first().ok_or("nothing to build")?;
//!
//! // A build: its RECORD_GENERATION row, then the status of all rows, if it is still what it was.
//! let row = session.insert_record_generation(&tx, &SystemClock)?;
//! assert_eq!(row.user.as_deref(), Some("nexuslims"));
//! let moved = session.update_status(&tx, RecordStatus::ToBeBuilt, RecordStatus::BuiltNotExported)?;
//! assert_eq!(moved, Moved::Moved { rows: 3 });
//!
//! // Only permitted moves are made: this one could put a second record into a destination.
//! assert!(session.update_status(&tx, RecordStatus::BuiltNotExported, RecordStatus::ToBeBuilt).is_err());
//! tx.commit()?;
//! # Ok(())
//! # }
//! ```
//!
//! [`SessionLog::insert`](crate::session_log::SessionLog::insert) stores a single row by the same rules.
//!
//! # Uploads
//!
//! ```
//! use nexus_core::db::Database;
//! use nexus_core::upload_log::{NewUpload, UploadLog};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut database = Database::in_memory()?;
//! let tx = database.transaction()?;
//! let id = NewUpload {
//!     session_identifier: "https://nemo.example.org/api/usage_events/?id=17".into(),
//!     destination: "cdcs".into(),
//!     success: true,
//!     timestamp: "2024-03-06T04:00:12-05:00".parse()?,
//!     record_id: Some("65e8".to_owned()),
//!     record_url: Some("https://cdcs.example.org/data?id=65e8".to_owned()),
//!     error_message: None,
//!     metadata: None,
//! }
//! .insert(&tx)?;
//! tx.commit()?;
//!
//! let new = UploadLog::after(database.read(), id - 1, 100)?;
//! assert_eq!(new.rows.len(), 1);
//! let to_cdcs = UploadLog::of_destination(database.read(), &"cdcs".into())?;
//! assert!(to_cdcs.rows.iter().all(|row| row.success));
//! # Ok(())
//! # }
//! ```
//!
//! # Users in other systems
//!
//! ```
//! use nexus_core::clock::SystemClock;
//! use nexus_core::db::Database;
//! use nexus_core::external_user::{self, ExternalSystem, Linked, NewIdentifier};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut database = Database::in_memory()?;
//! let tx = database.transaction()?;
//! let link = NewIdentifier {
//!     user: "ann",
//!     system: ExternalSystem::Cdcs,
//!     external_id: "42",
//!     email: Some("ann@example.org"),
//!     notes: None,
//! };
//! assert_eq!(link.store(&tx, &SystemClock)?, Linked::Inserted);
//! // Again: verified now. E-mail and notes that are not given stay.
//! assert_eq!(link.store(&tx, &SystemClock)?, Linked::Updated);
//! tx.commit()?;
//!
//! let reader = database.read();
//! assert_eq!(external_user::external_id(reader, "ann", ExternalSystem::Cdcs)?.as_deref(), Some("42"));
//! assert_eq!(external_user::user_of(reader, ExternalSystem::Cdcs, "42")?.as_deref(), Some("ann"));
//! assert_eq!(external_user::all_of(reader, "ann")?[&ExternalSystem::Cdcs], "42");
//! # Ok(())
//! # }
//! ```
//!
//! # Times
//!
//! A [`Timestamp`](crate::timestamp::Timestamp) is what the shared tables hold: ISO 8601 text with an offset or
//! without. It comes back from the database as it went in. There is no order between a time with an offset and
//! one without until a zone is given: [`instant`](crate::timestamp::Timestamp::instant).
//!
//! # For users of NexusLIMS
//!
//! | there | here |
//! |---|---|
//! | the engine, a session | [`Database`], [`Database::transaction`] |
//! | a query with parameters | [`Database::query`] |
//! | `Instrument.name` | [`Instrument::name`](crate::instrument::Instrument::name) |
//! | `Instrument.timezone` | [`Instrument::timezone`](crate::instrument::Instrument::timezone) |
//! | `Instrument.localize_datetime` | [`Instrument::localise`](crate::instrument::Instrument::localise) |
//! | `Instrument.localize_datetime_str` | [`Instrument::localise_text`](crate::instrument::Instrument::localise_text) |
//! | `Instrument.to_dict`, `to_json` | [`Instrument::to_map`](crate::instrument::Instrument::to_map), [`to_json`](crate::instrument::Instrument::to_json) |
//! | `Instrument.session_logs` | [`Instrument::session_logs`](crate::instrument::Instrument::session_logs) |
//! | `instrument_db` | [`Instruments`](crate::instrument::Instruments) |
//! | `SessionLog.insert_log` | [`SessionLog::insert`](crate::session_log::SessionLog::insert), [`NewSession::insert`](crate::session_log::NewSession::insert) |
//! | `SessionLog.instrument_obj` | [`SessionLog::instrument`](crate::session_log::SessionLog::instrument) |
//! | `get_all_session_logs` | [`SessionLog::all`](crate::session_log::SessionLog::all) |
//! | `get_sessions_to_build` | [`sessions_to_build`](crate::session::sessions_to_build) |
//! | `Session.update_session_status` | [`Session::update_status`](crate::session::Session::update_status) |
//! | `Session.insert_record_generation_event` | [`Session::insert_record_generation`](crate::session::Session::insert_record_generation) |
//! | `UploadLog` | [`UploadLog`](crate::upload_log::UploadLog), [`NewUpload`](crate::upload_log::NewUpload) |
//! | `get_external_id` | [`external_user::external_id`](crate::external_user::external_id) |
//! | `get_nexuslims_username` | [`external_user::user_of`](crate::external_user::user_of) |
//! | `store_external_id` | [`NewIdentifier::store`](crate::external_user::NewIdentifier::store) |
//! | `get_all_external_ids` | [`external_user::all_of`](crate::external_user::all_of) |

#[cfg(doc)]
use crate::db::Database;
