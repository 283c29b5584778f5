//! Schema, migrations and session lifecycle, and the steps from a usage session to a delivered record.
//!
//! ```text
//! harvest  →  sessions  →  build  →  deliver  →  settled
//! scheduler   session_log   files +    CDCS, …     status + upload_log
//! ```
//!
//! *Tables* know only the database; *steps* know tables, not each other; only `pipeline` knows the
//! steps. Workers return values, and one writer saves them.

pub mod activity;
pub mod adopt;
pub mod api_address;
pub mod audit;
pub mod backfill;
pub mod build;
pub mod builder;
mod causes;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod db;
pub mod delivery;
pub mod destination_state;
pub mod durable;
pub mod event;
pub mod explain;
pub mod export;
pub mod external_user;
pub mod extract;
pub mod failing;
pub mod folders;
#[doc(hidden)]
pub mod fuzz;
pub mod guide;
pub mod harvest;
pub mod ids;
pub mod instrument;
pub mod journal;
pub mod lock;
pub mod meta;
pub mod metadata;
pub mod overview;
pub mod own_table;
pub mod pipeline;
pub mod plugins;
pub mod preview;
pub mod question;
pub mod reconcile;
pub mod record;
pub mod report;
pub mod revision;
pub mod run;
pub mod secret;
pub mod session;
pub mod session_log;
pub mod session_state;
pub mod side_file;
pub mod stop;
pub mod storage;
mod text_enum;
pub mod timestamp;
pub mod unreadable;
pub mod unsynced;
pub mod upload_log;
pub mod validate;
pub mod walk;
pub mod writer;
pub mod xml;
pub mod zone;
