-- undoes: v2_5_0a
-- returns to: v2_4_0b
--
-- The users' identifiers go with their rows: the older schema has no place for them.

DROP TABLE external_user_identifiers;

UPDATE alembic_version SET version_num = 'v2_4_0b' WHERE version_num = 'v2_5_0a';
