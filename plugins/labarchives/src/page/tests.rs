use nexus_plugin_api::Remote;

use super::*;
use crate::sample;

fn text(id: &str, data: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: "text entry".to_owned(),
        data: Some(data.to_owned()),
        ..Entry::default()
    }
}

fn file(id: &str, name: &str, caption: &str) -> Entry {
    Entry {
        id: id.to_owned(),
        kind: "attachment".to_owned(),
        file_name: Some(name.to_owned()),
        caption: Some(caption.to_owned()),
        ..Entry::default()
    }
}

fn marked(key: &str, delivery: &Delivery) -> String {
    let content_sha256 = delivery.record.content_sha256.clone();
    format!("<p>{}</p>", Marker { key: key.to_owned(), content_sha256 }.text())
}

fn ids(seen: &Seen) -> (Option<&str>, Option<&str>) {
    (
        seen.summary.as_ref().map(|summary| summary.id.as_str()),
        seen.attachment.as_ref().map(|attached| attached.id.as_str()),
    )
}

#[test]
fn a_page_is_whose_it_says() {
    let delivery = sample::delivery();
    let (ours, theirs) = (marked(&delivery.record.key, &delivery), marked("another", &delivery));
    let record = file("3", "2025-03-03_TITAN_3f0c.xml", "x");
    let Whose::Ours(seen) = judge(&[text("1", "notes"), text("2", &ours), record.clone()], &delivery) else {
        panic!()
    };
    assert_eq!(ids(&seen), (Some("2"), Some("3")));
    assert!(holds(seen.summary.as_ref(), &delivery) && !seen.is_complete(&delivery));
    assert_eq!(judge(&[text("1", &theirs), record.clone()], &delivery), Whose::Anothers);
    let Whose::Nobodys(seen) = judge(&[], &delivery) else { panic!() };
    assert_eq!(ids(&seen), (None, None));
    let peer = "<h1>NexusLIMS Microscopy Session</h1>3f0c";
    let Whose::Nobodys(seen) = judge(&[text("1", "my notes of 3f0c"), text("2", peer), record], &delivery)
    else {
        panic!()
    };
    assert_eq!(ids(&seen), (Some("2"), Some("3")));
    assert!(!holds(seen.summary.as_ref(), &delivery));
}

#[test]
fn a_summary_that_lost_its_line_is_known_by_its_id() {
    let mut delivery = sample::delivery();
    delivery.previous = Some(Remote { id: "7".to_owned(), url: None, content_sha256: None });
    let Whose::Ours(seen) = judge(&[text("1", "a"), text("7", "rewritten")], &delivery) else { panic!() };
    assert_eq!(ids(&seen), (Some("7"), None));
    assert!(!holds(seen.summary.as_ref(), &delivery));
}

#[test]
fn the_record_is_known_by_name_then_by_caption_and_the_last_one_counts() {
    let delivery = sample::delivery();
    let name = "2025-03-03_TITAN_3f0c.xml";
    let of = |files: &[Entry]| attachment(files, &delivery);
    assert_eq!(
        of(&[file("1", name, ""), file("2", name, ""), file("3", "a.xml", CAPTION)]).as_deref(),
        Some("2")
    );
    assert_eq!(of(&[file("1", "a.xml", CAPTION), file("2", "b.png", "")]).as_deref(), Some("1"));
    assert_eq!(of(&[file("1", "a.xml", "a")]), None);
    let mut by_data = file("1", "odd", "");
    by_data.caption = None;
    by_data.data = Some(CAPTION.to_owned());
    assert_eq!(of(&[by_data]).as_deref(), Some("1"));
}
