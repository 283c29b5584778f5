//! The logbook plugin.
