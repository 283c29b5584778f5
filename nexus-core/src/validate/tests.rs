use std::path::Path;

use super::*;
use crate::xml::NAMESPACE;

fn invalid(record: impl AsRef<[u8]>) -> Invalid {
    shipped().unwrap().validate(record.as_ref()).unwrap_err()
}

fn least(inner: &str) -> String {
    format!("<Experiment xmlns=\"{NAMESPACE}\">\n<summary/>\n{inner}</Experiment>")
}

#[test]
fn the_good_one_passes_with_and_without_a_byte_order_mark() {
    shipped().unwrap().validate(GOOD.as_bytes()).unwrap();
    shipped().unwrap().validate(format!("\u{FEFF}{GOOD}").as_bytes()).unwrap();
}

#[test]
fn problems_name_element_line_and_fault() {
    let record = GOOD.replace("warning=\"true\"", "warning=\"maybe\"").replace("<rating>4<", "<rating>four<");
    let found = invalid(record);
    assert_eq!(
        found.to_string(),
        "/Experiment/acquisitionActivity/dataset/meta, line 35: attribute `warning`: `maybe` is not \
         `true` or `false` (and 1 more)"
    );
    assert_eq!(found.problems[1].path, "/Experiment/acquisitionActivity/dataset/curation/rating");
    assert_eq!(found.problems[1].line, 37);
}

#[test]
fn elements_of_one_name_are_numbered() {
    let dataset =
        "<dataset><name>a</name><location>/a</location><meta/><meta/><meta warning=\"no\"/></dataset>";
    let activity = format!("<acquisitionActivity/>\n<acquisitionActivity>{dataset}</acquisitionActivity>");
    assert_eq!(
        invalid(least(&activity)).problems[0].path,
        "/Experiment/acquisitionActivity[2]/dataset/meta[3]"
    );
}

#[test]
fn what_follows_from_a_fault_is_not_told() {
    let found = invalid(GOOD.replace("<id>501</id>", "<number>501</number>"));
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert_eq!(found.problems[0].path, "/Experiment/number");
    let found = invalid(GOOD.replace("<name>a.tif</name>", ""));
    assert_eq!(found.problems.len(), 1, "{found:?}");
    assert_eq!(found.problems[0].message, "`name` is missing before it");
}

#[test]
fn many_problems_are_cut() {
    let activity = "<acquisitionActivity seqno=\"x\"/>".repeat(1000);
    let found = invalid(least(&activity));
    assert_eq!(found.problems.len(), TOLD);
    assert!(found.more);
    assert!(found.to_string().ends_with("is not a whole number (and at least 7 more)"), "{found}");
}

