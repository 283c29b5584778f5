//! Any bytes as a time, an address or an escaped path of the shared tables and of records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_core::fuzz::cell(bytes) {
        panic!("{why}");
    }
});
