//! The program is killed while the site stores a record: every session has one record in the end.

use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::proxy::Proxy;
use nexus_tests::real_cdcs::{ORDINARY, RealCdcs};

use super::facility::Facility;

#[test]
fn killed_after_two_of_five_uploads_and_run_again_there_are_five_records() {
    let Some(cdcs) = RealCdcs::start() else { return };
    let proxy = Proxy::before(&cdcs.url());
    let facility = Facility::new(
        5,
        &format!(
            "[destinations.cdcs]\nplugin = \"cdcs\"\nurl = \"{}\"\ntoken = {{ value = \"{ORDINARY}\" }}\nsettle = \"1 s\"\n",
            proxy.url()
        ),
    );
    let gate = Gate::new();
    // Those after the second are stored, and nobody hears of it.
    proxy.server.fail(Rule::at("/rest/data/", Fault::HoldAfter(gate.clone())).method("POST").after(2));
    let mut run = facility.start();
    gate.wait_for_arrivals(1);
    run.kill().unwrap();
    run.wait().unwrap();
    gate.open();
    proxy.server.heal();
    let stored = cdcs.titles().len();
    assert!((3..=5).contains(&stored), "{stored} records: {}", facility.log());

    facility.to_the_end();
    let expected: Vec<_> = facility.stand().records.into_iter().map(|(_, name, _)| name).collect();
    assert_eq!((expected.len(), cdcs.titles()), (5, expected), "{}", facility.log());
    assert!(facility.stand().statuses.values().all(|status| status == "COMPLETED"));
}
