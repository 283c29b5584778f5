//! Which booking a session gets, and whose it is.

use nexus_plugin_api::ReservationAnswer;
use nexus_tests::fake_sharepoint::{Item, Person};
use serde_json::json;

use super::bench::{Bench, Dialect, SEM, both, item, on_day, session_of, utc};

#[test]
fn the_largest_overlap_wins() {
    both(|bench| {
        let bench = bench.holding([
            item(1, "08:00", "10:30"),
            item(2, "10:30", "13:00"),
            item(3, "13:00", "18:00"),
            // Longer and elsewhere.
            Item::new(4, "The day after", "2025-03-04T08:00:00Z", "2025-03-04T20:00:00Z"),
        ]);
        assert_eq!(bench.outcome(&on_day("10:00", "13:10")), "2");
        assert_eq!(bench.outcome(&on_day("10:00", "10:40")), "1");
        assert_eq!(bench.outcome(&on_day("12:00", "20:00")), "3");
    });
}

#[test]
fn what_only_touches_is_no_booking() {
    both(|bench| {
        let bench = bench.holding([item(1, "08:00", "10:00"), item(2, "12:00", "12:00")]);
        let answer = bench.answer(&on_day("10:00", "11:00"));
        let ReservationAnswer::NoReservation { reason } = answer else { panic!("{answer:?}") };
        assert!(!reason.is_empty());
        assert_eq!(bench.outcome(&on_day("06:00", "08:00")), "none");
        assert_eq!(
            bench.outcome(&on_day("11:00", "13:00")),
            "none",
            "an event of no length overlaps nothing"
        );
    });
}

#[test]
fn a_tie_goes_to_the_user_then_the_earlier_then_the_lower() {
    both(|bench| {
        let bench = bench.holding([
            item(5, "09:00", "12:00").by(13),
            item(6, "10:00", "12:00").by(12),
            item(7, "10:00", "12:00").by(12),
        ]);
        assert_eq!(bench.outcome(&on_day("10:00", "12:00")), "6", "her own");
        let eves = session_of("TITAN", Some("eve"), "2025-03-03T10:00:00Z", "2025-03-03T12:00:00Z");
        assert_eq!(bench.outcome(&eves), "5", "the earliest");
        bench.site.remove(super::bench::TITAN, 5);
        assert_eq!(bench.outcome(&eves), "6", "the lowest");
    });
}

#[test]
fn another_persons_booking_is_marked_or_refused() {
    both(|bench| {
        let bench = bench.holding([item(1, "09:00", "12:00").by(13)]);
        let found = bench.found(&on_day("09:00", "12:00"));
        assert!(found.of_another_user);
        assert_eq!(found.username.as_deref(), Some("bob"));
        let bobs = session_of("TITAN", Some("BOB"), "2025-03-03T10:00:00Z", "2025-03-03T12:00:00Z");
        assert!(!bench.found(&bobs).of_another_user, "letters may be small or capital");
        let unknown = session_of("TITAN", None, "2025-03-03T10:00:00Z", "2025-03-03T12:00:00Z");
        assert!(!bench.found(&unknown).of_another_user);

        let bench = bench.with("same_user", json!(true));
        let answer = bench.answer(&on_day("09:00", "12:00"));
        let ReservationAnswer::NoReservation { reason } = answer else { panic!("{answer:?}") };
        assert!(reason.contains('1') && reason.contains("ada"), "{reason}");
        assert_eq!(bench.outcome(&bobs), "1");
    });
}

#[test]
fn refusing_others_does_not_hide_ones_own() {
    both(|bench| {
        let bench = bench
            .holding([item(1, "09:00", "12:00").by(13), item(2, "11:00", "12:00")])
            .with("same_user", json!(true));
        assert_eq!(bench.outcome(&on_day("09:00", "12:00")), "2");
    });
}

#[test]
fn several_people_are_one_booking() {
    both(|bench| {
        let bench = bench.holding([item(1, "09:00", "12:00").of(&[13, 12])]);
        let found = bench.found(&on_day("09:00", "12:00"));
        assert_eq!(found.username.as_deref(), Some("bob"), "the first of them");
        assert!(!found.of_another_user, "she is one of them");
        // Graph tells who made an item by address.
        let made_by = if bench.dialect == Dialect::Rest { "ada" } else { "ada@example.org" };
        assert_eq!(found.created_by.as_deref(), Some(made_by));
    });
}

#[test]
fn without_anybody_it_is_of_who_made_it() {
    both(|bench| {
        let mut made = item(1, "09:00", "12:00");
        made.people.clear();
        made.author = 13;
        let bench = bench.holding([made]);
        let found = bench.found(&on_day("09:00", "12:00"));
        // Graph tells who made an item by address.
        let made_by = if bench.dialect == Dialect::Rest { "bob" } else { "bob@example.org" };
        assert_eq!(found.username.as_deref(), Some(made_by));
        assert!(found.of_another_user);
    });
}

