//! What happened to a session, for people: table `nexus_event`.
