//! Pages and folders that are there already: NexusLIMS's, other people's, twins.

use nexus_plugin_api::{Delivery, Found};
use nexus_tests::fake_labarchives::{NOTEBOOK, Node, ROOT};

use super::bench::{Bench, Facility, TOP};

const PAGE: &str = "2026-05-04 — session one";

/// The folders as they should be; the inner one.
fn folders(bench: &Bench) -> String {
    let top = bench.site.put_node(NOTEBOOK, ROOT, TOP, false);
    bench.site.put_node(NOTEBOOK, &top, "TEM-1", false)
}

fn node(bench: &Bench, tree_id: &str) -> Node {
    bench.site.nodes().into_iter().find(|node| node.tree_id == tree_id).unwrap()
}

/// What NexusLIMS leaves behind.
fn page_of_nexuslims(bench: &Bench, folder: &str, delivery: &Delivery) -> Node {
    let page = node(bench, &bench.site.put_node(NOTEBOOK, folder, PAGE, true));
    bench.site.put_entry(&page, "text entry", |entry| {
        entry.data = format!(
            "<h1>NexusLIMS Microscopy Session</h1>\n<h2>Session Details</h2>\n<ul>\n<li><strong>Session ID:</strong> {}</li>\n\
             <li><strong>Instrument:</strong> TEM-1</li>\n<li><strong>User:</strong> ada</li>\n</ul>",
            delivery.session.identifier
        );
    });
    bench.site.put_entry(&page, "Attachment", |entry| {
        entry.file_name = format!("{}.xml", delivery.record.name);
        entry.caption = "NexusLIMS XML record".into();
        entry.bytes = b"<Experiment>of NexusLIMS</Experiment>".to_vec();
    });
    page
}

#[test]
fn a_page_that_nexuslims_made_is_used_and_not_doubled() {
    let bench = Bench::new();
    let delivery = bench.delivery("one", "1");
    let page = page_of_nexuslims(&bench, &folders(&bench), &delivery);
    bench.carry(&delivery).unwrap();
    let delivered = bench.the(&delivery);
    assert_eq!(delivered.page, page);
    assert_eq!(bench.site.entries().len(), 2, "{:#?}", bench.site.entries());
    let calls = bench.writes();
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.writes(), calls);
}

#[test]
fn what_people_wrote_on_the_page_stays() {
    let bench = Bench::new();
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    let page = bench.the(&delivery).page;
    let note = bench.site.put_entry(&page, "plain text entry", |entry| entry.data = "my notes".into());
    let photo = bench.site.put_entry(&page, "Attachment", |entry| entry.file_name = "photo.jpg".into());
    let changed = bench.delivery("one", "2");
    bench.carry(&changed).unwrap();
    let entries = bench.site.on_page(&page);
    assert_eq!(entries.len(), 4, "{entries:#?}");
    for (eid, version) in [(&note, 1), (&photo, 1)] {
        assert_eq!(entries.iter().find(|entry| entry.eid == *eid).unwrap().version, version);
    }
    assert_eq!(entries[0].version, 2);
    assert_eq!(entries[1].bytes, std::fs::read(changed.record.path.as_path()).unwrap());
}

#[test]
fn an_empty_page_of_the_name_is_filled() {
    let bench = Bench::new();
    let folder = folders(&bench);
    bench.site.put_node(NOTEBOOK, &folder, PAGE, true);
    let delivery = bench.delivery("one", "1");
    assert_eq!(bench.find(&delivery), Found::None);
    bench.carry(&delivery).unwrap();
    bench.the(&delivery);
    assert_eq!(bench.site.pages().len(), 1);
}

#[test]
fn a_page_called_like_a_folder_is_no_folder_and_a_folder_called_like_a_page_no_page() {
    let bench = Bench::new();
    bench.site.put_node(NOTEBOOK, ROOT, TOP, true);
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    let delivered = bench.the(&delivery);
    assert_eq!(bench.site.path(&delivered.page), [TOP, "TEM-1", PAGE]);
    assert_eq!(bench.site.nodes().len(), 4);

    let bench = Bench::new();
    let folder = folders(&bench);
    bench.site.put_node(NOTEBOOK, &folder, PAGE, false);
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    bench.the(&delivery);
    assert_eq!(bench.site.nodes().len(), 4);
}

#[test]
fn of_twin_folders_the_first_is_used() {
    let bench = Bench::new();
    let folder = folders(&bench);
    folders(&bench);
    let top = node(&bench, &folder).parent;
    bench.site.put_node(NOTEBOOK, &top, "TEM-1", false);
    for words in ["1", "2"] {
        let delivery = bench.delivery("one", words);
        bench.carry(&delivery).unwrap();
        assert_eq!(bench.the(&delivery).page.parent, folder);
    }
}

