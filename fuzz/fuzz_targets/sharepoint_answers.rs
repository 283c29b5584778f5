//! Any bytes as the answer of a SharePoint site or of Microsoft Graph: nothing but a known yes is consent.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = nexus_plugin_sharepoint::fuzz::answer(bytes) {
        panic!("{why}");
    }
});
