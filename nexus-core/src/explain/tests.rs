//! The story of one session in every situation, as a person reads it: `testdata/situations.md`.

mod every_kind;
mod finding;
mod situations;
mod stage;
mod whatever;
