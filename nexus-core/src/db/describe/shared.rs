//! The tables that nexus shares with NexusLIMS, at revision `v2_5_0b`.

use super::{Column, Group, Index, Reference, Table};

pub(super) const TABLES: &[Table] = &[INSTRUMENTS, SESSION_LOG, UPLOAD_LOG, EXTERNAL_USERS];

const INSTRUMENTS: Table = Table {
    name: "instruments",
    group: Group::Shared,
    about: "One row per instrument: who it is, where it stands, where its files are stored, and which \
            scheduler knows it. Only usage of instruments that are listed here becomes a session.",
    columns: &[
        Column::new(
            "instrument_pid",
            "VARCHAR(100)",
            "The facility's lasting name of the instrument. Everything else refers to it, so it is never changed.",
        )
        .key(),
        Column::new(
            "api_url",
            "VARCHAR",
            "Address of the instrument at its scheduler. Its beginning tells which configured harvester is \
             responsible, the rest which tool is meant.",
        ),
        Column::new("calendar_url", "VARCHAR", "Address of the calendar that people use to book it."),
        Column::new("location", "VARCHAR(100)", "Where it stands, as people say it: building and room."),
        Column::new("display_name", "VARCHAR", "The name that records and listings show."),
        Column::new("property_tag", "VARCHAR(20)", "The owner's inventory number."),
        Column::new(
            "filestore_path",
            "VARCHAR",
            "Folder of its files, relative to the instrument data folder of the configuration.",
        ),
        Column::new(
            "harvester",
            "VARCHAR",
            "Kind of harvester that reads its usage, such as `nemo`. NexusLIMS builds only what it knows.",
        ),
        Column::new(
            "timezone",
            "VARCHAR",
            "Its time zone by IANA name, such as `America/New_York`. Times stored without an offset are \
             wall-clock times in this zone.",
        ),
    ],
    unique: &[&["api_url"]],
    indexes: &[],
    references: &[],
};

const SESSION_LOG: Table = Table {
    name: "session_log",
    group: Group::Shared,
    about: "What happened to a session. All rows with one session identifier are one session: a START row, an \
            END row, and a RECORD_GENERATION row for each time a record was tried. All rows of a session carry \
            the same status.",
    columns: &[
        Column::new("id_session_log", "INTEGER", "Number of the row, given by the database.").key(),
        Column::new(
            "session_identifier",
            "VARCHAR(36)",
            "Names the session for ever: for a NEMO session the server's address and the number of the usage \
             event. Longer than declared, which SQLite permits.",
        ),
        Column::new("instrument", "VARCHAR(100)", "The instrument that was used."),
        Column::new(
            "timestamp",
            "VARCHAR",
            "When it happened, in ISO 8601: `2024-03-05T11:10:00-05:00`, with six digits of fraction if not \
             zero. Without an offset it is wall-clock time in the zone of the instrument.",
        ),
        Column::new("event_type", "VARCHAR(17)", "What the row tells of.").checked(&[
            "START",
            "END",
            "RECORD_GENERATION",
        ]),
        Column::new("record_status", "VARCHAR(18)", "How far the session's record has come.").checked(&[
            "COMPLETED",
            "WAITING_FOR_END",
            "TO_BE_BUILT",
            "BUILT_NOT_EXPORTED",
            "ERROR",
            "NO_FILES_FOUND",
            "NO_CONSENT",
            "NO_RESERVATION",
        ]),
        Column::new(
            "user",
            "VARCHAR(50)",
            "The scheduler's name of the user who ran the session; in a RECORD_GENERATION row the program that \
             built the record. Null if unknown.",
        )
        .nullable(),
    ],
    unique: &[],
    indexes: &[Index { name: "ix_session_log_session_identifier", columns: &["session_identifier"] }],
    references: &[Reference {
        column: "instrument",
        table: "instruments",
        to: "instrument_pid",
        declared: true,
    }],
};

const UPLOAD_LOG: Table = Table {
    name: "upload_log",
    group: Group::Shared,
    about: "One row for each try to deliver a session's record to a destination, and how it ended. Rows are only \
            ever added.",
    columns: &[
        Column::new("id", "INTEGER", "Number of the row, given by the database.").key(),
        Column::new("session_identifier", "VARCHAR(36)", "The session whose record was delivered."),
        Column::new("destination_name", "VARCHAR(100)", "The destination by its name in the configuration."),
        Column::new("success", "BOOLEAN", "1 if the destination took the record, 0 if not."),
        Column::new(
            "timestamp",
            "VARCHAR",
            "When the try ended, in ISO 8601. NexusLIMS writes the local time of its machine without an offset.",
        ),
        Column::new(
            "record_id",
            "VARCHAR(255)",
            "The destination's own id of the record. Null after a failure.",
        )
        .nullable(),
        Column::new(
            "record_url",
            "VARCHAR(500)",
            "A link to it that a person can open. Null after a failure, or if there is none.",
        )
        .nullable(),
        Column::new("error_message", "VARCHAR", "Why it failed. Null after a success.").nullable(),
        Column::new(
            "metadata_json",
            "VARCHAR",
            "What else the destination said, as a JSON object. Null if nothing.",
        )
        .nullable(),
    ],
    unique: &[],
    indexes: &[
        Index { name: "ix_upload_log_session_identifier", columns: &["session_identifier"] },
        Index { name: "ix_upload_log_destination_name", columns: &["destination_name"] },
    ],
    references: &[Reference {
        column: "session_identifier",
        table: "session_log",
        to: "session_identifier",
        declared: false,
    }],
};

const EXTERNAL_USERS: Table = Table {
    name: "external_user_identifiers",
    group: Group::Shared,
    about: "Who a user is in another system. A user has at most one identifier in each system, and an identifier \
            belongs to at most one user.",
    columns: &[
        Column::new("id", "INTEGER", "Number of the row, given by the database.").key(),
        Column::new("nexuslims_username", "VARCHAR", "The user, by the name that `session_log.user` holds."),
        Column::new("external_system", "VARCHAR", "The other system.").checked(&[
            "nemo",
            "labarchives_eln",
            "labarchives_scheduler",
            "cdcs",
        ]),
        Column::new("external_id", "VARCHAR", "The user's identifier there."),
        Column::new("email", "VARCHAR", "The user's address for mail there. Null if unknown.").nullable(),
        Column::new("created_at", "VARCHAR", "When the row was made, in ISO 8601 with its offset (UTC)."),
        Column::new(
            "last_verified_at",
            "VARCHAR",
            "When the identifier was last stored again, in ISO 8601 with its offset (UTC). Null if never.",
        )
        .nullable(),
        Column::new("notes", "VARCHAR", "Remarks for people. Null if none.").nullable(),
    ],
    unique: &[&["nexuslims_username", "external_system"], &["external_system", "external_id"]],
    indexes: &[
        Index { name: "idx_external_lookup", columns: &["external_system", "external_id"] },
        Index { name: "idx_nexuslims_username", columns: &["nexuslims_username"] },
    ],
    references: &[],
};
