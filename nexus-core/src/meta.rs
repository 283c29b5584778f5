//! Small facts about the database as a whole: table `nexus_meta`.
