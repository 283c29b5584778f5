//! START and END rows become sessions, or are told.

use super::*;

#[test]
fn sessions_come_by_the_instant_of_their_end() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    pair(&tx, "late", "2024-03-05T09:00:00-05:00", "2024-03-05T11:00:00-05:00", "TO_BE_BUILT");
    // As text it ends last, as an instant it ends first.
    pair(&tx, "early", "2024-03-05T13:00:00+00:00", "2024-03-05T14:00:00+00:00", "TO_BE_BUILT");
    // Without an offset: in the instrument's zone, 10:00-05:00.
    pair(&tx, "naive", "2024-03-05 09:30:00", "2024-03-05T10:00:00.000", "TO_BE_BUILT");
    pair(&tx, "b", "2024-03-05T09:00:00-05:00", "2024-03-05T12:00:00-05:00", "TO_BE_BUILT");
    pair(&tx, "a", "2024-03-05T09:00:00-05:00", "2024-03-05T17:00:00Z", "TO_BE_BUILT");
    pair(&tx, "done", "2024-03-05T09:00:00-05:00", "2024-03-05T17:00:00Z", "COMPLETED");
    let found = to_build(&tx);
    assert!(found.broken.is_empty(), "{:?}", found.broken);
    let order: Vec<_> = found.sessions.iter().map(|session| session.identifier.as_str()).collect();
    assert_eq!(order, ["early", "naive", "late", "a", "b"]);
    let naive = &found.sessions[1];
    assert_eq!(naive.end.to_string(), "2024-03-05T10:00:00");
    assert_eq!(naive.ended_at().to_rfc3339(), "2024-03-05T15:00:00+00:00");
    assert_eq!(naive.started_at().to_rfc3339(), "2024-03-05T14:30:00+00:00");
    assert_eq!((naive.user.as_deref(), naive.instrument.name()), (Some("ann"), PID));
}

#[test]
fn of_several_rows_the_last_one_counts_and_users_need_not_agree() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    row(&tx, "s", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", Some("ann"));
    row(&tx, "s", "END", "2024-03-05T12:00:00", "TO_BE_BUILT", Some("bob"));
    row(&tx, "s", "END", "2024-03-05T11:00:00", "TO_BE_BUILT", Some("carl"));
    row(&tx, "s", "RECORD_GENERATION", "2024-03-07", "WAITING_FOR_END", Some("nexuslims"));
    row(&tx, "nobody", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "nobody", "END", "2024-03-05T13:00:00", "TO_BE_BUILT", Some("bob"));
    let found = to_build(&tx);
    assert!(found.broken.is_empty());
    assert_eq!(found.sessions[0].end.to_string(), "2024-03-05T11:00:00");
    assert_eq!(found.sessions[0].user.as_deref(), Some("ann"));
    assert_eq!(found.sessions[1].user.as_deref(), Some("bob"));
}

#[test]
fn each_session_is_told_once_however_its_rows_are_mixed_and_found_again_by_its_row() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    let time = |hour: u32| format!("2024-03-05T{hour:02}:00:00");
    let mixed = [("b", "START", 9), ("a", "START", 10), ("b", "END", 11), ("a", "END", 12), ("b", "END", 13)];
    for (session, event, hour) in mixed {
        row(&tx, session, event, &time(hour), "TO_BE_BUILT", None);
    }
    row(&tx, "c", "END", &time(14), "TO_BE_BUILT", None);
    let instruments = Instruments::load(&tx).unwrap();
    let mut told = Vec::new();
    each_to_build(&tx, &instruments, &mut |candidate| told.push(candidate)).unwrap();
    let seen: Vec<_> = told.iter().map(|one| (one.row, one.session.is_ok())).collect();
    assert_eq!(seen, [(1, true), (2, true), (6, false)]);
    for candidate in &told[..2] {
        let again = at_row(&tx, candidate.row, &instruments).unwrap();
        assert_eq!(again.as_ref(), candidate.session.as_ref().ok());
    }
    assert_eq!(told[0].session.as_ref().unwrap().end.to_string(), time(13));
    assert_eq!(at_row(&tx, 99, &instruments).unwrap(), None);
}

