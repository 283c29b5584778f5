//! Any bytes as a record: judged in plain words, and one that is valid can be read back.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_core::fuzz::record(bytes) {
        panic!("{why}");
    }
});
