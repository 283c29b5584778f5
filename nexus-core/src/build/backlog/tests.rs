use proptest::prelude::*;
use rusqlite::{Transaction, params};

use super::*;
use crate::db::Database;

/// What a session is when the run begins.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ToBuild,
    ToRebuild,
    /// To be built, with the wish for a rebuild and a RECORD_GENERATION row of an earlier record.
    Both,
    Broken,
    Settled,
}

/// What becomes of it when its turn has come.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Waits,
    Settled,
    Completed,
    /// Its record is gone before it is delivered.
    BuiltAndToBeRebuilt,
}

#[derive(Debug, Clone)]
struct Case {
    kind: Kind,
    fate: Fate,
    in_hand: bool,
    /// Few ends, so that many are equal.
    hour: u32,
    instrument: usize,
    /// Its START row comes into the log after its END row, and after those of others.
    late_start: bool,
}

fn case() -> impl Strategy<Value = Case> {
    use Fate::{BuiltAndToBeRebuilt, Completed, Waits};
    use Kind::{Both, Broken, ToBuild, ToRebuild};
    (
        prop::sample::select(vec![ToBuild, ToBuild, ToRebuild, Both, Broken, Kind::Settled]),
        prop::sample::select(vec![Waits, Fate::Settled, Completed, BuiltAndToBeRebuilt]),
        prop::bool::weighted(0.2),
        10_u32..13,
        0_usize..2,
        any::<bool>(),
    )
        .prop_map(|(kind, fate, in_hand, hour, instrument, late_start)| Case {
            kind,
            fate,
            in_hand,
            hour,
            instrument,
            late_start,
        })
}

/// In the zones of the two, the same wall clock is an hour apart.
const INSTRUMENTS: [(&str, &str); 2] = [("SEM", "Europe/Berlin"), ("TEM", "Europe/London")];

fn name(number: usize) -> String {
    format!("s{number}")
}

fn log(tx: &Transaction<'_>, number: usize, case: &Case, event: &str, status: &str) {
    let hour = if event == "START" { 9 } else { case.hour };
    tx.execute(
        "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
         VALUES (?1, ?2, ?3, ?4, ?5, 'ada')",
        params![
            name(number),
            INSTRUMENTS[case.instrument].0,
            format!("2024-03-05T{hour:02}:00:00"),
            event,
            status
        ],
    )
    .unwrap();
}

fn database(cases: &[Case]) -> Database {
    let mut database = Database::in_memory().unwrap();
    let tx = database.transaction().unwrap();
    for (pid, zone) in INSTRUMENTS {
        tx.execute(
            "INSERT INTO instruments (instrument_pid, api_url, calendar_url, location, display_name, property_tag,
                 filestore_path, harvester, timezone)
             VALUES (?1, ?1, '', '', ?1, '', ?1, 'nemo', ?2)",
            [pid, zone],
        )
        .unwrap();
    }
    let status = |case: &Case| match case.kind {
        Kind::ToBuild | Kind::Both | Kind::Broken => "TO_BE_BUILT",
        Kind::ToRebuild => "COMPLETED",
        Kind::Settled => "NO_CONSENT",
    };
    for (number, case) in cases.iter().enumerate() {
        if !case.late_start {
            log(&tx, number, case, "START", status(case));
        }
        if matches!(case.kind, Kind::Both | Kind::ToRebuild) {
            log(&tx, number, case, "RECORD_GENERATION", "COMPLETED");
        }
        if !matches!(case.kind, Kind::Broken) {
            log(&tx, number, case, "END", status(case));
        }
        let rebuild = matches!(case.kind, Kind::Both | Kind::ToRebuild);
        tx.execute(
            "INSERT INTO nexus_session (session_identifier, record_key, instrument_pid, rebuild_requested, attempts)
             VALUES (?1, ?1, ?2, ?3, ?4)",
            params![name(number), INSTRUMENTS[case.instrument].0, rebuild, case.in_hand],
        )
        .unwrap();
    }
    for (number, case) in cases.iter().enumerate().filter(|(_, case)| case.late_start) {
        log(&tx, number, case, "START", status(case));
    }
    tx.commit().unwrap();
    database
}

/// As the build, and the export meanwhile, leave it.
fn befall(tx: &Transaction<'_>, number: usize, case: &Case) {
    let (status, rebuild) = match case.fate {
        Fate::Waits => (None, matches!(case.kind, Kind::Both | Kind::ToRebuild)),
        Fate::Settled => (Some("NO_CONSENT"), false),
        Fate::Completed => (Some("COMPLETED"), false),
        Fate::BuiltAndToBeRebuilt => (Some("BUILT_NOT_EXPORTED"), true),
    };
    if let Some(status) = status {
        log(tx, number, case, "RECORD_GENERATION", status);
        let all = "UPDATE session_log SET record_status = ?2 WHERE session_identifier = ?1";
        tx.execute(all, params![name(number), status]).unwrap();
    }
    tx.execute(
        "UPDATE nexus_session SET attempts = 0, rebuild_requested = ?2 WHERE session_identifier = ?1",
        params![name(number), rebuild],
    )
    .unwrap();
}

/// The number of the session that a row belongs to.
fn session_of(tx: &Transaction<'_>, row: i64) -> usize {
    let sql = "SELECT substr(session_identifier, 2) FROM session_log WHERE id_session_log = ?1";
    tx.query_row(sql, [row], |row| row.get::<_, String>(0)).unwrap().parse().unwrap()
}

