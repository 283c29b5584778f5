//! The built program, at its most talkative.

use std::fmt::Write as _;
use std::fs;
use std::process::{Output, Stdio};

use chrono::TimeDelta;
use nexus_core::session::RecordStatus;
use nexus_core::session_state::SessionState;
use nexus_tests::fake_labarchives::{AKID, FakeLabArchives, NOTEBOOK, PASSWORD, UID};
use nexus_tests::fault::{Fault, Gate, Rule};
use nexus_tests::lab::{INSTRUMENTS, Lab};
use nexus_tests::nexus_bin::nexus;

use super::holds;

/// A logbook and a notebook, for the built program.
struct Program {
    lab: Lab,
    site: FakeLabArchives,
}

impl Program {
    fn new(sessions: u32) -> Self {
        let (lab, site) = (Lab::new(), FakeLabArchives::on_real_time());
        lab.sql("UPDATE instruments SET harvester = 'logbook'", &[]);
        let mut log = String::from("id,session,instrument,user,start,end,title,consent\n");
        for number in 1..=sessions {
            let (pid, _, _) = INSTRUMENTS[number as usize % INSTRUMENTS.len()];
            let (start, end) = (Lab::start(number), Lab::start(number) + TimeDelta::hours(1));
            writeln!(
                log,
                "{number},{},{pid},ada,{},{},Grains {number},yes",
                Lab::id(number),
                start.to_rfc3339(),
                end.to_rfc3339()
            )
            .unwrap();
            lab.put_file(number, "image");
        }
        fs::write(lab.path("usage.csv"), log).unwrap();
        fs::write(lab.path("password"), format!("{PASSWORD}\n")).unwrap();
        let settings = format!(
            "[database]\npath = \"nexus.db\"\n\
             [storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\n\
             [harvesters.log]\nplugin = \"logbook\"\npath = \"usage.csv\"\n\
             [destinations.eln]\nplugin = \"labarchives\"\nurl = \"{}\"\naccess_key_id = \"{AKID}\"\n\
             access_password = {{ file = \"password\" }}\nuser_id = \"{UID}\"\nnotebook_id = \"{NOTEBOOK}\"\n\
             call_interval = \"0 s\"\nsettle = \"0 s\"\n",
            site.url()
        );
        fs::write(lab.path("nexus.toml"), settings).unwrap();
        Self { lab, site }
    }

    /// What is said, by a program that was asked to say everything; nothing of it is secret.
    fn say(&self, arguments: &[&str]) -> (Output, String) {
        let done = nexus(self.lab.folder.path()).arg("-vvv").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        holds::no_secret_in_log(&self.site, &said);
        holds::no_secret_in(&self.site, "the output", &String::from_utf8_lossy(&done.stdout));
        // As bytes, sixteen a line.
        assert!(!said.contains("planted-") && !said.contains("706c 616e 7465 642d"), "{said}");
        (done, said)
    }
}

#[test]
fn a_run_that_tells_everything_tells_no_secret() {
    let program = Program::new(3);
    let (done, said) = program.say(&["run"]);
    assert!(matches!(done.status.code(), Some(0 | 4)), "{said}");
    assert_eq!(program.site.pages().len(), 3, "{said}");
    assert!(said.contains("entries/add_entry"), "it does not tell everything: {said}");
    for path in ["nexus.db", "data"] {
        let path = program.lab.path(path);
        let files = if path.is_dir() {
            nexus_tests::lab::tree(&path)
        } else {
            [(path.clone(), fs::read(&path).unwrap())].into()
        };
        for (name, bytes) in files {
            holds::no_secret_in(&program.site, &name.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
}

#[test]
fn somebody_is_enrolled_without_a_token_on_the_command_line() {
    let program = Program::new(1);
    let uid = program.site.add_user("Ada Researcher", "ada@example.org", "planted-ada-token");
    fs::write(program.lab.path("token"), "planted-ada-token\n").unwrap();
    let file = format!("token_file={}", program.lab.path("token").display());
    let (done, said) =
        program.say(&["plugins", "run", "eln", "enrol", "user=ada", "email=ada@example.org", &file]);
    assert!(done.status.success(), "{said}\n{}", String::from_utf8_lossy(&done.stdout));
    let rows = program.lab.database().query(
        "SELECT nexuslims_username, external_system, external_id, email FROM external_user_identifiers",
        &[],
    );
    let text = |text: &str| rusqlite::types::Value::Text(text.to_owned());
    assert_eq!(
        rows.unwrap().rows,
        [vec![text("ada"), text("labarchives_eln"), text(&uid), text("ada@example.org")]]
    );
    assert_eq!(program.site.count("users/user_access_info"), 1);

    let (done, _) = program.say(&["plugins", "run", "eln", "notebooks"]);
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.contains(NOTEBOOK), "{told}");
}

#[test]
fn a_check_says_what_is_wrong_and_no_secret() {
    let program = Program::new(1);
    program.site.change_password("planted-another");
    let (_, _) = program.say(&["config", "check"]);
    let (done, said) = program.say(&["run"]);
    let told = format!("{said}\n{}", String::from_utf8_lossy(&done.stdout));
    assert!(told.contains("access_password"), "{told}");
}

#[test]
fn a_program_that_is_killed_at_any_call_leaves_one_of_each() {
    let insert = "/api/tree_tools/insert_node";
    let calls = [
        (insert, 0),
        (insert, 1),
        (insert, 2),
        ("/api/entries/add_entry", 0),
        ("/api/entries/add_attachment", 0),
    ];
    for (path, before) in calls {
        // The call was carried out and nobody heard of it; or it is carried out after the program is dead.
        for late in [false, true] {
            let program = Program::new(1);
            let gate = Gate::new();
            let fault = if late { Fault::HoldBefore(gate.clone()) } else { Fault::HoldAfter(gate.clone()) };
            program.site.server.fail(Rule::at(path, fault).after(before).times(1));
            let mut command = nexus(program.lab.folder.path());
            let mut child = command.arg("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            gate.wait_for_arrivals(1);
            child.kill().unwrap();
            child.wait().unwrap();
            let made = || program.site.nodes().len() + program.site.entries().len();
            let then = made();
            gate.open();
            while late && made() == then {
                std::thread::yield_now();
            }
            let (_, said) = program.say(&["run"]);
            assert_eq!(
                program.lab.status(1),
                Some(RecordStatus::Completed),
                "{path} {before} {late}: {said}"
            );
            let state = SessionState::load(program.lab.database().read(), &Lab::id(1)).unwrap().unwrap();
            let name = format!("{}.xml", state.record_name.unwrap());
            let record = program.lab.record(1).unwrap();
            holds::one_of_each(&program.site, &state.record_key, &name, record.as_bytes());
            assert_eq!((program.site.nodes().len(), program.site.entries().len()), (3, 2), "{path} {before}");
        }
    }
}
