//! The settings of `nexus.toml`, read and checked once.
