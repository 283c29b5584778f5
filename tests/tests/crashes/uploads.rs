//! Killed after two of five uploads: five records, not seven.

use nexus_tests::fake_cdcs::{FakeCdcs, TOKEN};
use nexus_tests::fault::{Fault, Gate, Rule};

use super::facility::Facility;

#[test]
fn killed_after_two_of_five_uploads_and_run_again_there_are_five_records() {
    let site = FakeCdcs::start();
    let cdcs = format!(
        "[destinations.cdcs]\nplugin = \"cdcs\"\nurl = \"{}\"\ntoken = {{ value = \"{TOKEN}\" }}\nsettle = \"1 s\"\n",
        site.url()
    );
    let facility = Facility::new(5, &cdcs);
    let gate = Gate::new();
    site.server.fail(Rule::at("/rest/data/", Fault::HoldAndDrop(gate.clone())).method("POST").after(2));
    let mut run = facility.start();
    gate.wait_for_arrivals(1);
    run.kill().unwrap();
    run.wait().unwrap();
    gate.open();
    site.server.heal();
    assert_eq!(site.records().len(), 2, "{}", facility.log());

    facility.to_the_end();
    let mut titles: Vec<_> = site.records().into_iter().map(|record| record.title).collect();
    titles.sort();
    let expected: Vec<_> = facility.stand().records.into_iter().map(|(_, name, _)| name).collect();
    assert_eq!((titles.len(), titles), (5, expected), "{}", facility.log());
    assert!(facility.stand().statuses.values().all(|status| status == "COMPLETED"));
}
