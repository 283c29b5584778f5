//! Any bytes as a configuration file: every mistake has its place.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_core::fuzz::config(bytes) {
        panic!("{why}");
    }
});
