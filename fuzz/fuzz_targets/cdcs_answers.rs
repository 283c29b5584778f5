//! Any bytes as the answer of a CDCS site: nobody else's record is taken for a session's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_plugin_cdcs::fuzz::answer(bytes) {
        panic!("{why}");
    }
});
