//! Runs beside destinations that panic, hang, crash and lie, on every carrier that survives it: nobody else
//! notices, every failure is written down, and the run ends by itself.
//!
//! `NEXUS_TEST_SEED` asks for another plan of what goes wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "chaos/orphans.rs"]
mod orphans;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use nexus_core::delivery::State;
use nexus_core::plugins::Limits;
use nexus_core::report::RunReport;
use nexus_core::upload_log::UploadLog;
use nexus_tests::lab::Lab;
use nexus_tests::nexus_bin;

const SESSIONS: u32 = 200;
/// No plan is longer, and every run makes at least one attempt that is due.
const MOST_RUNS: usize = 40;

/// What can go wrong where the plugin shares the process, and is survived.
const SHARED: &[&str] = &["refuse", "lost", "lost_after", "nameless_after", "panic", "panic_after", "hang"];
/// What can go wrong in a process of its own: a library's.
const OWN: &[&str] = &[
    "refuse",
    "lost_after",
    "nameless_after",
    "panic_after",
    "abort",
    "abort_after",
    "exit",
    "overflow_after",
    "hang_for_ever",
];
/// And a program's.
const PROGRAM: &[&str] = &[
    "refuse",
    "lost",
    "nameless_after",
    "raise",
    "raise_after",
    "exit_after",
    "abort",
    "segfault",
    "segfault_after",
    "closed_after",
    "hang_for_ever",
    "garbage_after",
    "wrong_id_after",
    "not_utf8_after",
    "stray_after",
];

/// Small and repeatable (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

type Plan = BTreeMap<String, Vec<&'static str>>;

/// A destination that goes wrong, and what it will do.
struct Shaky {
    name: &'static str,
    folder: PathBuf,
    plan: Plan,
}

impl Shaky {
    fn new(lab: &mut Lab, name: &'static str, carrier: &str, faults: &[&'static str], seed: u64) -> Self {
        let folder = lab.path(name);
        for part in ["calls", "objects"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let mut random = Random(seed);
        let mut plan = Plan::new();
        for number in 1..=SESSIONS {
            let mut turns = Vec::new();
            // One in five goes wrong, and one in three of those again.
            let mut odds = 5;
            while turns.len() < 3 && random.below(odds) == 0 {
                let mut fault = faults[random.below(faults.len())];
                // Hanging takes as long as a deadline: some do, not many.
                if fault.starts_with("hang") && random.below(2) == 0 {
                    fault = "refuse";
                }
                turns.push(fault);
                odds = 3;
            }
            plan.insert(Lab::id(number).to_string(), turns);
        }
        fs::write(folder.join("plan.json"), serde_json::to_vec(&plan).unwrap()).unwrap();
        lab.table(name, &format!("{carrier}\nfolder = \"{}\"\npriority = 100", folder.display()));
        Self { name, folder, plan }
    }

    /// How often `deliver` was called for a session.
    fn calls(&self, session: &str) -> usize {
        fs::metadata(self.folder.join("calls").join(session))
            .map_or(0, |found| found.len().try_into().unwrap())
    }

    fn objects(&self) -> usize {
        fs::read_dir(self.folder.join("objects")).unwrap().count()
    }

    /// What the upload log must say of a call.
    fn class(turn: &str) -> &'static str {
        match turn {
            "ok" | "stray_after" => "ok",
            "refuse" => "transient",
            _ => "unknown",
        }
    }

    /// Every call that went wrong has its row, with its class, in its order.
    fn check_log(&self, lab: &Lab, number: u32) {
        let session = Lab::id(number).to_string();
        let plan = &self.plan[&session];
        let calls = (0..self.calls(&session)).map(|at| plan.get(at).copied().unwrap_or("ok"));
        let mut expected: Vec<&str> = calls.map(Self::class).collect();
        let rows = UploadLog::of_session(lab.database().read(), &Lab::id(number)).unwrap().rows;
        let mut found: Vec<String> = Vec::new();
        for row in rows.into_iter().filter(|row| row.destination == self.name.into()) {
            let told = row.error_message.unwrap_or_default();
            // Said before anything was asked: no call belongs to it.
            let nothing_asked = told.contains("was not asked:") || told.contains("in `find`");
            // An object that was found, or a failure that stands now that nothing was found.
            let of_find = told.is_empty() || told.starts_with("nothing had arrived after the last attempt");
            if nothing_asked {
                continue;
            }
            let class = if row.success {
                "ok".to_owned()
            } else {
                row.metadata.unwrap()["class"].as_str().unwrap().to_owned()
            };
            if of_find && expected.get(found.len()).is_none_or(|wanted| *wanted != class) {
                expected.insert(found.len(), if row.success { "ok" } else { "permanent" });
            }
            found.push(class);
        }
        assert_eq!(found, expected, "{} {session}: {plan:?}", self.name);
    }
}

