//! The single writer: jobs in, answers out after the commit.
