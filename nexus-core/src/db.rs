//! The one way to open the database.
