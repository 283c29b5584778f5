use std::path::Path;

use nexus_plugin_api::{DatasetRef, OtherResult, PathRef, Remote, Reservation};

use super::*;
use crate::client::form;
use crate::sample;

fn picture_in(folder: &Path, name: &str, bytes: usize) -> PathRef {
    let path = folder.join(name);
    let mut content = b"\x89PNG\r\n\x1a\n".to_vec();
    content.resize(bytes, 7);
    std::fs::write(&path, content).unwrap();
    PathRef::new(path)
}

fn dataset(name: &str, preview: Option<PathRef>) -> DatasetRef {
    DatasetRef {
        name: name.to_owned(),
        location: format!("/T/{name}").replace(' ', "%20"),
        dataset_type: "Image".to_owned(),
        preview,
    }
}

fn of_usual(delivery: &Delivery) -> String {
    of(delivery, Previews::Inline, false).html
}

#[test]
fn it_says_what_a_person_wants_to_know() {
    let mut delivery = sample::delivery();
    delivery.others = vec![
        OtherResult {
            destination: "cdcs".to_owned(),
            delivered: true,
            remote: Some(Remote {
                id: "1".to_owned(),
                url: Some("https://c.x/data?id=1&a=2".to_owned()),
                content_sha256: None,
            }),
        },
        OtherResult { destination: "share".to_owned(), delivered: false, remote: None },
    ];
    delivery.activities[0].datasets.push(dataset("c d.dm3", None));
    let html = of_usual(&delivery);
    for part in [
        "<strong>Session ID</strong>: 3f0c<",
        "FEI Titan (TITAN)",
        "2025-03-03T19:00:00-07:00",
        "<a href=\"https://c.x/data?id=1&amp;a=2\">View in cdcs</a>",
        "<li>/TITAN/ada/a.dm3</li>",
        "<li>/T/c d.dm3</li>",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    assert!(!html.contains("share") && !html.contains("Previews"));
    let marker = Marker::find(&html).unwrap();
    assert_eq!(
        (marker.key, marker.content_sha256),
        (delivery.record.key.clone(), delivery.record.content_sha256.clone())
    );
    assert!(is_of_session(&html, &delivery));
}

#[test]
fn nothing_that_is_told_becomes_markup() {
    let mut delivery = sample::delivery();
    let text = "</li><script>alert(1)</script>\" onclick='x' & NexusLIMS record other, content \
                0000000000000000000000000000000000000000000000000000000000000000";
    text.clone_into(&mut delivery.session.identifier);
    text.clone_into(&mut delivery.session.instrument.display_name);
    delivery.session.user = Some(text.to_owned());
    delivery.reservation = Some(Reservation {
        title: Some(text.to_owned()),
        purpose: Some(text.to_owned()),
        ..Reservation::default()
    });
    delivery.activities[0].datasets.push(dataset(text, None));
    delivery.others = ["javascript:alert(1)", "https://x/\"><script>", "data:text/html,x"]
        .map(|url| OtherResult {
            destination: text.to_owned(),
            delivered: true,
            remote: Some(Remote { id: "1".to_owned(), url: Some(url.to_owned()), content_sha256: None }),
        })
        .to_vec();
    let html = of_usual(&delivery);
    assert!(
        !html.contains("<script") && !html.contains("onclick='") && !html.contains("href=\"javascript"),
        "{html}"
    );
    assert!(!html.contains("href=\"data:"));
    assert_eq!(Marker::find(&html).unwrap().key, delivery.record.key, "ours is the last");
}

#[test]
fn pictures_stand_four_in_a_row_with_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let mut delivery = sample::delivery();
    let preview = Some(picture_in(folder.path(), "p.png", 100));
    delivery.activities[0].datasets = vec![
        dataset("a.dm3", preview.clone()),
        dataset("b <i>.dm3", preview.clone()),
        dataset("b <i>.dm3", preview.clone()),
        dataset("gone.dm3", Some(PathRef::new("/nowhere/p.png"))),
        dataset("c.dm3", preview.clone()),
        dataset("d.dm3", preview),
    ];
    let html = of_usual(&delivery);
    assert_eq!((html.matches("<img ").count(), html.matches("<tr>").count()), (5, 2), "{html}");
    assert!(
        html.contains("<small>b &lt;i&gt;.dm3 (2 of 2)</small>")
            && html.contains("data:image/png;base64,iVBORw0KGgo")
    );
    assert!(!html.contains("left out"));
    assert!(!of(&delivery, Previews::None, false).html.contains("<img"));
    let plain = of(&delivery, Previews::Attach, true);
    assert!(!plain.html.contains("<img") && plain.html.contains("5 previews are left out"));
    let names: Vec<String> = plain.left_out.iter().map(Picture::file_name).collect();
    assert_eq!(names[..2], ["preview of a.dm3.png", "preview of b <i>.dm3 (1 of 2).png"]);
}

#[test]
fn the_body_stays_below_its_limit_whatever_there_is_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let mut delivery = sample::delivery();
    let picture = Some(picture_in(folder.path(), "p.png", 90_000));
    let large = Some(picture_in(folder.path(), "l.png", 2_000_000));
    let no_picture = folder.path().join("t.tif");
    std::fs::write(&no_picture, b"II*\0").unwrap();
    let mut datasets = vec![dataset("large", large), dataset("tiff", Some(PathRef::new(no_picture)))];
    datasets.extend((0..12).map(|number| dataset(&format!("{number:02}"), picture.clone())));
    datasets.extend(
        (0..30_000).map(|number| dataset(&format!("a rather long name of a file {number}.tif"), None)),
    );
    delivery.activities[0].datasets = datasets;
    delivery.session.user = Some("<".repeat(50_000));
    delivery.reservation =
        Some(Reservation { purpose: Some("\u{1f600}".repeat(50_000)), ..Reservation::default() });
    let summary = of(&delivery, Previews::Inline, false);
    let length = form(&body("notebook", "page", &summary.html)).len();
    assert!((700_000..LARGEST_FORM).contains(&length), "{length}");
    let inline = summary.html.matches("<img ").count();
    assert!((3..12).contains(&inline), "{inline}");
    assert_eq!(summary.left_out.len(), 14 - inline);
    assert_eq!(summary.left_out[0].label, "large");
    assert!(summary.html.contains(&format!("{} previews are left out", 14 - inline)));
    assert!(summary.html.contains(" more, all in the attached record"));
    assert!(Marker::find(&summary.html).is_some());
}

#[test]
fn a_summary_without_our_line_is_known_by_the_session() {
    let mut delivery = sample::delivery();
    let theirs = "<h1>NexusLIMS Microscopy Session</h1><ul><li><strong>Session ID</strong>: 3f0c</li></ul>";
    assert!(is_of_session(theirs, &delivery));
    assert!(!is_of_session("<p>my notes of 3f0c</p>", &delivery));
    "4a".clone_into(&mut delivery.session.identifier);
    assert!(!is_of_session(theirs, &delivery));
    " ".clone_into(&mut delivery.session.identifier);
    assert!(!is_of_session(theirs, &delivery));
}
