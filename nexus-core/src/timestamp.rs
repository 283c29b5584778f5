//! Times as the database holds them.
