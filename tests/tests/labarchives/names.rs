//! What sessions, files and people are called.

use nexus_tests::fake_labarchives::{NOTEBOOK, ROOT};

use super::bench::{Bench, TOP};

const STRANGE: [&str; 12] = [
    "https://nemo.example.org/api/usage_events/?id=12&x=<y>",
    "Grün & <b>fett</b> \"zitiert\" 'einfach'",
    "純 伊藤 — 電子顕微鏡 🔬",
    "a + b = c / d | e % f # g ? h ; i \\ j",
    "%2B%20&amp;&#43;",
    "]]><![CDATA[",
    "<script>alert(1)</script><!-- x -->",
    "../../etc/passwd",
    "ends with a blank ",
    "Cafe\u{301} decomposed",
    "tab\tand\nnew line",
    "\u{202e}right to left\u{200b}",
];

#[test]
fn sessions_may_be_called_anything() {
    let bench = Bench::new();
    for (number, name) in STRANGE.into_iter().enumerate() {
        let mut delivery = bench.delivery(&format!("record-{number}"), "1");
        delivery.session.identifier = format!("{number} {name}");
        delivery.session.user = Some(name.to_owned());
        delivery.session.instrument.display_name = name.to_owned();
        delivery.session.instrument.pid = format!("TEM {name}");
        let delivery = bench.with_previews(delivery, &[(name, 40), ("plain.dm4", 40)]);
        bench.carry(&delivery).unwrap();
        let delivered = bench.the(&delivery);
        let html = &delivered.summary.data;
        for forbidden in ["<script", "<b>fett", "alert(1)<", "<y>"] {
            assert!(!html.contains(forbidden), "{forbidden} in {html}");
        }
        let same = bench.carry(&delivery).unwrap();
        assert_eq!(same.id, delivered.summary.eid);
        let mut changed = bench.delivery(&format!("record-{number}"), "2");
        changed.session = delivery.session.clone();
        bench.carry(&changed).unwrap();
        bench.the(&changed);
    }
    assert_eq!(bench.site.pages().len(), STRANGE.len());
}

#[test]
fn the_summary_is_well_formed_whatever_stands_in_it() {
    let bench = Bench::new();
    for (number, name) in STRANGE.into_iter().enumerate() {
        let mut delivery = bench.delivery(&format!("record-{number}"), "1");
        delivery.session.identifier = name.to_owned();
        delivery.session.user = Some(name.to_owned());
        let delivery = bench.with_previews(delivery, &[(name, 40)]);
        bench.carry(&delivery).unwrap();
        let html = format!("<div>{}</div>", as_xml(&bench.the(&delivery).summary.data));
        let document = roxmltree::Document::parse(&html).unwrap_or_else(|error| panic!("{error}: {html}"));
        let text: String =
            document.descendants().filter(roxmltree::Node::is_text).filter_map(|node| node.text()).collect();
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&text).contains(&squeezed(name)), "`{name}` is not shown in {html}");
        assert!(text.contains(&delivery.record.key) && text.contains(&delivery.record.content_sha256[..16]));
        for image in document.descendants().filter(|node| node.has_tag_name("img")) {
            assert!(image.attribute("src").unwrap().starts_with("data:image/"), "nothing is fetched: {html}");
        }
    }
}

#[test]
fn long_names_are_shortened_and_stay_apart() {
    let bench = Bench::new();
    let long = |end: &str| format!("{}{end}{}", "a".repeat(300), "b".repeat(300));
    for (number, end) in ["1", "2", "ä", "純"].into_iter().enumerate() {
        let mut delivery = bench.delivery(&format!("record-{number}"), "1");
        delivery.session.identifier = long(end);
        delivery.session.instrument.pid = long("pid");
        bench.carry(&delivery).unwrap();
        bench.the(&delivery);
    }
    let nodes = bench.site.nodes();
    assert!(nodes.iter().all(|node| node.text.chars().count() < 255), "{nodes:#?}");
    let mut names: Vec<_> = bench.site.pages().into_iter().map(|page| page.text).collect();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), nodes.len()), (4, 4 + 2));
    assert!(names.iter().all(|name| name.starts_with("2026-05-04 — aaa")));
}

#[test]
fn names_are_compared_as_people_read_them() {
    let bench = Bench::new();
    let mut delivery = bench.delivery("one", "1");
    delivery.session.instrument.pid = "Caf\u{e9}".into();
    let top = bench.site.put_node(NOTEBOOK, ROOT, &format!(" {TOP} "), false);
    bench.site.put_node(NOTEBOOK, &top, "Cafe\u{301}", false);
    bench.carry(&delivery).unwrap();
    bench.the(&delivery);
    assert_eq!(bench.site.nodes().len(), 3, "{:#?}", bench.site.nodes());
}

#[test]
fn folders_and_pages_are_called_as_the_settings_say() {
    let bench =
        Bench::new().with("folder", "Lab/{instrument}/{user}/{year}").with("page", "{name} ({session})");
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    let delivered = bench.the(&delivery);
    assert_eq!(bench.site.path(&delivered.page), ["Lab", "TEM-1", "ada", "2026", "one (session one)"]);
    let bench = Bench::new().with("folder", "");
    let delivery = bench.delivery("one", "1");
    bench.carry(&delivery).unwrap();
    assert_eq!(bench.the(&delivery).page.parent, ROOT);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (key, value) in [
        ("page", "{date}"),
        ("page", "{sesion}"),
        ("folder", "a//b"),
        ("folder", "{session}"),
        ("previews", "some"),
        ("users", "all"),
        ("url", "http://eln.example.org/api"),
        ("url", "nowhere"),
        ("inbox", "omit"),
        ("inbox", "maybe"),
        ("call_interval", "often"),
        ("timeout", "0 s"),
        ("user_id", " "),
        ("access_password", ""),
        ("else", "x"),
    ] {
        let bench = Bench::new().with(key, value);
        let told = bench.try_plugin().map(drop).unwrap_err();
        assert!(told.message.contains(key), "{key} = {value}: {told:?}");
    }
    for missing in ["access_key_id", "access_password", "user_id", "notebook_id"] {
        let told = Bench::new().without(missing).try_plugin().map(drop).unwrap_err();
        assert!(told.message.contains(missing), "{told:?}");
    }
}

#[test]
fn the_address_is_taken_with_and_without_its_end() {
    for end in ["", "/", "api", "api/"] {
        let bench = Bench::new();
        let url = format!("{}{end}", bench.site.server.url().trim_end_matches('/').to_owned() + "/");
        let bench = bench.with("url", url);
        let delivery = bench.delivery("one", "1");
        bench.carry(&delivery).unwrap();
        let target = bench.plugin().target(&bench.call()).unwrap();
        assert_eq!(target.id, format!("{} notebook={NOTEBOOK}", bench.site.url()));
        assert!(target.can_find);
    }
}

/// HTML closes neither breaks nor pictures.
fn as_xml(html: &str) -> String {
    let mut parts = html.split("<img");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Quoted attributes hold no `>`: it is escaped.
        let (tag, rest) = part.split_once('>').unwrap();
        out.extend(["<img", tag.trim_end_matches('/'), "/>", rest]);
    }
    out.replace("<br>", "<br/>")
}
