//! Any bytes as a picture file and as a text: a small picture comes out, or an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_core::fuzz::preview(bytes) {
        panic!("{why}");
    }
});
