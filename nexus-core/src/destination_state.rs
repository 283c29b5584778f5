//! What is known of each destination: table `nexus_destination`.