fn windows(tranche: &Tranche) -> usize {
    tranche.places.values().map(|place| place.windows.len()).sum()
}

/// The sessions in the order of their turns, as one tranche has them, and how many are broken.
fn at_once(tx: &Transaction<'_>, choice: &Choice) -> (Vec<usize>, u64) {
    let instruments = Instruments::load(tx).unwrap();
    let mut backlog = Backlog::default();
    let tranche = backlog.read(tx, &instruments, choice, usize::MAX).unwrap();
    assert_eq!((backlog.beyond, windows(&tranche)), (0, tranche.len()));
    let entries = tranche.suspects.iter().chain(&tranche.others);
    (entries.map(|entry| session_of(tx, entry.row)).collect(), tranche.broken.count())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    /// Whatever becomes of sessions in between, nobody is left out, and nobody is met twice.
    #[test]
    fn tranches_of_any_size_are_the_backlog_in_its_order(
        cases in prop::collection::vec(case(), 0..24),
        most in 1_usize..8,
        only_one_instrument in prop::bool::weighted(0.2),
    ) {
        let mut database = database(&cases);
        let tx = database.transaction().unwrap();
        let instruments = Instruments::load(&tx).unwrap();
        let mut choice = Choice::default();
        if only_one_instrument {
            choice.instruments.insert("SEM".into());
        }
        let (expected, broken) = at_once(&tx, &choice);
        let mut backlog = Backlog::default();
        let (mut met, mut told) = (Vec::new(), 0);
        loop {
            let tranche = backlog.read(&tx, &instruments, &choice, most).unwrap();
            prop_assert!(tranche.others.len() <= most && windows(&tranche) == tranche.len());
            prop_assert!(met.is_empty() || tranche.suspects.is_empty());
            told += tranche.broken.count();
            for entry in tranche.suspects.iter().chain(&tranche.others) {
                let number = session_of(&tx, entry.row);
                prop_assert_eq!(entry.rebuild, matches!(cases[number].kind, Kind::ToRebuild));
                met.push(number);
                befall(&tx, number, &cases[number]);
            }
            prop_assert_eq!(met.len() + backlog.beyond, expected.len());
            if backlog.beyond == 0 {
                break;
            }
        }
        prop_assert_eq!((met, told), (expected, broken));
    }
}

fn plain(hour: u32) -> Case {
    Case { kind: Kind::ToBuild, fate: Fate::Waits, in_hand: false, hour, instrument: 0, late_start: false }
}

#[test]
fn the_order_is_that_of_the_ends_as_instants_then_of_the_rows() {
    // Eleven in London is twelve in Berlin.
    let london = |hour| Case { instrument: 1, ..plain(hour) };
    let cases = [plain(13), london(11), plain(12), plain(11), london(12), london(13)];
    let mut database = database(&cases);
    let tx = database.transaction().unwrap();
    assert_eq!(at_once(&tx, &Choice::default()).0, [3, 1, 2, 0, 4, 5]);
}

#[test]
fn who_was_in_hand_at_a_crash_comes_first_and_only_once() {
    let mut cases: Vec<Case> = (0..6).map(|number| plain(10 + number)).collect();
    cases[1].in_hand = true;
    cases[5].in_hand = true;
    let mut database = database(&cases);
    let tx = database.transaction().unwrap();
    let instruments = Instruments::load(&tx).unwrap();
    let mut backlog = Backlog::default();
    let mut tranches = Vec::new();
    while tranches.is_empty() || backlog.beyond > 0 {
        let tranche = backlog.read(&tx, &instruments, &Choice::default(), 2).unwrap();
        let of = |entries: &[Entry]| entries.iter().map(|e| session_of(&tx, e.row)).collect::<Vec<_>>();
        tranches.push((of(&tranche.suspects), of(&tranche.others)));
        // They wait, and are as all others are.
        tx.execute("UPDATE nexus_session SET attempts = 0", []).unwrap();
    }
    assert_eq!(tranches, [(vec![1, 5], vec![0, 2]), (vec![], vec![3, 4])]);
}

#[test]
fn who_goes_and_who_comes_between_two_tranches_is_seen_by_the_next() {
    let cases: Vec<Case> = (0..6).map(|number| plain(10 + number)).collect();
    let mut database = database(&cases);
    let tx = database.transaction().unwrap();
    let instruments = Instruments::load(&tx).unwrap();
    let mut backlog = Backlog::default();
    backlog.read(&tx, &instruments, &Choice::default(), 2).unwrap();
    assert_eq!(backlog.beyond, 4);
    tx.execute("DELETE FROM session_log WHERE session_identifier IN ('s2', 's4', 's5')", []).unwrap();
    for (number, hour) in [(6, 9), (7, 14)] {
        log(&tx, number, &plain(hour), "START", "TO_BE_BUILT");
        log(&tx, number, &plain(hour), "END", "TO_BE_BUILT");
    }
    let tranche = backlog.read(&tx, &instruments, &Choice::default(), 2).unwrap();
    let met: Vec<_> = tranche.others.iter().map(|entry| session_of(&tx, entry.row)).collect();
    assert_eq!((met, backlog.beyond), (vec![3, 7], 0), "one that ended before has its turn in the next run");
}
