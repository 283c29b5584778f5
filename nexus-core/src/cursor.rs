//! How far each instrument of each harvester has been read: table `nexus_cursor`.
