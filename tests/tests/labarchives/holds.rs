//! What holds after every scenario.

use chrono::{DateTime, TimeDelta, Utc};
use nexus_tests::fake_labarchives::{Call, Entry, FakeLabArchives, Node, UID};

/// Every secret that the tests give away begins so.
const PLANTED: &str = "planted-";

/// How calls are told apart in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spaced {
    /// A second between arrivals.
    Arriving,
    /// A second between the moments for which they are signed.
    Signed,
    /// The settings say that there is no pause.
    Not,
}

/// Calls are far enough apart, and each is signed for itself.
pub fn calls_are_apart(calls: &[Call], spaced: Spaced) {
    let mut moments: Vec<(DateTime<Utc>, &str)> = match spaced {
        Spaced::Not => return,
        Spaced::Arriving => calls.iter().map(|call| (call.at, call.name.as_str())).collect(),
        Spaced::Signed => {
            calls.iter().filter_map(|call| Some((call.expires()?, call.name.as_str()))).collect()
        }
    };
    moments.sort();
    for pair in moments.windows(2) {
        let between = pair[1].0 - pair[0].0;
        assert!(
            between >= TimeDelta::seconds(1),
            "{between} between {:?} and {:?} among {moments:#?}",
            pair[0],
            pair[1]
        );
    }
    let mut signatures: Vec<_> = calls.iter().filter_map(Call::signature).collect();
    let all = signatures.len();
    signatures.sort_unstable();
    signatures.dedup();
    assert_eq!(signatures.len(), all, "a signature was used twice");
}

fn encoded(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace('|', "%7C")
}

/// A text shows no secret.
pub fn no_secret_in(site: &FakeLabArchives, what: &str, text: &str) {
    if let Some(at) = text.find(PLANTED) {
        panic!("a secret in {what}: {}", around(text, at));
    }
    for call in site.calls() {
        for signature in call.signature().into_iter().flat_map(|raw| [raw.to_owned(), encoded(raw)]) {
            // Whoever cuts it short gives half of it away.
            let part: String = signature.chars().take(24).collect();
            if let Some(at) = text.find(&part).filter(|_| part.len() > 20) {
                panic!("a signature in {what}: {}", around(text, at));
            }
        }
    }
}

/// A log shows no secret, and no uid.
pub fn no_secret_in_log(site: &FakeLabArchives, text: &str) {
    no_secret_in(site, "the log", text);
    for uid in [UID.to_owned(), encoded(UID)] {
        if let Some(at) = text.find(&uid) {
            panic!("the uid in the log: {}", around(text, at));
        }
    }
}

fn around(text: &str, at: usize) -> String {
    text.get(..at)
        .unwrap_or_default()
        .chars()
        .rev()
        .take(200)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .chain(text.get(at..).unwrap_or_default().chars().take(200))
        .collect()
}

/// What a session has at the site.
#[derive(Debug, Clone)]
pub struct Delivered {
    pub page: Node,
    pub summary: Entry,
    pub file: Entry,
}

/// One page, one summary on it, one record: of the session with this key, and nothing else on that page.
pub fn one_of_each(site: &FakeLabArchives, key: &str, file_name: &str, bytes: &[u8]) -> Delivered {
    let entries = site.entries();
    let of_session = |entry: &&Entry| !entry.is_attachment() && entry.data.contains(key);
    let summaries: Vec<_> = entries.iter().filter(of_session).collect();
    assert_eq!(summaries.len(), 1, "summaries of {key}: {summaries:#?}\n{:#?}", site.nodes());
    let summary = summaries[0].clone();
    let (nbid, tree_id) = summary.place.clone().expect("a page");
    let pages = site.pages();
    let page =
        pages.iter().find(|page| page.nbid == nbid && page.tree_id == tree_id).expect("its page").clone();
    let twins = pages
        .iter()
        .filter(|other| (&other.nbid, &other.parent, &other.text) == (&page.nbid, &page.parent, &page.text));
    assert_eq!(twins.count(), 1, "{pages:#?}");
    let on_page = site.on_page(&page);
    assert_eq!(on_page.iter().filter(|entry| !entry.is_attachment()).count(), 1, "{on_page:#?}");
    let files: Vec<_> = on_page.iter().filter(|entry| entry.file_name == file_name).collect();
    assert_eq!(files.len(), 1, "files `{file_name}` among {on_page:#?}");
    assert_eq!(String::from_utf8_lossy(&files[0].bytes), String::from_utf8_lossy(bytes));
    Delivered { summary, file: files[0].clone(), page }
}
