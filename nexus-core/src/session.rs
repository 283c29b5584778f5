//! A session, its status and the permitted moves between them.
