-- undoes: v2_4_0a
-- returns to: v1_4_3
--
-- The upload log goes with its rows: the older schema has no place for them.

DROP TABLE upload_log;

UPDATE alembic_version SET version_num = 'v1_4_3' WHERE version_num = 'v2_4_0a';
