-- revision: v2_5_0b
-- revises: v2_5_0a
-- title: Instruments without computer and calendar name; schema_name is called display_name.
--
-- Nothing reads the four columns any more, and the fifth never held the name of a schema but one for people.
-- The table is built anew, so that its unique rules on two of those columns go with them.

CREATE TABLE instruments_new (
    instrument_pid VARCHAR(100) NOT NULL,
    api_url VARCHAR NOT NULL,
    calendar_url VARCHAR NOT NULL,
    location VARCHAR(100) NOT NULL,
    display_name VARCHAR NOT NULL,
    property_tag VARCHAR(20) NOT NULL,
    filestore_path VARCHAR NOT NULL,
    harvester VARCHAR NOT NULL,
    timezone VARCHAR NOT NULL,
    PRIMARY KEY (instrument_pid),
    UNIQUE (api_url)
);
INSERT INTO instruments_new
    (instrument_pid, api_url, calendar_url, location, display_name, property_tag, filestore_path, harvester, timezone)
SELECT instrument_pid, api_url, calendar_url, location, schema_name, property_tag, filestore_path, harvester, timezone
FROM instruments
ORDER BY rowid;
DROP TABLE instruments;
ALTER TABLE instruments_new RENAME TO instruments;

UPDATE alembic_version SET version_num = 'v2_5_0b' WHERE version_num = 'v2_5_0a';
