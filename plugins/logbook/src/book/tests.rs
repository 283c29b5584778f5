use std::collections::HashMap;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn book(text: &str) -> Book {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usage.csv");
    std::fs::write(&path, text).unwrap();
    let settings = Settings::read(&json!({"path": path})).unwrap();
    Book::read(Snapshot::take(&path).unwrap(), &settings).unwrap()
}

const HEAD: &str = "id,instrument,start,end,session,title\n";

#[test]
fn a_repeated_row_counts_once() {
    let row = "7,T,2024-03-05 09:00,2024-03-05 10:00,,a\n";
    let book = book(&format!("{HEAD}{row}{row}"));
    assert_eq!((book.rows.len(), book.bad.len()), (1, 0));
}

#[test]
fn rows_that_disagree_are_all_bad() {
    let book = book(&format!(
        "{HEAD}7,T,2024-03-05 09:00,2024-03-05 10:00,,a\n\
         7,T,2024-03-05 09:00,2024-03-05 10:00,,b\n\
         8,T,2024-03-05 09:00,2024-03-05 10:00,S,a\n\
         9,T,2024-03-05 09:00,2024-03-05 10:00,S,a\n\
         10,T,2024-03-05 09:00,never,,a\n\
         10,T,2024-03-05 09:00,2024-03-05 10:00,,a\n"
    ));
    assert_eq!((book.rows.len(), book.rows.iter().count()), (0, 0));
    let reasons: Vec<_> = book.bad.iter().map(|row| (row.line, row.reason.as_str())).collect();
    assert_eq!(reasons[0], (2, "`id` `7` also stands on line 3 with other content"));
    assert_eq!(reasons[1], (3, "`id` `7` also stands on line 2 with other content"));
    assert_eq!(reasons[2], (4, "`session` `S` also stands on line 5 with other content"));
    assert!(reasons[4].1.contains("`never`"));
    assert_eq!(reasons[5].0, 7);
}

#[test]
fn bad_rows_say_what_is_wrong_with_them() {
    let book = book(&format!(
        "{HEAD},T,2024-03-05 09:00,,,\n1,,2024-03-05 09:00,,,\n2,T,,,,\n3,T,5.3.24 9:00,,,\n\
         4,T,2024-03-05 09:00,2024-03-05 08:00,,\n5,T,2024-03-05 09:00,,\"a\nb\",\n"
    ));
    let reasons: Vec<_> = book.bad.iter().map(|row| row.reason.as_str()).collect();
    assert_eq!(reasons[0], "`id` is blank");
    assert_eq!(reasons[1], "`instrument` is blank");
    assert_eq!(reasons[2], "`start` is blank");
    assert!(reasons[3].starts_with("`start` is `5.3.24 9:00`; it takes a time such as 2024-03-05 09:10"));
    assert!(reasons[4].contains("is before `start`") && reasons[4].contains("offset"));
    assert!(reasons[5].contains("control character"));
    assert_eq!(book.place(book.bad[3].line), "usage.csv line 5");
}

/// What a log should be read as, by the rules alone: the lines of the rows that stand, and of those that contradict
/// others the line and the reason. `bad` rows have ids, but cannot be read.
fn by_the_rules(rows: &[Row], bad: &[BadRow]) -> (Vec<u64>, Vec<(u64, String)>) {
    let first = |same: &dyn Fn(&Row) -> bool| rows.iter().find(|row| same(row));
    let repeated = |row: &Row| {
        let other = first(&|other| other.id == row.id);
        other.is_some_and(|other| other.line < row.line && other.cells == row.cells)
    };
    let mut clash: HashMap<u64, String> = HashMap::new();
    let says = |what: &str, name: &str, line: u64| {
        format!("`{what}` `{name}` also stands on line {line} with other content")
    };
    for row in rows.iter().filter(|row| !repeated(row)) {
        let of_id = first(&|other| other.id == row.id).filter(|other| other.line < row.line);
        let of_session = first(&|other| other.session_identifier == row.session_identifier)
            .filter(|other| other.line < row.line);
        let (other, what, name) = match (of_id, of_session) {
            (Some(other), _) => (other, "id", &row.id),
            (None, Some(other)) => (other, "session", &row.session_identifier),
            (None, None) => {
                if let Some(bad) = bad.iter().find(|bad| bad.id.as_ref() == Some(&row.id)) {
                    clash.insert(row.line, says("id", &row.id, bad.line));
                }
                continue;
            }
        };
        clash.insert(row.line, says(what, name, other.line));
        clash.entry(other.line).or_insert_with(|| says(what, name, row.line));
    }
    let good = rows.iter().filter(|row| !repeated(row) && !clash.contains_key(&row.line));
    let good = good.map(|row| row.line).collect();
    let mut contradicting: Vec<_> = clash.into_iter().collect();
    contradicting.sort_unstable();
    (good, contradicting)
}

