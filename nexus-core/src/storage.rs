//! Whether the storage below an instrument is the one it was in the last run.
