//! Rich text, names with quotes and of every script, and how lists are named.

use nexus_tests::fake_sharepoint::{Item, Kind, Person};
use serde_json::json;

use super::bench::{Bench, Dialect, TITAN, both, item, on_day, session_of};

#[test]
fn rich_text_becomes_plain() {
    both(|bench| {
        let html = "<div class=\"ExternalClass1\"><p>Pt&#8211;Ni &amp; <b>Fe</b>&nbsp;&lt;5&#160;nm&gt;</p>\
                    <script>alert('x')</script><ul><li>one</li><li>two</li></ul><br>end</div>";
        let booked = item(1, "09:00", "12:00")
            .with("Description", json!(html))
            .with("Sample_x0020_Details", json!(html));
        let found = bench.holding([booked]).found(&on_day("09:00", "12:00"));
        let purpose = found.purpose.unwrap();
        for text in ["Pt–Ni & Fe", "<5", "nm>", "one", "two", "end"] {
            assert!(purpose.contains(text), "{text}: {purpose}");
        }
        assert!(
            !purpose.contains("<p>") && !purpose.contains("&amp;") && !purpose.contains("div"),
            "{purpose}"
        );
        assert!(!purpose.contains("onetwo"), "{purpose}");
        assert_eq!(found.samples[0].details.as_deref(), Some(purpose.as_str()));
    });
}

#[test]
fn empty_rich_text_is_nothing() {
    both(|bench| {
        let empty = "<div></div><p>&#8203;&nbsp;</p>";
        let booked = item(1, "09:00", "12:00")
            .with("Description", json!(empty))
            .with("Title_x0020_of_x0020_Experiment", json!(" "));
        let found = bench.holding([booked]).found(&on_day("09:00", "12:00"));
        assert_eq!((found.purpose.as_deref(), found.title.as_deref()), (None, Some("Booking 1")));
    });
}

#[test]
fn names_of_every_script_arrive_whole() {
    both(|bench| {
        let name = "O'Brien \"Q\" & 伊藤 純 <x> Ñ";
        bench.site.add_person(Person::new(14, "q.o'brien", name));
        let mut booked = item(1, "09:00", "12:00").by(14);
        booked.title = name.to_owned();
        let found = bench.holding([booked]).found(&on_day("09:00", "12:00"));
        assert_eq!(found.user_full_name.as_deref(), Some(name));
        assert_eq!(found.username.as_deref(), Some("q.o'brien"));
        assert_eq!(found.title.as_deref(), Some(name));
    });
}

#[test]
fn a_list_is_named_by_title_number_or_address() {
    both(|bench| {
        let title = "Ada's & Bob's \"Titan\" 100% + 顕微鏡";
        bench.site.add_list(title);
        bench.site.put(title, item(1, "09:00", "12:00"));
        let id = bench.site.list_id(title);
        let address = match bench.dialect {
            Dialect::Rest => format!("{}/_api/web/lists(guid'{id}')", bench.site.rest()),
            Dialect::Graph => format!("{}/lists/{id}", bench.site.graph()),
        };
        let by_items = format!("{address}/items");
        let mut bench = bench;
        for named in [title, &id, &address, &by_items] {
            bench = bench.with("lists", json!({"TITAN": named}));
            assert_eq!(bench.outcome(&on_day("09:00", "12:00")), "1", "{named}");
        }
    });
}

#[test]
fn two_instruments_share_a_list_by_a_column() {
    both(|bench| {
        bench.site.put_column(TITAN, "Tool", Kind::Text);
        let bench = bench
            .holding([
                item(1, "09:00", "12:00").with("Tool", json!("Ada's Titan")),
                item(2, "09:00", "12:00").with("Tool", json!("SEM 2")),
                item(3, "13:00", "14:00"),
            ])
            .with(
                "lists",
                json!({"TITAN": format!("{TITAN}#Tool=Ada's Titan"), "SEM": format!("{TITAN}#Tool=SEM 2")}),
            );
        let sem = session_of("SEM", Some("ada"), "2025-03-03T09:00:00Z", "2025-03-03T10:00:00Z");
        assert_eq!(bench.outcome(&on_day("09:00", "12:00")), "1");
        assert_eq!(bench.outcome(&sem), "2");
        assert_eq!(bench.outcome(&on_day("13:00", "14:00")), "none");
        for request in bench.site.server.requests() {
            assert!(!request.target.contains('#'), "{}", request.target);
        }
    });
}

