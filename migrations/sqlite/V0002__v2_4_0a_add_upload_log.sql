-- revision: v2_4_0a
-- revises: v1_4_3
-- title: The upload log: one row for each try to deliver a record.
--
-- A record may go to several destinations, so one status per session no longer tells what went where.

CREATE TABLE upload_log (
    id INTEGER NOT NULL,
    session_identifier VARCHAR(36) NOT NULL,
    destination_name VARCHAR(100) NOT NULL,
    success BOOLEAN NOT NULL,
    timestamp VARCHAR NOT NULL,
    record_id VARCHAR(255),
    record_url VARCHAR(500),
    error_message VARCHAR,
    metadata_json VARCHAR,
    PRIMARY KEY (id)
);
CREATE INDEX ix_upload_log_session_identifier ON upload_log (session_identifier);
CREATE INDEX ix_upload_log_destination_name ON upload_log (destination_name);

UPDATE alembic_version SET version_num = 'v2_4_0a' WHERE version_num = 'v1_4_3';
