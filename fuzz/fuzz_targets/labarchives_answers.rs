//! Any bytes as the answer of LabArchives: nobody else's page is taken for a session's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_plugin_labarchives::fuzz::answer(bytes) {
        panic!("{why}");
    }
});
