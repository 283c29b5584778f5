//! The runs that changed something: table `nexus_run`.
