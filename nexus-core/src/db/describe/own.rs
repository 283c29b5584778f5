//! The tables that only nexus has. NexusLIMS neither reads nor changes them.

use super::{Column, Group, Index, Reference, Table};

pub(super) const TABLES: &[Table] = &[META, SESSION, DELIVERY, DESTINATION, CURSOR, EVENT, RUN];

const META: Table = Table {
    name: "nexus_meta",
    group: Group::Own,
    about: "Single facts about the whole database: the last run's heartbeat, how far the upload log has been \
            seen, when the history of NexusLIMS was adopted, which storage each instrument's folder lies on, which \
            harvesters failed in the last run, and since when files were written that are not yet surely on the disk.",
    columns: &[
        Column::new("key", "TEXT", "Name of the fact.").key(),
        Column::new("value", "TEXT", "The fact, as text or JSON."),
    ],
    unique: &[],
    indexes: &[],
    references: &[],
};

const SESSION: Table = Table {
    name: "nexus_session",
    group: Group::Own,
    about: "What nexus knows of a session beyond the shared session log. A usage event that has not ended is \
            only here.",
    columns: &[
        Column::new("session_identifier", "TEXT", "The session, as in `session_log`.").key(),
        Column::new(
            "record_key",
            "TEXT",
            "UUID of the session, made from its first identifier and never changed. Destinations store it, so \
             that an object there can be told to be this session's.",
        ),
        Column::new("harvester", "TEXT", "The harvester that found it, by its name in the configuration.")
            .nullable(),
        Column::new("external_id", "TEXT", "The usage event's id at that harvester.").nullable(),
        Column::new("instrument_pid", "TEXT", "The instrument that was used."),
        Column::new(
            "record_name",
            "TEXT",
            "Stem of the record's file and its title at destinations. Reserved before the first write, never \
             computed again. Null until then.",
        )
        .nullable(),
        Column::new(
            "open_since",
            "TEXT",
            "When the usage event began (UTC), while it has not ended. Null once it has.",
        )
        .nullable(),
        Column::new(
            "gone_since",
            "TEXT",
            "When the scheduler first no longer listed the usage event (UTC). Null while it is listed.",
        )
        .nullable(),
        Column::new("seen_digest", "TEXT", "The usage event as last seen, in a line; another one is a revision. Of an event in use it tells the user.")
            .nullable(),
        Column::new(
            "pending_revision",
            "TEXT",
            "What its usage event became after the session was settled, as JSON, or the word `event_gone` or `event_cancelled`; \
             until the session follows it or it is taken back.",
        )
        .nullable(),
        Column::new(
            "last_status",
            "TEXT",
            "The status that nexus wrote last. If `session_log` says otherwise, somebody else moved the session.",
        )
        .nullable(),
        Column::new("outcome_code", "TEXT", "Why the session has its status, as a word for programs.").nullable(),
        Column::new("outcome_text", "TEXT", "The same as a sentence for people.").nullable(),
        Column::new("waiting_reason", "TEXT", "What the session waits for. Null if it does not wait.").nullable(),
        Column::new("waiting_since", "TEXT", "Since when it waits for that (UTC).").nullable(),
        Column::new(
            "rebuild_requested",
            "INTEGER",
            "Not 0 if the record shall be built again although one exists: 1 as it was, 2 from `pending_revision`, 3 for both \
             reasons. The status stays until the new record is stored.",
        )
        .default("0"),
        Column::new(
            "attempts",
            "INTEGER",
            "How many builds were begun and not finished; two crashes with the same session make it an ERROR.",
        )
        .default("0"),
        Column::new("reservation", "TEXT", "The reservation that the record was built from, as JSON.").nullable(),
        Column::new("record_version", "INTEGER", "How often a record was built. 0 if never.").default("0"),
        Column::new(
            "content_sha256",
            "TEXT",
            "SHA-256 of the record's content in hexadecimal, without the date, versions and troubles of extraction. \
             Equal content is not delivered again.",
        )
        .nullable(),
        Column::new("file_sha256", "TEXT", "SHA-256 of the record's file, byte for byte, in hexadecimal.")
            .nullable(),
        Column::new("file_size", "INTEGER", "Size of the record's file in bytes.").nullable(),
        Column::new("file_count", "INTEGER", "How many files of the instrument the record lists.").nullable(),
        Column::new("built_at", "TEXT", "When the record was built (UTC).").nullable(),
        Column::new("built_by", "TEXT", "Program and version that built it.").nullable(),
    ],
    unique: &[&["record_key"], &["record_name"], &["harvester", "external_id"]],
    indexes: &[
        Index { name: "nexus_session_open", columns: &["harvester", "open_since"] },
        Index { name: "nexus_session_rebuild", columns: &["session_identifier"] },
        Index { name: "nexus_session_in_hand", columns: &["session_identifier"] },
    ],
    references: &[
        Reference {
            column: "session_identifier",
            table: "session_log",
            to: "session_identifier",
            declared: false,
        },
        Reference {
            column: "instrument_pid",
            table: "instruments",
            to: "instrument_pid",
            declared: false,
        },
    ],
};

