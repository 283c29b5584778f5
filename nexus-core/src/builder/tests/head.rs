use super::*;

fn with_reservation(reservation: Reservation) -> BuiltRecord {
    let disk = Disk::with(&["sem/a b.tif", "sem/c.tif"]);
    let (readers, clock) = (disk.readers(), clock());
    build(&Material { reservation, ..disk.material(&readers, &clock) }).unwrap()
}

#[test]
fn a_bare_session_has_a_title_a_sample_and_a_project() {
    let built = with_reservation(Reservation::default());
    let text = text(&built);
    assert!(text.contains("<title>Experiment on the Example SEM on Tuesday Mar. 05, 2024</title>"), "{text}");
    assert!(text.contains("<location>/sem/a%20b.tif</location>"), "{text}");
    assert!(text.contains("  <project/>\n"), "{text}");
    assert!(text.contains("<startTime>2024-03-05T09:10:00-07:00</startTime>"), "{text}");
    assert!(text.contains("<param name=\"Data Type\">Unknown</param>"), "{text}");
    let sample = text.split("<sample id=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(text.contains(&format!("<sampleID>{sample}</sampleID>")), "{text}");
}

#[test]
fn a_booking_at_the_edge_of_the_calendar_has_a_title() {
    let west = FixedOffset::west_opt(7 * 3600).unwrap();
    let east = FixedOffset::east_opt(14 * 3600).unwrap();
    for (start, year) in [
        (DateTime::<Utc>::MIN_UTC.with_timezone(&west), "0001"),
        (DateTime::<Utc>::MAX_UTC.with_timezone(&east), "9999"),
    ] {
        let start = Some(EventTime::Offset(start));
        let built = with_reservation(Reservation { start, end: start, ..Reservation::default() });
        let title = text(&built).split("<title>").nth(1).unwrap().split('<').next().unwrap();
        assert!(title.ends_with(year), "{title}");
    }
}

#[test]
fn unknown_and_repeated_elements_are_left_out_with_a_warning() {
    let built = with_reservation(Reservation {
        samples: vec![nexus_plugin_api::Sample {
            elements: ["Fe", " C ", "Fe", "Xx"].map(str::to_owned).to_vec(),
            ..nexus_plugin_api::Sample::default()
        }],
        ..Reservation::default()
    });
    let text = text(&built);
    assert!(text.contains("<elements>\n      <Fe/>\n      <C/>\n    </elements>"), "{text}");
    assert_eq!(built.warnings.len(), 1);
    assert!(built.warnings[0].contains("`Xx`"), "{:?}", built.warnings);
}

#[test]
fn every_sample_and_project_is_written() {
    let sample = |name: &str| nexus_plugin_api::Sample { name: Some(name.into()), ..Default::default() };
    let built = with_reservation(Reservation {
        samples: vec![sample("one"), sample("two")],
        division: Some("D6".into()),
        projects: vec![nexus_plugin_api::Project { id: Some("P-1".into()), ..Default::default() }; 2],
        ..Reservation::default()
    });
    assert_eq!(text(&built).matches("<sample id=").count(), 2);
    assert_eq!(text(&built).matches("<division>D6</division>").count(), 2);
}
