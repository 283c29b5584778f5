//! What nexus knows of a session beyond its log rows: table `nexus_session`.
