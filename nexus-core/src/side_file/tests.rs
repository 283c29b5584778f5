//! Places, the bytes of the JSON text, and when a file is written.
