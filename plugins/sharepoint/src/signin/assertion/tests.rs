//! Tests of assertions.
