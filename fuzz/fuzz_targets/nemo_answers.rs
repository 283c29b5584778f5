//! Any bytes as the answer of a NEMO server: nothing may panic, and nothing but a known yes may be consent.
#![no_main]

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    if let Err(why) = nexus_plugin_nemo::fuzz::answer(body) {
        panic!("{why}");
    }
});
