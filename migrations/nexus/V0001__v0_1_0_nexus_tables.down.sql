-- undoes: v0_1_0
--
-- Takes away all that nexus remembers. The shared tables stay as they are: NexusLIMS goes on with them, and to a
-- later nexus the file is one that it has never met.

DROP TABLE nexus_run;
DROP TABLE nexus_event;
DROP TABLE nexus_cursor;
DROP TABLE nexus_destination;
DROP TABLE nexus_delivery;
DROP TABLE nexus_session;
DROP TABLE nexus_meta;