#[test]
fn an_instrument_can_have_its_list_as_its_own_address() {
    both(|bench| {
        let mut bench = bench.holding([item(1, "09:00", "12:00")]);
        bench.settings.as_object_mut().unwrap().remove("lists");
        let mut asked = on_day("09:00", "12:00");
        asked.instrument = bench.own_instrument("TITAN", TITAN);
        assert_eq!(bench.outcome(&asked), "1");
        // One that lies elsewhere and is not named has no list; nothing is settled by that.
        let error = bench.failure(&on_day("09:00", "12:00"));
        assert!(
            error.message.contains("TITAN") && error.hint.unwrap().contains("lists"),
            "{}",
            error.message
        );
    });
}

#[test]
fn other_columns_can_be_named_or_switched_off() {
    both(|bench| {
        for (name, kind) in [
            ("Proj_x0020_no", Kind::Text),
            ("Operator", Kind::Person),
            ("_Prep", Kind::Text),
            ("Sample", Kind::Text),
        ] {
            bench.site.put_column(TITAN, name, kind);
        }
        let mut booked = item(1, "09:00", "12:00")
            .with("Proj_x0020_no", json!("P-7"))
            .with("_Prep", json!("FIB"))
            .with("Sample", json!("S-1"))
            .with("Category", json!("User"));
        booked.people.insert("Operator".into(), vec![13]);
        let fields = json!({
            "project_id": "Proj_x0020_no", "project_name": false, "user": ["Operator"], "reservation_type": false,
            "sample_name": "Sample", "sample_details": ["Nothing_x0020_here", "_Prep"],
        });
        let bench = bench.holding([booked]);
        bench.site.put_column(TITAN, "Nothing_x0020_here", Kind::Text);
        let found = bench.with("fields", fields).found(&on_day("09:00", "12:00"));
        assert_eq!(found.projects.len(), 1);
        assert_eq!((found.projects[0].id.as_deref(), found.projects[0].name.as_deref()), (Some("P-7"), None));
        assert_eq!(found.username.as_deref(), Some("bob"));
        assert_eq!(found.reservation_type, None);
        assert_eq!(found.samples[0].name.as_deref(), Some("S-1"));
        assert_eq!(found.samples[0].details.as_deref(), Some("FIB"));
    });
}

#[test]
fn a_site_without_the_usual_columns_of_facilities_is_read_all_the_same() {
    both(|bench| {
        let mut plain: Item = item(1, "09:00", "12:00");
        for column in [
            "UserName",
            "Title_x0020_of_x0020_Experiment",
            "Experiment_x0020_Purpose",
            "Sample_x0020_Details",
            "ProjectID",
            "EventCanceled",
        ] {
            bench.site.remove_column(TITAN, column);
        }
        plain.people.clear();
        let bench = bench.holding([plain]);
        let found = bench.found(&on_day("09:00", "12:00"));
        let made_by = if bench.dialect == Dialect::Rest { "ada" } else { "ada@example.org" };
        assert_eq!((found.title.as_deref(), found.username.as_deref()), (Some("Booking 1"), Some(made_by)));
    });
}

#[test]
fn verbose_is_spoken_to_an_old_server() {
    let bench = Bench::new(Dialect::Rest).holding([
        item(1, "09:00", "12:00").of(&[13, 12]),
        item(2, "12:00", "13:00"),
        item(3, "13:00", "14:00"),
    ]);
    bench.site.habits(|habits| {
        habits.verbose_only = true;
        habits.page = 2;
    });
    let found = bench.found(&on_day("09:00", "12:00"));
    assert_eq!(found.username.as_deref(), Some("bob"));
    assert_eq!(bench.outcome(&on_day("13:00", "14:00")), "3");
}
