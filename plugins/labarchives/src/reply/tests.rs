use proptest::prelude::*;

use super::*;

fn read<T>(text: &str, of: impl Fn(&Document<'_>) -> Option<T>) -> Option<T> {
    of(&Document::parse(text).unwrap())
}

#[test]
fn every_form_of_an_error_is_seen() {
    for text in [
        "<error><error-code type=\"integer\">4520</error-code><error-description>no</error-description></error>",
        "<error><error-description>no</error-description><error-code>4520</error-code></error>",
        "<response><error><error-code>4520</error-code><error-description>no</error-description></error></response>",
        "<response><error><msg>no</msg><code> 4520 </code></error></response>",
    ] {
        assert_eq!(read(text, refusal), Some(Refusal { code: Some(4520), said: "no".into() }), "{text}");
    }
    assert_eq!(read("<error>no</error>", refusal).unwrap(), Refusal { code: None, said: "no".into() });
    assert_eq!(read("<entries><request><error/></request></entries>", refusal), None);
}

#[test]
fn the_echo_of_the_request_is_not_believed() {
    let entry = "<entries><request><entry><eid>E0</eid></entry><eid>E1</eid></request>\
                 <entry><version>1</version><eid> E2= </eid></entry></entries>";
    assert_eq!(read(entry, written).unwrap().id, "E2=");
    assert_eq!(read("<entries><request><eid>E1</eid></request></entries>", written), None);
    let node = "<tree-tools><request><node><tree-id>T0</tree-id></node></request>\
                <node><display-text>a</display-text><tree-id>T1</tree-id></node></tree-tools>";
    assert_eq!(read(node, made).unwrap().id, "T1");
    let level = "<tree-tools><request><level-nodes/><level-node><tree-id>T0</tree-id></level-node></request></tree-tools>";
    assert_eq!(read(level, super::level), None);
}

#[test]
fn a_level_has_folders_and_pages() {
    let text = "<tree-tools><level-nodes type=\"array\"><level-node><user-access><can-write type=\"boolean\">false\
                </can-write></user-access><display-text>a &amp; b</display-text><tree-id>T1</tree-id><is-page>true\
                </is-page></level-node><level-node><tree-id/><display-text>lost</display-text></level-node>\
                <level-node><tree-id>T2</tree-id></level-node></level-nodes></tree-tools>";
    let nodes = read(text, level).unwrap();
    assert_eq!(nodes.len(), 2);
    assert_eq!(
        nodes[0],
        TreeNode { id: "T1".into(), name: "a & b".into(), page: Some(true), writable: Some(false) }
    );
    assert_eq!((nodes[1].page, nodes[1].writable), (None, None));
    assert_eq!(read("<tree-tools><level-nodes type=\"array\"/></tree-tools>", level), Some(Vec::new()));
}

#[test]
fn entries_have_any_root_and_their_text_in_any_wrapping() {
    for (open, close) in [("&lt;p>", "&lt;/p>"), ("<![CDATA[<p>", "</p>]]>"), ("<p>", "</p>")] {
        let text = format!(
            "<tree-tools><entries><entry><eid>1</eid><part-type>Text Entry</part-type><entry-data>{open}NexusLIMS{close}\
             </entry-data></entry></entries></tree-tools>"
        );
        let entries = read(&text, entries).unwrap();
        assert!(entries[0].data.as_ref().unwrap().contains("NexusLIMS"), "{text}");
        assert!(entries[0].kind == "text entry" && !entries[0].is_attachment());
    }
    let file = "<entries><entry><attach-file-size type=\"integer\">18234</attach-file-size><eid>1</eid>\
                <part-type>Attachment</part-type><attach-file-name>a.xml</attach-file-name><caption>c</caption>\
                <entry_data>c</entry_data></entry></entries>";
    let entry = read(file, written).unwrap();
    assert!(entry.is_attachment());
    assert_eq!(
        (entry.size, entry.file_name.as_deref(), entry.data.as_deref()),
        (Some(18234), Some("a.xml"), Some("c"))
    );
    assert_eq!(read("<entries/>", entries).unwrap(), []);
}

#[test]
fn a_user_is_no_notebook() {
    let text = "<users><notebooks type=\"array\"><notebook><is-default>true</is-default><id>NB=</id><name>Ada's</name>\
                </notebook></notebooks><request><id>0</id></request><email>ada@x</email><id>77|UID==</id></users>";
    let user = read(text, user).unwrap();
    assert_eq!((user.uid.as_str(), user.email.as_deref(), user.name), ("77|UID==", Some("ada@x"), None));
    assert_eq!(user.notebooks, [Notebook { id: "NB=".into(), name: "Ada's".into(), default: true }]);
    assert_eq!(read("<users><notebook><id>NB</id></notebook></users>", super::user), None);
    let size = "<users><request><uid>1</uid></request><max-file-size type=\"integer\">262144000</max-file-size></users>";
    assert_eq!(read(size, largest), Some(262_144_000));
}

#[test]
fn the_servers_time_in_any_wrapping() {
    for text in [
        "<utilities><epoch-time type=\"integer\">1735689600000</epoch-time></utilities>",
        "<a><b>12</b><c>1735689600000</c></a>",
        "1735689600000",
        "{\"t\": 1735689600000",
    ] {
        assert_eq!(epoch(text), Some(1_735_689_600_000), "{text}");
    }
    assert_eq!(epoch("<a>123456789</a>"), None);
    assert_eq!(epoch(&"9".repeat(40)), None);
}

/// Documents with the names that answers have.
fn any_xml() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "entries",
        "entry",
        "eid",
        "request",
        "error",
        "error-code",
        "code",
        "msg",
        "node",
        "level-nodes",
        "level-node",
        "tree-id",
        "is-page",
        "user-access",
        "can-write",
        "users",
        "id",
        "notebook",
        "entry-data",
        "attach-file-size",
    ]);
    let leaf = "[0-9]{0,25}|\\PC{0,8}".prop_map(|text: String| text.replace(['<', '&', '>'], ""));
    leaf.prop_recursive(5, 60, 6, move |inner| {
        (name.clone(), prop::collection::vec(inner, 0..6))
            .prop_map(|(name, children)| format!("<{name}>{}</{name}>", children.concat()))
    })
}

#[test]
fn answers_may_be_as_deep_as_they_like() {
    read_all(&"<a>".repeat(300_000));
    read_all(&format!("{}{}", "<entry>".repeat(50_000), "</entry>".repeat(50_000)));
}

fn read_all(text: &str) {
    let _ = epoch(text);
    if let Ok(document) = Document::parse(text) {
        let _ =
            (refusal(&document), level(&document), made(&document), entries(&document), written(&document));
        let _ = (user(&document), largest(&document));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_left(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = text(&bytes) {
            read_all(text);
        }
    }

    #[test]
    fn any_document_is_read_or_left(text in any_xml()) {
        read_all(&text);
    }

    #[test]
    fn any_text_comes_back_as_it_was_escaped(name in "[^\\x00-\\x1f\\x7f-\\x9f\u{fffe}\u{ffff}]{1,40}") {
        let escaped = name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let text = format!("<t><node><tree-id>1</tree-id><display-text>{escaped}</display-text></node></t>");
        prop_assert_eq!(read(&text, made).unwrap().name, name);
    }
}
