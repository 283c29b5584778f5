//! Any bytes as a line of a plugin's output: an answer keeps its meaning, and metadata make a valid record.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_core::fuzz::plugin_line(bytes) {
        panic!("{why}");
    }
});
