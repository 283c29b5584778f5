-- undoes: v1_4_3
-- returns to: none
--
-- Takes every instrument and every session log away. The emptied version table stays: NexusLIMS leaves it too.

DROP TABLE session_log;
DROP TABLE instruments;

DELETE FROM alembic_version WHERE version_num = 'v1_4_3';
