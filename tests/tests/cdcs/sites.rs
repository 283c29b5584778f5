//! Sites that differ: below a path, with another name for the content, with minds of their own.

use nexus_plugin_api::Found;
use nexus_tests::fake_cdcs::FakeCdcs;

use super::bench::{Bench, Facility};

#[test]
fn a_site_below_a_path() {
    for slash in ["", "/"] {
        let bench = Bench::at(FakeCdcs::start_below("/some/cdcs"));
        let base = format!("{}some/cdcs", bench.site.url());
        let bench = bench.with("url", format!("{base}{slash}"));
        let remote = bench.carry(&bench.delivery("r", "one")).unwrap();
        assert_eq!(remote.url, Some(format!("{base}/data?id=1")));
        assert!(
            bench.site.server.requests().iter().all(|request| request.path.starts_with("/some/cdcs/rest/"))
        );
    }
}

#[test]
fn the_content_has_another_name() {
    let facility = Facility::new();
    facility.site.call_it_content();
    facility.lab.sessions([1, 2, 3]);
    facility.run();
    facility.lab.put_file(1, "second");
    facility.lab.rebuild_all();
    facility.run();
    for number in 1..=3 {
        facility.the_record(number);
    }
}

#[test]
fn a_change_of_the_name_is_noticed_and_nothing_is_lost() {
    let bench = Bench::new();
    let plugin = bench.plugin();
    let delivery = bench.delivery("r", "one");
    bench.carry_with(plugin.as_ref(), &delivery).unwrap();
    let revised = bench.delivery("r", "two");
    assert!(matches!(plugin.find(&bench.call(), &revised).unwrap(), Found::One(_)));
    // Between the question and the change: the wrong name is taken and changes nothing.
    bench.site.call_it_content();
    plugin.deliver(&bench.call(), &revised).unwrap();
    assert!(bench.site.records()[0].content.contains("two"));
}

#[test]
fn a_site_that_takes_no_notice_of_the_workspace_is_told_again() {
    let facility = Facility::new();
    facility.site.ignore_workspaces();
    facility.lab.sessions([1]);
    facility.run();
    assert_eq!(facility.the_record(1).workspace, Some(1));
    assert_eq!(facility.site.server.count("PATCH", "/rest/data/1/assign/1"), 1);
}

#[test]
fn a_site_that_writes_records_anew_holds_them_all_the_same() {
    let bench = Bench::new();
    bench.site.rewrite_records();
    let delivery = bench.delivery("r", "one");
    let remote = bench.carry(&delivery).unwrap();
    let stored = bench.site.records()[0].content.clone();
    assert!(
        stored.contains("pid=\"https://pid.example.org/1\"") && !stored.contains("record key"),
        "{stored}"
    );
    assert_eq!(bench.find(&delivery), Found::One(remote), "the same record");
    bench.carry(&bench.delivery("r", "two")).unwrap();
    assert_eq!(bench.site.records().len(), 1);
    assert!(bench.site.records()[0].content.contains("two"));
}

#[test]
fn records_can_stay_private_or_go_to_a_group() {
    let bench = Bench::new().with("workspace", "none");
    bench.carry(&bench.delivery("r", "one")).unwrap();
    assert_eq!(bench.site.records()[0].workspace, None);
    assert_eq!(bench.site.server.count("GET", "/rest/workspace/"), 0);
    for named in ["Group of Ada", "5"] {
        let bench = Bench::new().with("workspace", named);
        bench.site.put_workspace_first(5, "Group of Ada", 1);
        bench.carry(&bench.delivery("r", "one")).unwrap();
        assert_eq!(bench.site.records()[0].workspace, Some(5));
    }
}

#[test]
fn a_record_that_somebody_put_elsewhere_stays_there() {
    let bench = Bench::new();
    bench.site.put_workspace_first(5, "Embargo", 1);
    bench.carry(&bench.delivery("r", "one")).unwrap();
    bench.site.change_record(1, |record| record.workspace = Some(5));
    bench.carry(&bench.delivery("r", "two")).unwrap();
    let record = &bench.site.records()[0];
    assert!(record.content.contains("two"));
    assert_eq!(record.workspace, Some(5));
}

#[test]
fn numbers_that_have_changed_are_looked_up_again() {
    let bench = Bench::new();
    let plugin = bench.plugin();
    bench.carry_with(plugin.as_ref(), &bench.delivery("one", "1")).unwrap();
    bench.site.replace_template(40);
    bench.site.renumber_public_workspace(8);
    bench.carry_with(plugin.as_ref(), &bench.delivery("two", "2")).unwrap();
    let records = bench.site.records();
    assert_eq!((records[1].template, records[1].workspace), (40, Some(8)));
    assert_eq!(records.len(), 2);
}

#[test]
fn a_record_under_an_old_version_stays_there_and_that_is_said() {
    let bench = Bench::new();
    bench.carry(&bench.delivery("r", "one")).unwrap();
    bench.site.add_template_version(40);
    bench.carry(&bench.delivery("r", "two")).unwrap();
    assert!(bench.logged().contains("record 1 is under version 12"), "{}", bench.logged());
    assert_eq!((bench.site.records().len(), bench.site.records()[0].template), (1, 12));
    bench.site.refuse_content("three", "Element 'x': This element is not expected., line 1");
    let error = bench.carry(&bench.delivery("r", "three")).unwrap_err();
    assert!(error.hint.unwrap().contains("version 12 of the template"));
    bench.carry(&bench.delivery("new", "one")).unwrap();
    assert_eq!(bench.site.records()[1].template, 40);
}
