//! One session to one destination: table `nexus_delivery` and the pure step function.
