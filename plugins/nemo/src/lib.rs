//! x
#![allow(dead_code, reason = "growing")]
mod answers;
mod base;
mod consent;
mod matching;
mod model;
mod time;
