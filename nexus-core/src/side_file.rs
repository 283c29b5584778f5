//! What lies beside a record: the metadata of every file as JSON, and its preview.
