//! Wall-clock time in an instrument's zone.
