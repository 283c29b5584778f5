-- revision: v0_1_0
-- title: What nexus itself remembers.
--
-- Sessions, deliveries, destinations, cursors, events and runs, as far as the shared tables have no place for them.
-- Nothing here refers to the shared tables by foreign key, trigger, view or index: a rebuild of those
-- would break it or lose it. Times are UTC text of one width: 2024-03-05T16:10:00.125000Z.

CREATE TABLE nexus_meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE nexus_session (
    session_identifier TEXT NOT NULL PRIMARY KEY,
    record_key TEXT NOT NULL UNIQUE,
    harvester TEXT,
    external_id TEXT,
    instrument_pid TEXT NOT NULL,
    record_name TEXT UNIQUE,
    open_since TEXT,
    gone_since TEXT,
    seen_digest TEXT,
    pending_revision TEXT,
    last_status TEXT,
    outcome_code TEXT,
    outcome_text TEXT,
    waiting_reason TEXT,
    waiting_since TEXT,
    rebuild_requested INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    reservation TEXT,
    record_version INTEGER NOT NULL DEFAULT 0,
    content_sha256 TEXT,
    file_sha256 TEXT,
    file_size INTEGER,
    file_count INTEGER,
    built_at TEXT,
    built_by TEXT,
    UNIQUE (harvester, external_id)
);
-- What a run looks for among many settled sessions: events in use, wishes, and builds that never ended.
CREATE INDEX nexus_session_open ON nexus_session (harvester, open_since) WHERE open_since IS NOT NULL;
CREATE INDEX nexus_session_rebuild ON nexus_session (session_identifier) WHERE rebuild_requested <> 0;
CREATE INDEX nexus_session_in_hand ON nexus_session (session_identifier) WHERE attempts > 0;

CREATE TABLE nexus_delivery (
    session_identifier TEXT NOT NULL,
    destination TEXT NOT NULL,
    target TEXT,
    can_find INTEGER NOT NULL DEFAULT 0,
    settle_seconds INTEGER NOT NULL DEFAULT 120,
    state TEXT NOT NULL CHECK (state IN ('held', 'due', 'in_flight', 'delivered', 'failed', 'unknown', 'not_wanted')),
    held_for TEXT CHECK (held_for IN ('after', 'adoption', 'moved')),
    wanted_sha256 TEXT,
    delivered_sha256 TEXT,
    remote_id TEXT,
    remote_url TEXT,
    checkpoint TEXT,
    checkpoint_sha256 TEXT,
    attempt INTEGER NOT NULL DEFAULT 0,
    intent_at TEXT,
    absent_after TEXT,
    failure_class TEXT,
    failure_effect TEXT,
    failure_text TEXT,
    config_digest TEXT,
    not_before TEXT,
    origin TEXT NOT NULL DEFAULT 'nexus' CHECK (origin IN ('nexus', 'peer')),
    upload_log_id INTEGER,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (session_identifier, destination)
);
-- The export queue is read in pages: by destination, what may be tried now.
CREATE INDEX nexus_delivery_queue ON nexus_delivery (destination, state, not_before, session_identifier);
-- What a run finds left behind.
CREATE INDEX nexus_delivery_unsettled ON nexus_delivery (session_identifier, destination)
    WHERE state IN ('in_flight', 'unknown');

CREATE TABLE nexus_destination (
    name TEXT NOT NULL PRIMARY KEY,
    target TEXT,
    paused_until TEXT,
    pause_class TEXT,
    last_success_at TEXT,
    last_error TEXT
);

CREATE TABLE nexus_cursor (
    harvester TEXT NOT NULL,
    instrument_pid TEXT NOT NULL,
    cursor TEXT,
    covered_from TEXT,
    covered_to TEXT,
    checked_at TEXT NOT NULL,
    PRIMARY KEY (harvester, instrument_pid)
);

CREATE TABLE nexus_event (
    id INTEGER NOT NULL PRIMARY KEY,
    run_id INTEGER,
    session_identifier TEXT,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT
);
CREATE INDEX nexus_event_session ON nexus_event (session_identifier, id);

CREATE TABLE nexus_run (
    id INTEGER NOT NULL PRIMARY KEY,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    version TEXT NOT NULL,
    host TEXT,
    pid INTEGER,
    exit_code INTEGER,
    counts TEXT
);