/// Few names, so that many meet; some of the identifiers are what rows without one have.
fn colliding_log() -> impl Strategy<Value = String> {
    let row = ("[a-f%]|%41", "(|S1|S2|logbook:logbook/([a-f]|%25|%2541|A))", "[xy]", 0..6_u8);
    proptest::collection::vec(row, 0..10).prop_map(|rows| {
        let mut log = HEAD.to_owned();
        for (id, session, title, odd) in rows {
            let start = match odd {
                0 => "2024-03-05 09:00:00.123456789",
                1 => "never",
                _ => "2024-03-05 09:00",
            };
            writeln!(log, "{id},T,{start},,{session},{title}").unwrap();
        }
        log
    })
}

proptest! {
    /// Also if all hashes are equal, or few of them differ: they only say where to look.
    #[test]
    fn names_are_told_apart_by_the_rules(log in colliding_log(), kept_bits in proptest::sample::select(vec![0, 2, 32])) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usage.csv");
        std::fs::write(&path, &log).unwrap();
        let settings = Settings::read(&json!({"path": path})).unwrap();
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        let mut take = |row| match Row::read(row, &settings) {
            Ok(row) => all.push(row),
            Err(row) => unread.push(row),
        };
        csv::read(log.as_bytes(), None, &Wanted::All, &mut take).unwrap();
        let (good, bad) = by_the_rules(&all, &unread);

        let mut hashes = Hashes::default();
        hashes.ignored = u32::MAX.checked_shl(kept_bits).unwrap_or(0);
        let snapshot = Snapshot::take(&path).unwrap();
        let book = Book::read_hashed(snapshot, &settings, &Wanted::All, hashes).unwrap();
        prop_assert_eq!(book.rows.iter().map(|row| row.line()).collect::<Vec<_>>(), good.clone());
        let told = book.bad.iter().filter(|row| row.reason.contains("also stands"));
        prop_assert_eq!(told.map(|row| (row.line, row.reason.clone())).collect::<Vec<_>>(), bad);
        prop_assert!(book.bad.is_sorted_by_key(|row| row.line));
        for row in &all {
            // The row itself, or one that stands in its place.
            let by_id = book.by_id(&row.id).unwrap().map(|(_, found)| found);
            prop_assert_eq!(by_id, all.iter().find(|other| good.contains(&other.line) && other.id == row.id).cloned());
            let by_session = book.by_session(&row.session_identifier).unwrap();
            let same = |other: &&Row| other.session_identifier == row.session_identifier;
            prop_assert_eq!(by_session, all.iter().filter(same).find(|other| good.contains(&other.line)).cloned());
        }
        prop_assert!(book.by_id("z").unwrap().is_none() && book.by_session("logbook:logbook/z").unwrap().is_none());
    }
}

#[test]
fn booked_times_are_those_of_their_own_row() {
    let book = book(
        "id,instrument,start,end,reservation_start,reservation_end\n\
         1,T,2024-03-05 09:00,2024-03-05 10:00,,\n\
         2,T,2024-03-06 09:00,2024-03-06 10:00,2024-03-06 08:00,\n\
         3,T,2024-03-07 09:00,,,\n\
         4,T,2024-03-08 09:00,,,2024-03-08 12:00\n",
    );
    let hours = |kept: Kept<'_>| {
        let (from, to) = kept.booked(chrono_tz::UTC)?;
        Some((from.format("%H").to_string(), to.format("%H").to_string()))
    };
    let booked: Vec<_> = book.rows.iter().map(hours).collect();
    let of = |from: &str, to: &str| Some((from.to_owned(), to.to_owned()));
    assert_eq!(booked, [of("09", "10"), of("08", "10"), None, of("09", "12")]);
}

#[test]
fn what_is_known_of_a_row_has_to_be_the_same_whatever_its_hash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("usage.csv");
    let settings = Settings::read(&json!({"path": path})).unwrap();
    let row = "7,T,2024-03-05 09:00,2024-03-05 10:00,,a\n";
    let write = |row: &str| std::fs::write(&path, format!("{HEAD}{row}")).unwrap();
    write(row);
    let mut hashes = Hashes::default();
    hashes.ignored = u32::MAX;
    let book = Book::read_hashed(Snapshot::take(&path).unwrap(), &settings, &Wanted::All, hashes).unwrap();
    assert!(book.by_id("7").unwrap().is_some());
    for (from, to) in [("T", "U"), (" 09", " 08"), (" 10", " 11"), ("00,,", ",,,")] {
        write(&row.replacen(from, to, 1));
        let error = book.by_id("7").unwrap_err();
        assert!(error.message.contains("was changed while it was being read"), "{error}");
    }
}
