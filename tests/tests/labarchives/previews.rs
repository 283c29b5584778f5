//! Pictures in the summary, as many as there is room for.

use super::bench::Bench;

/// Every picture in a summary.
fn pictures(html: &str) -> usize {
    html.matches("<img").count()
}

/// The largest form that was sent.
fn largest(bench: &Bench) -> usize {
    let calls = bench.site.calls();
    let forms =
        calls.iter().filter(|call| call.content_type.starts_with("application/x-www-form-urlencoded"));
    forms.map(|call| call.body.len()).max().unwrap_or_default()
}

fn files(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("image_{number}.dm4")).collect()
}

#[test]
fn pictures_stand_in_the_summary_with_the_names_of_their_files() {
    let bench = Bench::new();
    let names = files(6);
    let previews: Vec<_> = names.iter().map(|name| (name.as_str(), 3_000)).collect();
    let delivery = bench.with_previews(bench.delivery("one", "1"), &previews);
    bench.carry(&delivery).unwrap();
    let html = bench.the(&delivery).summary.data;
    assert_eq!(pictures(&html), 6);
    assert_eq!(html.matches("src=\"data:image/png;base64,").count(), 6);
    assert!(names.iter().all(|name| html.contains(name)));
    assert_eq!(bench.site.entries().len(), 2);
}

#[test]
fn the_kind_of_a_picture_is_taken_from_its_bytes() {
    let bench = Bench::new();
    let delivery =
        bench.with_previews(bench.delivery("one", "1"), &[("a.tif", 100), ("b.tif", 101), ("c.tif", 102)]);
    let path = |number: usize| delivery.activities[0].datasets[number].preview.clone().unwrap();
    std::fs::write(path(0).as_path(), b"\xff\xd8\xff\xe0 a photograph").unwrap();
    std::fs::write(path(1).as_path(), b"GIF89a a picture").unwrap();
    std::fs::write(path(2).as_path(), b"<svg onload=\"x\"/>").unwrap();
    bench.carry(&delivery).unwrap();
    let html = bench.the(&delivery).summary.data;
    assert!(html.contains("data:image/jpeg;base64,") && html.contains("data:image/gif;base64,"), "{html}");
    assert_eq!(pictures(&html), 2, "what is no picture is none: {html}");
    // One that is gone costs itself.
    std::fs::remove_file(path(0).as_path()).unwrap();
    let mut changed = bench.delivery("one", "2");
    changed.activities.clone_from(&delivery.activities);
    bench.carry(&changed).unwrap();
    assert_eq!(pictures(&bench.the(&changed).summary.data), 1);
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let bench = Bench::new();
    let names = files(30);
    let previews: Vec<_> = names.iter().map(|name| (name.as_str(), 50_000)).collect();
    let delivery = bench.with_previews(bench.delivery("one", "1"), &previews);
    bench.carry(&delivery).unwrap();
    let delivered = bench.the(&delivery);
    let shown = pictures(&delivered.summary.data);
    assert!((8..30).contains(&shown), "{shown}");
    assert!(delivered.summary.data.contains(&(30 - shown).to_string()), "how many are left out");
    assert!(names.iter().all(|name| delivered.summary.data.contains(name)), "every file is listed");
    assert!(largest(&bench) <= 900_000, "{}", largest(&bench));
    assert_eq!((bench.site.entries().len(), bench.site.count("entries/add_entry")), (2, 1));
}

#[test]
fn what_does_not_fit_is_attached_if_the_settings_say_so() {
    let bench = Bench::new().with("previews", "attach");
    let names = files(20);
    let previews: Vec<_> = names.iter().map(|name| (name.as_str(), 60_000)).collect();
    let delivery = bench.with_previews(bench.delivery("one", "1"), &previews);
    bench.carry(&delivery).unwrap();
    let shown = pictures(&bench.the(&delivery).summary.data);
    assert!((6..20).contains(&shown), "{shown}");
    assert_eq!(bench.site.entries().len(), 2 + 20 - shown, "each is somewhere");
    let calls = bench.site.calls().len();
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.site.calls()[calls..].iter().filter(|call| call.writes()).count(), 0);
    // A changed record brings no second copy of the pictures.
    let mut changed = bench.delivery("one", "2");
    changed.activities.clone_from(&delivery.activities);
    bench.carry(&changed).unwrap();
    bench.the(&changed);
    assert_eq!(bench.site.entries().len(), 2 + 20 - shown);
}

