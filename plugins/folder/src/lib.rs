//! The folder plugin.
