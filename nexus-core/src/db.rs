//! The one way to open the database.

pub mod describe;