#[test]
fn names_are_read_out_of_every_kind_of_login() {
    for (login, name) in [
        ("i:0#.w|example\\ada", "ada"),
        ("i:0#.f|membership|ada@contoso.com", "ada@contoso.com"),
        ("c:0!.s|windows|example\\ada", "ada"),
        ("EXAMPLE\\ada", "ada"),
    ] {
        let bench = Bench::new(Dialect::Rest);
        bench.site.add_person(Person { login: login.to_owned(), ..Person::new(12, "ada", "Lovelace, Ada") });
        let found = bench.holding([item(1, "09:00", "12:00")]).found(&on_day("09:00", "12:00"));
        assert_eq!(found.username.as_deref(), Some(name), "{login}");
    }
}

#[test]
fn a_name_can_be_the_address_or_what_stands_before_its_at() {
    both(|bench| {
        bench
            .site
            .add_person(Person { mail: "Ada.L@example.org".to_owned(), ..Person::new(12, "x123", "L") });
        let bench = bench.holding([item(1, "09:00", "12:00")]);
        let mut bench = bench;
        for (setting, name) in [("account", "x123"), ("mail", "ada.l@example.org"), ("mail_local", "ada.l")] {
            bench = bench.with("user_name", json!(setting));
            let found = bench.found(&on_day("09:00", "12:00"));
            let told = found.username.unwrap().to_lowercase();
            assert_eq!(told, name, "{setting} {:?}", bench.dialect);
        }
    });
}

#[test]
fn each_instrument_has_its_own_list() {
    both(|bench| {
        let bench = bench.holding([item(1, "09:00", "12:00")]);
        bench.site.put(SEM, Item { title: "At the SEM".into(), ..item(2, "09:00", "12:00") });
        let sem = session_of("SEM", Some("ada"), "2025-03-03T09:00:00Z", "2025-03-03T10:00:00Z");
        let answers = bench.answers(&[on_day("09:00", "12:00"), sem, on_day("13:00", "14:00")]).unwrap();
        let words: Vec<_> = answers.iter().map(super::bench::word).collect();
        assert_eq!(words, ["1", "2", "none"]);
    });
}

#[test]
fn cancelled_bookings_are_none() {
    both(|bench| {
        let bench = bench.holding([
            item(1, "09:00", "12:00").cancelled(),
            Item { title: "Canceled: EELS".into(), ..item(2, "09:00", "12:00") },
            Item { title: "CANCELLED: EELS".into(), ..item(3, "09:00", "12:00") },
            item(4, "11:00", "12:00"),
        ]);
        assert_eq!(bench.outcome(&on_day("09:00", "12:00")), "4");
        assert_eq!(bench.outcome(&on_day("09:00", "10:00")), "none");
    });
}

#[test]
fn a_booking_is_told_with_everything_that_is_known() {
    both(|bench| {
        let booked = item(470, "14:00", "17:30")
            .with("Title_x0020_of_x0020_Experiment", json!("EELS of Pt-Ni"))
            .with("Category", json!("User session"))
            .with("Experiment_x0020_Purpose", json!("Composition map"))
            .with("Sample_x0020_Details", json!("nanoparticles"))
            .with("ProjectID", json!("P-042"));
        let found = bench.holding([booked]).found(&on_day("15:00", "16:00"));
        assert_eq!(found.internal_id.as_deref(), Some("470"));
        assert_eq!(found.title.as_deref(), Some("EELS of Pt-Ni"));
        assert_eq!(found.purpose.as_deref(), Some("Composition map"));
        assert_eq!(found.reservation_type.as_deref(), Some("User session"));
        assert_eq!(found.samples.len(), 1);
        assert_eq!(found.samples[0].details.as_deref(), Some("nanoparticles"));
        assert_eq!(found.projects.len(), 1);
        assert!(
            found.projects[0].name.as_deref() == Some("P-042")
                || found.projects[0].id.as_deref() == Some("P-042")
        );
        assert_eq!(
            (utc(found.start.as_ref()), utc(found.end.as_ref())),
            ("2025-03-03T14:00:00Z".into(), "2025-03-03T17:30:00Z".into())
        );
        assert_eq!(utc(found.last_updated.as_ref()), "2025-02-27T20:02:11Z");
        assert_eq!(found.user_full_name.as_deref(), Some("Lovelace, Ada"));
        assert_eq!(found.user_email.as_deref(), Some("ada@example.org"));
        assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    });
}
