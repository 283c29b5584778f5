//! The loadable form of the folder plugin.
