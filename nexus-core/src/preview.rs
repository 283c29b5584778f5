//! Small pictures of files that everybody can look at.
