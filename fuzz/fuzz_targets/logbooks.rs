//! Any bytes as a usage log: every row is understood, bad, or blank.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_plugin_logbook::fuzz::log(bytes) {
        panic!("{why}");
    }
});
