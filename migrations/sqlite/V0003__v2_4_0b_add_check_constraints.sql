-- revision: v2_4_0b
-- revises: v2_4_0a
-- title: The session log accepts known event types and record statuses only.
--
-- A session with a misspelt status is never built and never missed, so the database checks the words. SQLite adds
-- a check only by building the table anew; the row ids are kept.

DROP INDEX IF EXISTS ix_session_log_session_identifier;
DROP INDEX IF EXISTS "session_log.fk_instrument_idx";

CREATE TABLE session_log_new (
    id_session_log INTEGER NOT NULL,
    session_identifier VARCHAR(36) NOT NULL,
    instrument VARCHAR(100) NOT NULL,
    timestamp VARCHAR NOT NULL,
    event_type VARCHAR(17) NOT NULL,
    record_status VARCHAR(18) NOT NULL,
    user VARCHAR(50),
    PRIMARY KEY (id_session_log),
    CONSTRAINT check_event_type CHECK (event_type IN ('START', 'END', 'RECORD_GENERATION')),
    CONSTRAINT check_record_status CHECK (record_status IN ('COMPLETED', 'WAITING_FOR_END', 'TO_BE_BUILT', 'BUILT_NOT_EXPORTED', 'ERROR', 'NO_FILES_FOUND', 'NO_CONSENT', 'NO_RESERVATION')),
    FOREIGN KEY(instrument) REFERENCES instruments (instrument_pid)
);
INSERT INTO session_log_new
    (id_session_log, session_identifier, instrument, timestamp, event_type, record_status, user)
SELECT id_session_log, session_identifier, instrument, timestamp, event_type, record_status, user
FROM session_log;
DROP TABLE session_log;
ALTER TABLE session_log_new RENAME TO session_log;

CREATE INDEX ix_session_log_session_identifier ON session_log (session_identifier);

UPDATE alembic_version SET version_num = 'v2_4_0b' WHERE version_num = 'v2_4_0a';