#[test]
fn a_twin_that_comes_later_changes_nothing() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.run();
    let before = facility.all([1]);
    let top = facility.site.put_node(NOTEBOOK, ROOT, TOP, false);
    facility.site.put_node(NOTEBOOK, &top, "LAB-SEM", false);
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    assert_eq!(facility.all([1])[0].page, before[0].page);
}

#[test]
fn two_sessions_with_one_page_name_get_a_page_each_or_the_second_is_refused() {
    let bench = Bench::new();
    let one = bench.delivery("one", "1");
    let mut other = bench.delivery("other", "2");
    // Names that differ in what the comparison does not see.
    other.session.identifier = format!("{} ", one.session.identifier);
    bench.carry(&one).unwrap();
    let second = bench.carry(&other);
    let entries = bench.site.entries();
    let of = |delivery: &Delivery| {
        let holds = |entry: &&nexus_tests::fake_labarchives::Entry| entry.data.contains(&delivery.record.key);
        entries.iter().filter(holds).count()
    };
    assert_eq!(of(&one), 1, "the first is left alone: {entries:#?}");
    assert_eq!(of(&other), usize::from(second.is_ok()));
    assert_eq!(entries.iter().filter(|entry| entry.file_name == "one.xml").count(), 1);
}

#[test]
fn a_page_that_was_copied_is_a_matter_for_a_person() {
    let facility = Facility::new();
    facility.lab.sessions([1]);
    facility.run();
    let delivered = facility.all([1]).remove(0);
    let site = &facility.site;
    let copy = site.put_node(NOTEBOOK, &delivered.page.parent, &delivered.page.text, true);
    let copy = site.nodes().into_iter().find(|node| node.tree_id == copy).unwrap();
    site.put_entry(&copy, "text entry", |entry| entry.data.clone_from(&delivered.summary.data));
    let before = site.entries();
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    let (report, _) = facility.run();
    assert!(!report.needs_person.is_empty(), "{report:?}");
    assert_eq!(site.entries(), before, "nothing is changed before somebody has looked");
    // Somebody removes the copy, and says that it is to be tried again.
    site.change_nodes(|node| node.tree_id != copy.tree_id);
    facility.lab.sql("UPDATE nexus_delivery SET state = 'due', failure_class = NULL", &[]);
    facility.next_day();
    assert_eq!(facility.all([1])[0].summary.eid, delivered.summary.eid);
}

#[test]
fn what_somebody_did_to_the_page_is_put_right_with_the_next_record() {
    let deeds: [fn(&mut nexus_tests::fake_labarchives::Entry) -> bool; 5] = [
        // The file is gone; the summary is gone; both are.
        |entry| !entry.is_attachment(),
        |entry| entry.is_attachment(),
        |_| false,
        // The line that says whose page it is was removed; the file was changed by hand.
        |entry| {
            let cut = entry.data.find("<p><small>").unwrap_or(entry.data.len());
            entry.data.truncate(cut);
            true
        },
        |entry| {
            entry.bytes.iter_mut().for_each(|byte| *byte = b'x');
            true
        },
    ];
    for (number, deed) in deeds.into_iter().enumerate() {
        for words in ["2", "1"] {
            let bench = Bench::new();
            let first = bench.delivery("one", "1");
            let remote = bench.carry(&first).unwrap();
            bench.site.change_entries(deed);
            let mut delivery = bench.delivery("one", words);
            delivery.previous = Some(remote);
            bench.carry(&delivery).unwrap();
            bench.the(&delivery);
            assert_eq!((bench.site.pages().len(), bench.site.entries().len()), (1, 2), "{number} {words}");
        }
    }
}

#[test]
fn a_summary_that_an_editor_wrote_anew_is_known_again() {
    let rewrites: [fn(&str) -> String; 3] = [
        |html| html.replace("NexusLIMS record ", "NexusLIMS&nbsp;<span style=\"color:grey\">record</span> "),
        |html| html.replace(", content ", "<span>,</span>\n  <em>content</em> "),
        |html| {
            format!(
                "<div class=\"edited\">{}<p>&nbsp;</p></div>",
                html.replace("<p><small>", "<p>\n<small>\n")
            )
        },
    ];
    for (number, rewrite) in rewrites.into_iter().enumerate() {
        let bench = Bench::new();
        let delivery = bench.delivery("one", "1");
        bench.carry(&delivery).unwrap();
        bench.site.change_entries(|entry| {
            if !entry.is_attachment() {
                let before = entry.data.clone();
                entry.data = rewrite(&before);
                assert_ne!(entry.data, before);
            }
            true
        });
        let writes = bench.writes();
        bench.carry(&delivery).unwrap();
        assert_eq!(bench.writes(), writes, "{number}: {}", bench.site.entries()[0].data);
    }
}
