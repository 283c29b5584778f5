use super::*;

const STRICT: Allowed = Allowed { previews: true };

/// A record of two activities, as both programs write it.
const RECORD: &str = r#"<Experiment xmlns="urn:x"><title>T</title><id>1</id>
  <summary ref="http://a"><instrument pid="TEM">The TEM</instrument></summary><sample id="one"/>
  <acquisitionActivity seqno="0"><startTime>2024-03-05T09:00:00-05:00</startTime><sampleID>one</sampleID>
    <setup><param name="Data Type">Unknown</param><param name="NexusLIMS Extraction – Module">theirs</param></setup>
    <dataset type="Unknown" role="Experimental"><name>a.txt</name><location>/tem/a.txt</location>
      <preview>/tem/a.txt.thumb.png</preview><meta name="Voltage" unit="kV">1.0</meta>
      <meta name="NexusLIMS Extraction – Date">2026-01-01</meta></dataset>
    <dataset type="Unknown" role="Experimental"><name>b.txt</name><location>/tem/b.txt</location></dataset>
  </acquisitionActivity>
  <acquisitionActivity seqno="1"><startTime>2024-03-05T10:00:00-05:00</startTime><sampleID>one</sampleID><setup/>
    <dataset type="Unknown" role="Experimental"><name>c.txt</name><location>/tem/c.txt</location></dataset>
  </acquisitionActivity></Experiment>"#;

fn outcome(record: &str) -> Outcome {
    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    Outcome { statuses: one("session 1", "COMPLETED"), records: one("record 1", record) }
}

fn compare(ours: &str, allowed: Allowed) -> Comparison {
    outcomes(&outcome(RECORD), &outcome(ours), allowed).unwrap()
}

/// The places that differ, when `from` is `to` in our record.
fn differing(from: &str, to: &str) -> Vec<String> {
    assert!(RECORD.contains(from));
    let comparison = compare(&RECORD.replacen(from, to, 1), STRICT);
    comparison.differences.into_iter().map(|difference| difference.place).collect()
}

#[test]
fn equal_records_do_not_differ() {
    let comparison = compare(RECORD, STRICT);
    assert!(comparison.is_equal(), "{:?}", comparison.differences);
    assert_eq!((comparison.sessions, comparison.records), (1, 1));
    assert!(comparison.values > 20, "{}", comparison.values);
}

#[test]
fn every_value_is_compared() {
    let first = "acquisitionActivity[0]";
    for (from, to, place) in [
        (">T<", ">U<", "title".to_owned()),
        ("http://a", "http://b", "summary@ref".to_owned()),
        ("The TEM", "The SEM", "summary/instrument".to_owned()),
        ("pid=\"TEM\"", "pid=\"SEM\"", "summary/instrument@pid".to_owned()),
        ("T09:00", "T09:01", format!("{first}/startTime")),
        (">Unknown<", ">Known<", format!("{first}/setup/param \"Data Type\"")),
        (">a.txt<", ">A.txt<", format!("{first}/dataset[0]/name")),
        ("/tem/a.txt<", "/tem/A.txt<", format!("{first}/dataset[0]/location")),
        ("type=\"Unknown\"", "type=\"Image\"", format!("{first}/dataset[0]@type")),
        ("a.txt.thumb", "a.thumb", format!("{first}/dataset[0]/preview[0]")),
        (">1.0<", ">1<", format!("{first}/dataset[0]/meta \"Voltage\"")),
        ("kV", "V", format!("{first}/dataset[0]/meta \"Voltage\"@unit")),
        (
            "unit=\"kV\"",
            "unit=\"kV\" warning=\"true\"",
            format!("{first}/dataset[0]/meta \"Voltage\"@warning"),
        ),
        ("seqno=\"1\"", "seqno=\"2\"", "acquisitionActivity[1]@seqno".to_owned()),
    ] {
        assert_eq!(differing(from, to), [place], "{from} to {to}");
    }
}

#[test]
fn another_order_of_keys_differs() {
    let (one, two) = ("<meta name=\"Voltage\" unit=\"kV\">1.0</meta>", "<meta name=\"NexusLIMS");
    let moved =
        RECORD.replacen(one, "", 1).replacen("</meta></dataset>", &format!("</meta>{one}</dataset>"), 1);
    assert!(RECORD.contains(two));
    let places: Vec<_> = compare(&moved, STRICT).differences.into_iter().map(|found| found.place).collect();
    assert_eq!(places, ["acquisitionActivity[0]/dataset[0]/meta (order)"]);
}

#[test]
fn a_sample_that_is_not_the_records_differs() {
    assert_eq!(differing("<sampleID>one", "<sampleID>two"), ["acquisitionActivity[0]/sampleID"]);
    let renamed = RECORD.replace("<sampleID>one", "<sampleID>two").replace("id=\"one\"", "id=\"two\"");
    assert!(compare(&renamed, STRICT).is_equal(), "the identifier itself is random");
}

#[test]
fn another_grouping_is_one_difference() {
    let at = RECORD.find("<acquisitionActivity seqno=\"1\"").unwrap();
    let end = RECORD.find("</Experiment>").unwrap();
    let mut one_activity = RECORD.to_owned();
    one_activity.replace_range(at..end, "");
    let differences = compare(&one_activity, STRICT).differences;
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert_eq!(
        differences[0].to_string(),
        "record 1: acquisitionActivity (count): NexusLIMS has `2`, nexus `1`"
    );
}

#[test]
fn what_names_the_program_may_differ_but_not_vanish() {
    let module = "<param name=\"NexusLIMS Extraction – Module\">theirs</param>";
    let comparison =
        compare(&RECORD.replace(">theirs<", ">ours<").replace("2026-01-01", "2026-02-02"), STRICT);
    assert!(comparison.is_equal(), "{:?}", comparison.differences);
    assert_eq!(comparison.allowed.values().sum::<usize>(), 2);
    assert!(!compare(&RECORD.replace(module, ""), STRICT).is_equal());
}

#[test]
fn previews_may_be_missing_only_if_they_were_not_asked_for() {
    let without = RECORD.replace("<preview>/tem/a.txt.thumb.png</preview>", "");
    assert!(!compare(&without, STRICT).is_equal());
    assert!(compare(&without, Allowed { previews: false }).is_equal());
}

#[test]
fn sessions_and_records_must_be_the_same() {
    let mut ours = outcome(RECORD);
    ours.statuses.insert("session 2".to_owned(), "ERROR".to_owned());
    ours.statuses.insert("session 1".to_owned(), "NO_CONSENT".to_owned());
    ours.records.clear();
    let found = outcomes(&outcome(RECORD), &ours, STRICT).unwrap().differences;
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "session 1: status: NexusLIMS has `COMPLETED`, nexus `NO_CONSENT`",
            "session 2: status: NexusLIMS has nothing, nexus `ERROR`",
            "record 1: record: NexusLIMS has `a record`, nexus nothing",
        ]
    );
}

#[test]
fn a_record_that_is_no_xml_is_named() {
    let error = outcomes(&outcome(RECORD), &outcome("<a>"), STRICT).unwrap_err();
    assert!(format!("{error:#}").contains("record 1 of nexus"), "{error:#}");
}
