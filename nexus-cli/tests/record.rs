//! `nexus record`, over the built program.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use common::Sandbox;
use serde_json::json;

const GOOD: &str = include_str!("../../nexus-core/schema/canary.xml");

#[test]
fn valid_records_pass_and_others_are_told_with_element_and_line() {
    let sandbox = Sandbox::new();
    sandbox.write("good.xml", GOOD);
    assert_eq!(sandbox.nexus(["record", "check", "good.xml"]).done(), "good.xml: valid\n");
    sandbox.write("bad.xml", GOOD.replace(">4<", ">four<").replace("\"Image\"", "\"Film\""));
    sandbox.write("cut.xml", GOOD.split("<summary").next().unwrap());
    let outcome = sandbox.nexus(["record", "check", "good.xml", "bad.xml", "cut.xml"]).code(4);
    assert_eq!(outcome.stderr, "");
    assert_eq!(
        outcome.stdout,
        "good.xml: valid\n\
         bad.xml: not valid\n  \
           31:5 /Experiment/acquisitionActivity/dataset: attribute `type`: `Film` is not one of Image, Spectrum, \
         SpectrumImage, Diffraction, Notes, Misc, Unknown\n  \
           37:9 /Experiment/acquisitionActivity/dataset/curation/rating: `four` is not a whole number\n\
         cut.xml: not valid\n  \
           5:3: the file ends too early\n"
    );
    assert_eq!(sandbox.names(), ["bad.xml", "cut.xml", "good.xml"], "nothing else was made");
}

#[test]
fn scripts_get_the_same_as_json() {
    let sandbox = Sandbox::new();
    sandbox.write("good.xml", GOOD);
    sandbox.write("bad.xml", GOOD.replace("<location>/sem/a.tif</location>", ""));
    let outcome = sandbox.nexus(["record", "check", "--json", "good.xml", "bad.xml"]).code(4);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&outcome.stdout).unwrap(),
        json!([
            {"file": "good.xml", "valid": true, "problems": [], "more": false, "unreadable": null},
            {"file": "bad.xml", "valid": false, "more": false, "unreadable": null, "problems": [{
                "path": "/Experiment/acquisitionActivity/dataset/preview",
                "line": 34,
                "column": 7,
                "message": "`location` is missing before it",
            }]},
        ])
    );
}

#[test]
fn all_problems_are_told_and_not_just_the_first_few() {
    let sandbox = Sandbox::new();
    let activities = "<acquisitionActivity seqno=\"x\"/>".repeat(100);
    sandbox.write("bad.xml", GOOD.replace("<notes", &format!("{activities}<notes")));
    let outcome = sandbox.nexus(["record", "check", "bad.xml"]).code(4);
    assert_eq!(outcome.stdout.lines().count(), 101, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("/Experiment/acquisitionActivity[101]: attribute `seqno`"));
}

#[test]
fn a_file_that_cannot_be_read_stops_no_other() {
    let sandbox = Sandbox::new();
    sandbox.write("good.xml", GOOD);
    let outcome = sandbox.nexus(["record", "check", "none.xml", "good.xml"]).code(1);
    assert!(outcome.stdout.starts_with("none.xml: cannot be read: "), "{}", outcome.stdout);
    assert!(outcome.stdout.ends_with("good.xml: valid\n"), "{}", outcome.stdout);
    sandbox.nexus(["record", "check"]).code(2);
}

#[test]
fn the_schema_is_printed_as_it_is_shipped() {
    let sandbox = Sandbox::new();
    let schema = include_str!("../../nexus-core/schema/nexus-experiment.xsd");
    assert_eq!(sandbox.nexus(["record", "schema"]).done(), schema);
}

#[test]
fn a_record_is_shown_as_an_outline() {
    let sandbox = Sandbox::new();
    sandbox.write("good.xml", GOOD);
    assert_eq!(
        sandbox.nexus(["record", "show", "good.xml"]).done(),
        "\
title       A session
id          501
who         Jane Doe (jdoe)
instrument  Example SEM (SEM-1)
booked      2024-03-05T09:00:00-07:00 to 2024-03-05T11:00:00.250000-07:00
link        https://scheduler.example.org/event/501?view=full
why         Grain boundaries
sample      Steel (Fe, C)
project     Steels (P-7)
1 acquisition activity, 1 dataset

activity 0, 2024-03-05T09:10:00-07:00, 1 value shared
  Image         a.tif  /sem/a.tif  (1 value of its own, preview)
"
    );
    let shown = sandbox.nexus(["record", "show", "good.xml", "--json"]).json();
    assert_eq!(shown["activities"][0]["datasets"][0]["location"], "/sem/a.tif");
    assert_eq!(shown["experimenters"], json!(["Jane Doe (jdoe)"]));
}

#[test]
fn invalid_records_are_shown_and_other_files_are_not() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "odd.xml",
        GOOD.replace("<title>A session</title>", "<title>A\u{9b}31m\nsession</title>")
            .replace("\"Image\"", "\"Film\""),
    );
    let shown = sandbox.nexus(["record", "show", "odd.xml"]).done();
    assert!(shown.starts_with("title       A 31m session\n") && shown.contains("  Film  "), "{shown}");
    sandbox.write("other.xml", "<a/>");
    sandbox.nexus(["record", "show", "other.xml"]).refused(
        1,
        "error: `other.xml` is XML, but no record of this format\n  hint: `nexus record check` says what it is not",
    );
    sandbox.write("no.xml", "words");
    let outcome = sandbox.nexus(["record", "show", "no.xml"]).code(1);
    assert!(outcome.stderr.starts_with("error: `no.xml` is no XML\n  because: "), "{}", outcome.stderr);
    let outcome = sandbox.nexus(["record", "show", "none.xml"]).code(1);
    assert!(
        outcome.stderr.starts_with("error: `none.xml` cannot be read\n  because: "),
        "{}",
        outcome.stderr
    );
}
