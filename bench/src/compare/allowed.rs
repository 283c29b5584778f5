//! What may differ between the two programs' records, and why. `README.md` has the same list.

/// What may differ in this comparison.
#[derive(Debug, Clone, Copy)]
pub struct Allowed {
    /// nexus made previews.
    pub previews: bool,
}

/// Keys of the metadata that name the program or the moment of extraction.
const EXTRACTION: [(&str, &str); 3] = [
    ("\"NexusLIMS Extraction – Date\"", "the moment of extraction"),
    ("\"NexusLIMS Extraction – Module\"", "the name of the extractor"),
    ("\"NexusLIMS Extraction – Version\"", "the version of the program"),
];

impl Allowed {
    /// Why two values may differ; `None`: they may not.
    ///
    /// A value that must not vanish may differ only where both programs have one.
    pub fn reason(self, place: &str, peer: Option<&str>, nexus: Option<&str>) -> Option<&'static str> {
        if peer.is_some() && nexus.is_some() {
            let extraction = EXTRACTION.iter().find(|(key, _)| place.ends_with(key));
            if let Some((_, reason)) = extraction {
                return Some(reason);
            }
        }
        if !self.previews && nexus.is_none() && place.contains("/preview") {
            return Some("previews, which nexus was told not to make");
        }
        None
    }
}