#[test]
fn a_broken_session_is_reported_and_blocks_only_itself() {
    let mut db = database();
    let tx = db.transaction().unwrap();
    row(&tx, "1 no end", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "2 no start", "END", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "3 half done", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "3 half done", "END", "2024-03-05T10:00:00", "COMPLETED", None);
    row(&tx, "4 unreadable", "START", "2024-03-05T09:00:00", "TO_BE_BUILT", None);
    row(&tx, "4 unreadable", "END", "soon", "TO_BE_BUILT", None);
    // Half an hour by the clock on the wall, but in the wrong direction.
    row(&tx, "5 backwards", "START", "2024-03-05T09:00:00-05:00", "TO_BE_BUILT", None);
    row(&tx, "5 backwards", "END", "2024-03-05T09:30:00-04:00", "TO_BE_BUILT", None);
    pair(&tx, "6 two places", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "7 unknown", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "8 no zone", "2024-03-05T09:00:00", "2024-03-05T10:00:00", "TO_BE_BUILT");
    pair(&tx, "9 good", "2024-03-05T09:00:00", "2024-03-05T09:00:00", "TO_BE_BUILT");
    tx.execute_batch(
        "UPDATE session_log SET instrument = 'SEM-2' WHERE session_identifier LIKE '6%' AND event_type = 'END';
         UPDATE session_log SET instrument = 'XRD' WHERE session_identifier LIKE '7%';
         UPDATE session_log SET instrument = 'SEM-2' WHERE session_identifier LIKE '8%';
         UPDATE instruments SET timezone = 'Denver' WHERE instrument_pid = 'SEM-2';",
    )
    .unwrap();
    tx.execute(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status)
         VALUES (CAST(x'ff' AS TEXT), ?1, '2024-03-05', 'START', 'TO_BE_BUILT')",
        [PID],
    )
    .unwrap();
    let found = to_build(&tx);
    assert_eq!(found.sessions.iter().map(|s| s.identifier.as_str()).collect::<Vec<_>>(), ["9 good"]);
    let said: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
    assert_eq!(
        said[..8],
        [
            "session `1 no end` cannot be built: it has no END row",
            "session `2 no start` cannot be built: it has no START row",
            "session `3 half done` cannot be built: its END row 4 is COMPLETED, not TO_BE_BUILT",
            "session `4 unreadable` cannot be built: row 6 of session_log cannot be read: `soon` is not an ISO \
             8601 date and time such as 2024-03-05T09:10:00-07:00",
            "session `5 backwards` cannot be built: it ends (2024-03-05T09:30:00-04:00, row 8) before it starts \
             (2024-03-05T09:00:00-05:00, row 7)",
            "session `6 two places` cannot be built: its START row names instrument `TITAN-1`, its END row \
             `SEM-2`",
            "session `7 unknown` cannot be built: instrument `XRD` is not in the table of instruments; add it, or \
             correct the rows",
            "session `8 no zone` cannot be built: instrument `SEM-2` has an unknown time zone `Denver`; use a \
             name of the IANA database such as America/Denver",
        ]
    );
    assert!(said[8].contains("row 17 of session_log cannot be read"), "{}", said[8]);
    assert_eq!(said.len(), 9);
}

/// A copy of a database that NexusLIMS 2.8.0 made.
fn fixture(name: &str) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/testdata/db").join(name);
    let copy = folder.path().join(name);
    std::fs::copy(source, &copy).unwrap();
    let db = Database::open(&copy, crate::db::Access::Write).unwrap();
    (folder, db)
}

fn short(identifier: &SessionId) -> &str {
    identifier.as_str().rsplit(['=', '-']).next().unwrap()
}

#[test]
fn rows_of_the_other_program_are_paired() {
    let (_folder, db) = fixture("v2_5_0b.sqlite");
    let found = to_build(db.read());
    let order: Vec<_> = found.sessions.iter().map(|session| short(&session.identifier)).collect();
    assert_eq!(order, ["0a1d5a0c0006", "0a1d5a0c0007", "110", "109", "120", "123", "125"]);
    assert_eq!(found.sessions[4].end.to_string(), "2026-05-01T11:00:00-04:00");
    let broken: Vec<_> =
        found.broken.iter().map(|session| (short(&session.identifier), &session.why)).collect();
    assert_eq!(broken.len(), 4);
    assert_eq!(broken[0], ("121", &WhyBroken::Missing(EventType::End)));
    assert_eq!(broken[1], ("122", &WhyBroken::Missing(EventType::Start)));
    assert_eq!(broken[2], ("124", &WhyBroken::UnknownInstrument("Gone-SEM-999999".into())));
    assert!(matches!(broken[3], ("126", WhyBroken::EndsBeforeStart { start_row: 1053, end_row: 1054, .. })));

    let instruments = Instruments::load(db.read()).unwrap();
    let all = SessionLog::all(db.read(), &instruments).unwrap();
    assert_eq!((all.rows.len(), all.unreadable.len()), (54, 0));
    assert!(all.rows.is_sorted_by_key(|log| log.instant(&instruments)));
    let waiting = SessionLog::waiting_for_end(db.read(), &instruments).unwrap();
    assert_eq!(waiting.rows.iter().map(|log| log.id).collect::<Vec<_>>(), [Some(13)]);
}

#[test]
fn rows_that_the_other_program_cannot_load_block_only_their_sessions() {
    let (_folder, db) = fixture("broken_rows.sqlite");
    let found = to_build(db.read());
    let order: Vec<_> = found.sessions.iter().map(|session| short(&session.identifier)).collect();
    assert_eq!(order, ["206"]);
    let said: Vec<_> = found.broken.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 6, "{said:#?}");
    assert_eq!(
        said[0],
        "session `` cannot be built: rows 14 and 15 of session_log have an empty session identifier; give each \
         session its own"
    );
    let parts = ["row 1 of", "row 4 of", "row 5 of", "row 7 of", "row 17 of"];
    for (said, part) in said[1..].iter().zip(parts) {
        assert!(said.contains(part) && said.contains("cannot be read"), "{said}");
    }
    let all = SessionLog::all(db.read(), &Instruments::load(db.read()).unwrap()).unwrap();
    let unreadable: Vec<_> = all.unreadable.iter().map(|row| row.row).collect();
    assert_eq!(unreadable, [1, 4, 5, 7, 8, 10, 11, 16, 17]);
}

#[test]
fn nothing_to_build_is_no_error() {
    let db = Database::in_memory().unwrap();
    assert!(to_build(db.read()).sessions.is_empty());
    assert!(broken(db.read()).is_empty());
}

#[test]
fn a_settled_table_is_passed_over_in_one_scan_without_an_index() {
    let db = database();
    let plan: Vec<String> = db
        .read()
        .prepare(&format!("EXPLAIN QUERY PLAN {}", crate::session::pairing::CANDIDATES))
        .unwrap()
        .query_map([], |row| row.get(3))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(plan, ["SCAN session_log"]);
}