#[test]
fn files_that_are_no_records_are_refused_with_the_position() {
    let say = |bytes: &[u8]| invalid(bytes).to_string();
    assert_eq!(say(b""), "line 1, column 1: the file is empty");
    assert_eq!(say(b" \n"), "line 1, column 1: the file is empty");
    assert_eq!(say(b"<a>\nab\xfcc</a>"), "line 2, column 3: the byte 0xfc is not UTF-8; records are UTF-8");
    assert_eq!(say(b"<a>\n"), "line 2, column 1: the file ends too early");
    assert_eq!(
        say(b"<!-- a -->"),
        "line 1, column 1: not well-formed XML: Document must have a root element"
    );
    assert_eq!(say(b"<a>\n&</a>"), "line 2, column 2: not well-formed XML: Expected XML name");
    assert!(say(b"<a>\0</a>").starts_with("line 1, column 4: not well-formed XML"), "{}", say(b"<a>\0</a>"));
    let latin = least("").replace("<Exp", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Exp");
    assert_eq!(
        say(latin.as_bytes()),
        "line 1, column 1: the file says it is `ISO-8859-1`; records are UTF-8"
    );
    let utf16: Vec<u8> = least("").encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(shipped().unwrap().validate(&utf16).is_err());
}

#[test]
fn hostile_files_are_refused_before_they_cost_anything() {
    let say = |record: String| invalid(record).to_string();
    assert!(say("<a>".repeat(100_000)).contains("nesting"), "deep nesting");
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>".to_owned() + &least("&b;");
    assert!(say(bomb).contains("DOCTYPE"), "entities");
    let attributes = (0..20_000).fold(String::new(), |text, n| text + &format!(" a{n}=\"\""));
    assert!(say(least(&format!("<notes{attributes}/>"))).contains("more than 64 attributes"));
    let deep_inside = least(&format!(
        "<sample><elements><H>{}</H></elements></sample>",
        "<Experiment xmlns=\"\"/>".repeat(10)
    ));
    shipped().unwrap().validate(deep_inside.as_bytes()).unwrap();
}

#[test]
fn messages_are_short_and_on_one_line_whatever_the_record_holds() {
    let long = format!("a\n{}", "x".repeat(100_000));
    let found = invalid(least(&format!(
        "<acquisitionActivity seqno=\"0\"><startTime>{long}</startTime></acquisitionActivity>"
    )));
    let text = found.to_string();
    assert!(text.len() < 300 && !text.contains('\n'), "{text}");
}

/// libxml2 takes a word list for a token where `xsi:type` says so. The schema library does not, nexus never
/// writes it, and no reader of records needs it.
const STRICTER: [&str; 1] = ["xsi-type-word-list-for-token"];

#[test]
fn verdicts_are_those_of_libxml2() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schema");
    let verdicts = std::fs::read_to_string(folder.join("verdicts.tsv")).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in verdicts.lines() {
        let (name, verdict) = line.split_once('\t').unwrap();
        let record = std::fs::read(folder.join(format!("{name}.xml"))).unwrap();
        let ours = shipped().unwrap().validate(&record);
        let path_given = ours.as_ref().is_err_and(|found| !found.problems[0].path.is_empty());
        let same = match verdict {
            "valid" => ours.is_ok() || STRICTER.contains(&name),
            "invalid" => path_given,
            _ => ours.is_err() && !path_given,
        };
        if !same {
            wrong.push(format!("{name}: libxml2 says {verdict}, we {ours:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(count + 1, std::fs::read_dir(&folder).unwrap().count(), "every file has a verdict");
}

#[test]
fn the_first_pair_of_eyes_finds_every_fault_by_itself() {
    // Only it can name the element.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/schema");
    let grammar = Grammar::read(&Parser::new().parse(SCHEMA).unwrap()).unwrap();
    for line in std::fs::read_to_string(folder.join("verdicts.tsv")).unwrap().lines() {
        let (name, verdict) = line.split_once('\t').unwrap();
        let record = std::fs::read_to_string(folder.join(format!("{name}.xml"))).unwrap();
        if let Ok(document) = parse(&record) {
            let found = check::problems(&grammar, &document, TOLD);
            assert_eq!(found.problems.is_empty(), verdict == "valid", "{name}: {found:?}");
        }
    }
}

#[test]
fn a_schema_that_says_less_or_something_else_is_not_used() {
    let refused =
        |schema: &str| Validator::new(schema).err().unwrap_or_else(|| panic!("used: {schema}")).to_string();
    assert!(refused("<a").contains("not well-formed"));
    assert!(refused("<a/>").contains("not xs:schema"));
    assert!(
        refused(&SCHEMA.replace("targetNamespace=\"https", "targetNamespace=\"http"))
            .contains("targetNamespace")
    );
    assert!(refused(&SCHEMA.replace("elementFormDefault=\"qualified\"", "")).contains("elementFormDefault"));
    let with = |part: &str| {
        SCHEMA.replace("  <xs:element name=\"Experiment\"", &format!("{part}<xs:element name=\"Experiment\""))
    };
    assert!(refused(&with("<xs:include schemaLocation=\"a.xsd\"/>")).contains("xs:include"));
    assert!(refused(&with("<xs:import/>")).contains("xs:import"));
    assert!(refused(&with("<xs:complexType name=\"A\" mixed=\"true\"/>")).contains("`mixed`"));
    assert!(refused(&SCHEMA.replace("type=\"nx:Setup\"", "type=\"nx:Other\"")).contains("`Other`"));
    assert!(refused(&format!("<!DOCTYPE a>{SCHEMA}")).contains("DOCTYPE"));
    // Understood, but another language: the canary notices.
    assert!(refused(&SCHEMA.replace("\"Image\"", "\"Picture\"")).contains("invalid"));
    assert!(
        refused(&SCHEMA.replace(
            "name=\"location\" type=\"xs:string\"",
            "name=\"location\" type=\"xs:string\" minOccurs=\"0\""
        ))
        .contains("calls a record valid")
    );
    assert!(
        refused(&SCHEMA.replace("type=\"xs:dateTime\"", "type=\"xs:token\""))
            .contains("calls a record valid")
    );
}
