//! The table of START, END and RECORD_GENERATION rows.
