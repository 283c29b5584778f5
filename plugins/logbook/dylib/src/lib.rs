//! The loadable form of the logbook plugin.
