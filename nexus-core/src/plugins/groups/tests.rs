use std::process::{Child, Command, Stdio};

use super::*;

/// Ends with the test, whatever happens.
struct Sleeper(Child);

impl Sleeper {
    /// A process that waits for its input to end, with a token in its environment or without one.
    fn start(token: Option<&str>) -> Self {
        use std::os::unix::process::CommandExt as _;
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).process_group(0);
        if let Some(token) = token {
            command.env(TOKEN_VARIABLE, token);
        }
        let sleeper = Self(command.spawn().unwrap());
        // `cat` itself, no longer the copy of this program that becomes it.
        let name = format!("/proc/{}/comm", sleeper.0.id());
        while fs::read_to_string(&name).unwrap().trim() != "cat" {
            std::thread::yield_now();
        }
        sleeper
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }

    fn leader(&self) -> Leader {
        let found = proc::Process::read(self.pid()).unwrap();
        Leader { identity: found.identity, session: found.session }
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn token() -> String {
    Uuid::new_v4().to_string()
}

/// A host that has ended: nobody was started before the machine was.
const DEAD: Identity = Identity { pid: 1, start: u64::MAX };

fn note(token: &str, host: Identity, leader: Option<Leader>) -> Note {
    Note {
        token: token.to_owned(),
        plugin: "cdcs".to_owned(),
        host,
        boot: unsynced::this_boot(),
        namespace: proc::namespace(),
        machine: proc::machine(),
        leader,
    }
}

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".plugins")).unwrap();
        Self(home)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join(".plugins")
    }

    fn groups(&self) -> Arc<Groups> {
        Arc::new(Groups::at(self.folder()))
    }

    fn put(&self, note: &Note) {
        write_note(&self.folder(), note).unwrap();
    }

    fn notes(&self) -> usize {
        fs::read_dir(self.folder()).unwrap().count()
    }
}

#[test]
fn a_group_is_noted_while_it_lives() {
    let home = Home::new();
    let groups = home.groups();
    let mut entry = groups.register("cdcs").unwrap();
    let mut sleeper = Sleeper::start(Some(entry.token()));
    entry.started(Pid::from_raw(sleeper.pid()).unwrap());
    let path = home.folder().join(note_name(entry.token()));
    let note: Note = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!((note.plugin.as_str(), note.host), ("cdcs", Identity::here()));
    assert_eq!(note.leader.unwrap().identity, sleeper.leader().identity);
    // Neither its own host nor another one takes it for an orphan.
    assert_eq!((groups.reap(), home.groups().reap()), (vec![], vec![]));
    assert!(sleeper.lives());
    drop(entry);
    assert_eq!(home.notes(), 0);
    assert!(!sleeper.0.wait().unwrap().success());
}

#[test]
fn what_a_dead_host_left_is_ended_and_nothing_else() {
    let home = Home::new();
    let (by_token, by_group) = (token(), token());
    let mut orphans = [Sleeper::start(Some(&by_token)), Sleeper::start(None)];
    let mut others = [Sleeper::start(None), Sleeper::start(Some(&token()))];
    home.put(&note(&by_token, DEAD, None));
    home.put(&note(&by_group, DEAD, Some(orphans[1].leader())));
    // The number of a group that has ended is somebody else's by now.
    let mut reused = others[0].leader();
    reused.identity.start -= 1;
    home.put(&note(&token(), DEAD, Some(reused)));
    let found = home.groups().reap();
    assert_eq!(found, vec![Reaped::Ended { plugin: "cdcs".to_owned(), processes: 1 }; 2]);
    for orphan in &mut orphans {
        assert!(!orphan.0.wait().unwrap().success());
    }
    assert!(others.iter_mut().all(Sleeper::lives));
    assert_eq!(home.notes(), 0);
}

#[test]
fn a_damaged_note_still_tells_its_token() {
    let home = Home::new();
    let token = token();
    let mut orphan = Sleeper::start(Some(&token));
    fs::write(home.folder().join(note_name(&token)), "{\"token\":").unwrap();
    fs::write(home.folder().join("README"), "not one of ours").unwrap();
    assert!(matches!(home.groups().reap().as_slice(), [Reaped::Ended { processes: 1, .. }]));
    assert!(!orphan.0.wait().unwrap().success());
    assert_eq!(home.notes(), 1);
}

#[test]
fn what_cannot_be_seen_from_here_is_told() {
    let home = Home::new();
    let here = note(&token(), DEAD, None);
    // After another start of this machine nothing is left of its processes.
    home.put(&Note { token: token(), boot: "another".to_owned(), ..here.clone() });
    assert_eq!((home.groups().reap(), home.notes()), (vec![], 0));
    // Another machine, and another container of this one.
    home.put(&Note {
        boot: "another".to_owned(),
        machine: "elsewhere".to_owned(),
        token: token(),
        ..here.clone()
    });
    home.put(&Note { namespace: "pid:[1]".to_owned(), token: token(), ..here });
    let found = home.groups().reap();
    assert!(matches!(found.as_slice(), [Reaped::Elsewhere { .. }, Reaped::Elsewhere { .. }]), "{found:?}");
    assert_eq!(home.notes(), 2);
    // Not for ever.
    for entry in fs::read_dir(home.folder()).unwrap() {
        let file = fs::File::options().append(true).open(entry.unwrap().path()).unwrap();
        file.set_modified(std::time::SystemTime::now() - ELSEWHERE).unwrap();
    }
    assert_eq!((home.groups().reap(), home.notes()), (vec![], 0));
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let home = tempfile::tempdir().unwrap();
    // The share is not mounted: nothing may be made where it will be.
    let groups = Arc::new(Groups::at(home.path().join("data/.plugins")));
    drop(groups.register("cdcs").unwrap());
    assert!(!home.path().join("data").exists());
    fs::create_dir(home.path().join("data")).unwrap();
    let entry = groups.register("cdcs").unwrap();
    assert!(home.path().join("data/.plugins").join(note_name(entry.token())).is_file());
    assert!(groups.reap().is_empty());
}

#[test]
fn nothing_starts_after_the_end() {
    let home = Home::new();
    let groups = home.groups();
    let mut entry = groups.register("cdcs").unwrap();
    let mut sleeper = Sleeper::start(Some(entry.token()));
    entry.started(Pid::from_raw(sleeper.pid()).unwrap());
    groups.close();
    assert!(!sleeper.0.wait().unwrap().success());
    assert!(groups.register("cdcs").is_err());
    groups.open();
    assert!(groups.register("cdcs").is_ok());
}

#[test]
fn a_process_that_is_just_becoming_another_program_holds_its_token() {
    let token = token();
    for round in 0..300 {
        let sleeper = Sleeper::start(Some(&token));
        let process = proc::Process::read(sleeper.pid()).unwrap();
        assert!(process.holds(std::slice::from_ref(&token)), "round {round}");
    }
}
