//! Whether a record is what its schema says.