#[test]
fn pictures_that_are_attached_survive_a_lost_answer() {
    use nexus_tests::fault::{Fault, Rule};
    for after in 0..4 {
        let bench = Bench::new().with("previews", "attach");
        let names = files(14);
        let previews: Vec<_> = names.iter().map(|name| (name.as_str(), 100_000)).collect();
        let delivery = bench.with_previews(bench.delivery("one", "1"), &previews);
        let rule = Rule::at("/api/entries/add_attachment", Fault::DropAfter).after(after).times(1);
        bench.site.server.fail(rule);
        bench.insist(&delivery);
        let shown = pictures(&bench.the(&delivery).summary.data);
        assert_eq!(bench.site.entries().len(), 2 + 14 - shown, "{after}");
    }
}

#[test]
fn none_are_shown_if_the_settings_say_so() {
    let bench = Bench::new().with("previews", "none");
    let delivery = bench.with_previews(bench.delivery("one", "1"), &[("a.dm4", 100)]);
    bench.carry(&delivery).unwrap();
    let html = bench.the(&delivery).summary.data;
    assert_eq!(pictures(&html), 0);
    assert!(html.contains("a.dm4"));
}

#[test]
fn a_server_that_takes_less_gets_one_without_pictures() {
    for status in [413, 414] {
        let bench = Bench::new();
        let names = files(10);
        let previews: Vec<_> = names.iter().map(|name| (name.as_str(), 10_000)).collect();
        let delivery = bench.with_previews(bench.delivery("one", "1"), &previews);
        if status == 413 {
            bench.site.largest_form(50_000);
        } else {
            let rule = nexus_tests::fault::Rule::at(
                "/api/entries/add_entry",
                nexus_tests::fault::Fault::Html(status),
            );
            bench.site.server.fail(rule.times(1));
        }
        bench.carry(&delivery).unwrap();
        let html = bench.the(&delivery).summary.data;
        assert_eq!(pictures(&html), 0);
        assert!(html.contains("10"), "how many are left out: {html}");
        assert_eq!(bench.site.count("entries/add_entry"), 2);
    }
}

#[test]
fn a_server_that_takes_nothing_is_tried_twice() {
    let bench = Bench::new();
    bench.site.largest_form(10);
    let delivery = bench.with_previews(bench.delivery("one", "1"), &[("a.dm4", 100)]);
    let told = bench.carry(&delivery).unwrap_err();
    assert_eq!(told.class, nexus_plugin_api::FailureClass::Permanent, "{told:?}");
    assert!(bench.site.count("entries/add_entry") <= 2);
    bench.site.largest_form(1_000_000);
    bench.insist(&delivery);
    bench.the(&delivery);
}

#[test]
fn thousands_of_files_fit_into_one_summary() {
    let bench = Bench::new();
    let names: Vec<String> =
        (0..20_000).map(|number| format!("a rather long name of a file <{number}>.dm4")).collect();
    let mut delivery = bench.with_previews(bench.delivery("one", "1"), &[("first.dm4", 100)]);
    for name in &names {
        let mut dataset = delivery.activities[0].datasets[0].clone();
        dataset.name.clone_from(name);
        dataset.location = format!("tem/ada/{name}");
        dataset.preview = None;
        delivery.activities[0].datasets.push(dataset);
    }
    bench.carry(&delivery).unwrap();
    bench.the(&delivery);
    assert!(largest(&bench) <= 900_000, "{}", largest(&bench));
}

#[test]
fn a_file_that_occurs_several_times_is_counted() {
    let bench = Bench::new();
    let delivery =
        bench.with_previews(bench.delivery("one", "1"), &[("a.dm4", 100), ("a.dm4", 101), ("b.dm4", 102)]);
    bench.carry(&delivery).unwrap();
    let html = bench.the(&delivery).summary.data;
    assert!(html.contains("a.dm4 (1 of 2)") && html.contains("a.dm4 (2 of 2)"), "{html}");
    assert!(!html.contains("b.dm4 (1 of 1)"), "{html}");
}
