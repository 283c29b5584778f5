//! Who a session's user is, between a source that knows addresses and a log that knows names.

use nexus_core::instrument::Instruments;
use nexus_core::session;
use nexus_plugin_api::UsageEvent;
use nexus_tests::lab::Lab;

fn know(lab: &Lab, user: &str, id: &str, email: &str) {
    lab.sql(
        "INSERT INTO external_user_identifiers (nexuslims_username, external_system, external_id, email, created_at)
         VALUES (?1, 'nemo', ?2, ?3, '2024-01-01T00:00:00')",
        &[user, id, email],
    );
}

#[test]
fn a_known_address_becomes_a_name_and_the_source_is_told_the_addresses() {
    let lab = Lab::with_destinations(&["a"]);
    know(&lab, "ada", "17", "ada@example.org");
    know(&lab, "bob", "18", "lab@example.org");
    know(&lab, "eve", "19", "lab@example.org");
    let user = |number| {
        let database = lab.database();
        let instruments = Instruments::load(database.read()).unwrap();
        session::load(database.read(), &Lab::id(number), &instruments).unwrap().unwrap().user.unwrap()
    };
    lab.sessions([1, 2, 3]);
    for (number, user) in [(1, "Ada@Example.org"), (2, "lab@example.org"), (3, "who@example.org")] {
        lab.harvester.put(UsageEvent { user: Some(user.into()), ..Lab::event(number) });
    }
    let report = lab.run();
    assert_eq!((report.build.built, report.harvest[&"lab".into()].new), (3, 3), "{report:?}");
    assert_eq!(user(1), "ada");
    assert_eq!(user(2), "lab@example.org", "it is that of two");
    assert_eq!(user(3), "who@example.org");
    assert_eq!(lab.harvester.told_emails(), [vec!["ada@example.org".to_owned()], vec![], vec![]]);
    let again = lab.run();
    assert_eq!(
        (again.harvest[&"lab".into()].revised, again.harvest[&"lab".into()].revised_late),
        (0, 0),
        "{again:?}"
    );
}