fn library(name: &str) -> PathBuf {
    let file = format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = std::env::current_exe().unwrap().with_file_name(file);
    assert!(path.is_file(), "{} was not built", path.display());
    path
}

fn is_over(report: &RunReport, names: &[&str]) -> bool {
    names
        .iter()
        .all(|name| report.export.iter().all(|(found, counts)| *found != (*name).into() || counts.due == 0))
}

#[test]
fn a_run_of_200_sessions_beside_destinations_that_go_wrong() {
    let seed = std::env::var("NEXUS_TEST_SEED").map_or(4, |text| text.parse().unwrap());
    let mut lab = Lab::with_destinations(&["calm"]);
    lab.plugin_host = vec![nexus_bin::path().into(), "plugin-host".into()];
    lab.limits = Limits {
        deliver: Duration::from_secs(3),
        grace: Duration::from_mins(1),
        patience: Duration::from_millis(200),
        ..Limits::default()
    };
    fs::create_dir(lab.path("tree")).unwrap();
    lab.table("tree", "plugin = \"folder\"\npath = \"tree\"");
    let library = library("nexus_test_shaky");
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/shaky.py");
    let shaky = [
        Shaky::new(&mut lab, "linked", "plugin = \"shaky-linked\"", SHARED, seed),
        Shaky::new(
            &mut lab,
            "inside",
            &format!("library = \"{}\"\nisolation = \"none\"", library.display()),
            SHARED,
            seed + 3,
        ),
        Shaky::new(
            &mut lab,
            "own",
            &format!("library = \"{}\"\nprocesses = 2", library.display()),
            OWN,
            seed + 1,
        ),
        Shaky::new(
            &mut lab,
            "program",
            &format!("command = [\"python3\", \"{}\"]\nprocesses = 2", program.display()),
            PROGRAM,
            seed + 2,
        ),
    ];
    let mut lab = lab.strategy("all");
    lab.clock.advance(TimeDelta::days(22));
    lab.sessions(1..=SESSIONS);

    let report = lab.run();
    let destinations = |report: &RunReport, name: &str| report.export[&name.into()].delivered;
    for calm in ["calm", "tree"] {
        assert_eq!(destinations(&report, calm), u64::from(SESSIONS), "{report:?}");
    }
    let calm = lab.servers.server("calm");
    assert!(calm.objects().values().all(|objects| objects.len() == 1));
    assert_eq!(calm.objects().len(), SESSIONS as usize);

    let names: Vec<&str> = shaky.iter().map(|shaky| shaky.name).collect();
    let mut report = report;
    for _ in 0..MOST_RUNS {
        if is_over(&report, &names) {
            break;
        }
        report = lab.run_after(TimeDelta::hours(25));
    }
    assert!(is_over(&report, &names), "{report:?}");
    for shaky in &shaky {
        let mut delivered = 0;
        let mut hit: BTreeSet<&str> = BTreeSet::new();
        for number in 1..=SESSIONS {
            shaky.check_log(&lab, number);
            let session = Lab::id(number).to_string();
            hit.extend(shaky.plan[&session].iter().take(shaky.calls(&session)));
            let delivery = lab.delivery(number, shaky.name).unwrap();
            // A lie or a panic with nothing done is a defect of the plugin, for a person to look at.
            match delivery.state {
                State::Delivered => delivered += 1,
                State::Failed => assert!(shaky.plan[&session].contains(&"panic"), "{delivery:?}"),
                other => panic!("{}: {other}: {delivery:?}", shaky.name),
            }
        }
        assert_eq!(shaky.objects(), delivered, "{}", shaky.name);
        eprintln!("{}: {delivered} delivered beside {hit:?}", shaky.name);
        assert!(hit.len() > 5, "the plan is too tame: {hit:?}");
    }
    let notes = lab.path("data/.plugins");
    assert_eq!(fs::read_dir(notes).unwrap().count(), 0, "processes are noted that have ended");
    lab.limits = Limits::default();
}
