//! The table of what went where, and how it ended.
