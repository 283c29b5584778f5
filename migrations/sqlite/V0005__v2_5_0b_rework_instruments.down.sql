-- undoes: v2_5_0b
-- returns to: v2_5_0a
--
-- The four columns come back empty, at the end, and without their unique rules: what they held is gone, and
-- this is the shape that NexusLIMS leaves when it goes back.

CREATE TABLE instruments_new (
    instrument_pid VARCHAR(100) NOT NULL,
    api_url VARCHAR NOT NULL,
    calendar_url VARCHAR NOT NULL,
    location VARCHAR(100) NOT NULL,
    schema_name VARCHAR NOT NULL,
    property_tag VARCHAR(20) NOT NULL,
    filestore_path VARCHAR NOT NULL,
    harvester VARCHAR NOT NULL,
    timezone VARCHAR NOT NULL,
    computer_name VARCHAR,
    computer_ip VARCHAR(15),
    computer_mount VARCHAR,
    calendar_name VARCHAR,
    PRIMARY KEY (instrument_pid),
    UNIQUE (api_url)
);
INSERT INTO instruments_new
    (instrument_pid, api_url, calendar_url, location, schema_name, property_tag, filestore_path, harvester, timezone)
SELECT instrument_pid, api_url, calendar_url, location, display_name, property_tag, filestore_path, harvester, timezone
FROM instruments
ORDER BY rowid;
DROP TABLE instruments;
ALTER TABLE instruments_new RENAME TO instruments;

UPDATE alembic_version SET version_num = 'v2_5_0a' WHERE version_num = 'v2_5_0b';