const DELIVERY: Table = Table {
    name: "nexus_delivery",
    group: Group::Own,
    about: "One row for each session and destination: what shall be delivered, what was, and how the last try \
            ended. That there is one row, and no second, is what keeps a record from being delivered twice.",
    columns: &[
        Column::new("session_identifier", "TEXT", "The session, as in `session_log`.").key(),
        Column::new("destination", "TEXT", "The destination by its name in the configuration.").key(),
        Column::new(
            "target",
            "TEXT",
            "Where exactly it delivers to: canonical address and template or notebook. A remote id counts only \
             under the same target. Null before the first try.",
        )
        .nullable(),
        Column::new("can_find", "INTEGER", "Whether that target could be asked for the object, 1 or 0.").default("0"),
        Column::new(
            "settle_seconds",
            "INTEGER",
            "How long after the client gave up a request may still take effect there.",
        )
        .default("120"),
        Column::new(
            "state",
            "TEXT",
            "How far it has come: kept back, to be delivered, a request is on its way, at the destination, \
             given up until something changes, unclear whether it arrived, or not for this destination.",
        )
        .checked(&["held", "due", "in_flight", "delivered", "failed", "unknown", "not_wanted"]),
        Column::new(
            "held_for",
            "TEXT",
            "What one that is kept back waits for: the destinations that go first, the adoption of old records, \
             or a person, since it was delivered to a former target. Null in every other state.",
        )
        .nullable()
        .checked(&["after", "adoption", "moved"]),
        Column::new("wanted_sha256", "TEXT", "Content hash of the record that shall be there.").nullable(),
        Column::new("delivered_sha256", "TEXT", "Content hash of the record that is there. Null if none is, or if nobody can tell.")
            .nullable(),
        Column::new("remote_id", "TEXT", "The destination's own id of the object.").nullable(),
        Column::new("remote_url", "TEXT", "A link to it that a person can open.").nullable(),
        Column::new(
            "checkpoint",
            "TEXT",
            "How far a delivery of several steps has come, as the destination's own JSON.",
        )
        .nullable(),
        Column::new("checkpoint_sha256", "TEXT", "Content hash of the record that the checkpoint belongs to.")
            .nullable(),
        Column::new("attempt", "INTEGER", "How many tries were begun for what is wanted now.").default("0"),
        Column::new("intent_at", "TEXT", "When the last try was begun (UTC), stored before the request is sent.")
            .nullable(),
        Column::new(
            "absent_after",
            "TEXT",
            "When the destination's answer \"not there\" is first believed after an unclear try (UTC).",
        )
        .nullable(),
        Column::new("failure_class", "TEXT", "What kind of failure the last try met. Null if none.")
            .nullable()
            .written(&["permanent", "transient", "rate_limited", "auth", "unknown"]),
        Column::new(
            "failure_effect",
            "TEXT",
            "Whether that try may have left something at the destination. Null if it did not fail.",
        )
        .nullable()
        .written(&["none", "maybe"]),
        Column::new("failure_text", "TEXT", "Why it failed, for people.").nullable(),
        Column::new(
            "config_digest",
            "TEXT",
            "Digest of the destination's settings at that try; a failure waits until they change.",
        )
        .nullable(),
        Column::new("not_before", "TEXT", "When it may be tried again (UTC). Null means at once.").nullable(),
        Column::new("origin", "TEXT", "Which program delivered it: nexus, or `peer` for NexusLIMS.")
            .default("'nexus'")
            .checked(&["nexus", "peer"]),
        Column::new("upload_log_id", "INTEGER", "The row of the upload log that tells of the last outcome.")
            .nullable(),
        Column::new("updated_at", "TEXT", "When this row was last changed (UTC)."),
    ],
    unique: &[],
    indexes: &[
        Index { name: "nexus_delivery_due", columns: &["destination", "state", "not_before"] },
        Index { name: "nexus_delivery_unsettled", columns: &["session_identifier", "destination"] },
        Index { name: "nexus_delivery_failed", columns: &["destination", "session_identifier"] },
    ],
    references: &[
        Reference {
            column: "session_identifier",
            table: "nexus_session",
            to: "session_identifier",
            declared: false,
        },
        Reference { column: "upload_log_id", table: "upload_log", to: "id", declared: false },
        Reference { column: "destination", table: "nexus_destination", to: "name", declared: false },
    ],
};

