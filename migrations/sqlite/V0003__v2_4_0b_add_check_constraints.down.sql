-- undoes: v2_4_0b
-- returns to: v2_4_0a
--
-- Takes the checks off again. The declared lengths stay, as they do when NexusLIMS goes back; every row is kept.

DROP INDEX IF EXISTS ix_session_log_session_identifier;

CREATE TABLE session_log_new (
    id_session_log INTEGER NOT NULL,
    session_identifier VARCHAR(36) NOT NULL,
    instrument VARCHAR(100) NOT NULL,
    timestamp VARCHAR NOT NULL,
    event_type VARCHAR(17) NOT NULL,
    record_status VARCHAR(18) NOT NULL,
    user VARCHAR(50),
    PRIMARY KEY (id_session_log),
    FOREIGN KEY(instrument) REFERENCES instruments (instrument_pid)
);
INSERT INTO session_log_new
    (id_session_log, session_identifier, instrument, timestamp, event_type, record_status, user)
SELECT id_session_log, session_identifier, instrument, timestamp, event_type, record_status, user
FROM session_log;
DROP TABLE session_log;
ALTER TABLE session_log_new RENAME TO session_log;

CREATE INDEX ix_session_log_session_identifier ON session_log (session_identifier);

UPDATE alembic_version SET version_num = 'v2_4_0a' WHERE version_num = 'v2_4_0b';
