//! The locks that keep two runs apart, and other programs out.