const DESTINATION: Table = Table {
    name: "nexus_destination",
    group: Group::Own,
    about: "How each destination has been doing lately, and whether it is paused.",
    columns: &[
        Column::new("name", "TEXT", "The destination by its name in the configuration.").key(),
        Column::new(
            "target",
            "TEXT",
            "Where it delivered to last: canonical address and template or notebook.",
        )
        .nullable(),
        Column::new("paused_until", "TEXT", "Until when nothing is sent to it (UTC). Null if not paused.")
            .nullable(),
        Column::new("pause_class", "TEXT", "What kind of failure paused it. Null if not paused.")
            .nullable()
            .written(&["permanent", "transient", "rate_limited", "auth"]),
        Column::new("last_success_at", "TEXT", "When it last took a record (UTC). Null if never.").nullable(),
        Column::new("last_error", "TEXT", "The last failure, for people. Null if none.").nullable(),
    ],
    unique: &[],
    indexes: &[],
    references: &[],
};

const CURSOR: Table = Table {
    name: "nexus_cursor",
    group: Group::Own,
    about: "How far each harvester has read the usage of each instrument. Stored together with the sessions that \
            were read.",
    columns: &[
        Column::new("harvester", "TEXT", "The harvester by its name in the configuration.").key(),
        Column::new("instrument_pid", "TEXT", "The instrument.").key(),
        Column::new(
            "cursor",
            "TEXT",
            "Where to go on, as the harvester's own text. Null to read everything.",
        )
        .nullable(),
        Column::new("covered_from", "TEXT", "Beginning of the time that has been read completely (UTC).")
            .nullable(),
        Column::new("covered_to", "TEXT", "End of the time that has been read completely (UTC).").nullable(),
        Column::new("checked_at", "TEXT", "When the harvester was last asked (UTC)."),
    ],
    unique: &[],
    indexes: &[],
    references: &[Reference {
        column: "instrument_pid",
        table: "instruments",
        to: "instrument_pid",
        declared: false,
    }],
};

const EVENT: Table = Table {
    name: "nexus_event",
    group: Group::Own,
    about: "The diary: what was done and decided, in order. Old rows are pruned as the configuration says.",
    columns: &[
        Column::new("id", "INTEGER", "Number of the row, given by the database; rising with time.").key(),
        Column::new("run_id", "INTEGER", "The run it happened in. Null outside a run.").nullable(),
        Column::new("session_identifier", "TEXT", "The session it is about. Null if about none.").nullable(),
        Column::new("at", "TEXT", "When it happened (UTC)."),
        Column::new("kind", "TEXT", "What happened, as a word for programs."),
        Column::new("detail", "TEXT", "More about it, as JSON of at most 4 KiB. Null if there is no more.")
            .nullable(),
    ],
    unique: &[],
    indexes: &[Index { name: "nexus_event_session", columns: &["session_identifier", "id"] }],
    references: &[
        Reference {
            column: "session_identifier",
            table: "nexus_session",
            to: "session_identifier",
            declared: false,
        },
        Reference { column: "run_id", table: "nexus_run", to: "id", declared: false },
    ],
};

const RUN: Table = Table {
    name: "nexus_run",
    group: Group::Own,
    about: "One row for each run that changed something.",
    columns: &[
        Column::new("id", "INTEGER", "Number of the run, given by the database; rising with time.").key(),
        Column::new("started_at", "TEXT", "When it began (UTC)."),
        Column::new("ended_at", "TEXT", "When it ended (UTC). Null while it goes on, or if it was cut off.")
            .nullable(),
        Column::new("version", "TEXT", "Version of the program."),
        Column::new("host", "TEXT", "Name of the machine.").nullable(),
        Column::new("pid", "INTEGER", "Number of the process on that machine.").nullable(),
        Column::new(
            "exit_code",
            "INTEGER",
            "How the process ended. Null while it goes on, or if it was cut off.",
        )
        .nullable(),
        Column::new("counts", "TEXT", "What it did, counted, as a JSON object.").nullable(),
    ],
    unique: &[],
    indexes: &[],
    references: &[],
};
