//! The commands of a facility that begins with NEMO, over the built program: tools become instruments, the server moves.

use std::fs;
use std::path::Path;

use nexus_tests::fake_nemo::{TOKEN, questions};
use nexus_tests::lab::put;
use nexus_tests::nexus_bin;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::bench::{Bench, event};

const OLD: &str = "https://old.example.org/nemo/api/";

/// A folder with settings and a new database.
struct Site {
    folder: TempDir,
    bench: Bench,
}

/// What a command answered.
struct Answer {
    code: i32,
    out: String,
    err: String,
}

impl Answer {
    #[track_caller]
    fn done(self) -> String {
        assert!(self.code == 0 && self.err.is_empty(), "{}: {}{}", self.code, self.out, self.err);
        self.out
    }

    #[track_caller]
    fn json(self) -> Value {
        serde_json::from_str(&self.done()).unwrap()
    }

    #[track_caller]
    fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert_eq!(self.out, "");
        self.err
    }
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), bench: Bench::new() };
        for name in ["files", "data", "records"] {
            fs::create_dir(site.path().join(name)).unwrap();
        }
        site.configure(&format!("address = \"{}\"", site.bench.nemo.api()));
        site.nexus(&["db", "init"]).done();
        site
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn configure(&self, lines: &str) {
        let settings = format!(
            "[database]\npath = \"nexus.db\"\n[storage]\ninstrument_data = \"files\"\ndata = \"data\"\n\
             [build]\nfile_strategy = \"inclusive\"\n\
             [harvesters.nemo-main]\nplugin = \"nemo\"\ntoken = {{ env = \"TEST_TOKEN\" }}\n{lines}\n\
             [destinations.shelf]\nplugin = \"folder\"\npath = \"records\"\n"
        );
        fs::write(self.path().join("nexus.toml"), settings).unwrap();
    }

    fn nexus(&self, words: &[&str]) -> Answer {
        self.with_token(words, Some(TOKEN))
    }

    fn with_token(&self, words: &[&str], token: Option<&str>) -> Answer {
        let mut command = nexus_bin::nexus(self.path());
        command.args(words).envs(token.map(|token| ("TEST_TOKEN", token)));
        let output = command.output().unwrap();
        let folder = self.path().canonicalize().unwrap().display().to_string();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap().replace(&folder, "[DIR]");
            text.replace(&self.path().display().to_string(), "[DIR]").replace(&self.bench.nemo.api(), "<api>")
        };
        Answer { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    fn import(&self, words: &[&str]) -> Answer {
        self.nexus(&[&["instruments", "import", "--from-harvester", "nemo-main"], words].concat())
    }

    fn instruments(&self) -> Value {
        self.nexus(&["instruments", "export", "--json"]).json()
    }
}

/// The lines of a table without its padding.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn without_a_choice_the_tools_are_listed_with_what_to_do_next() {
    let site = Site::new();
    let listed = site.import(&[]).done();
    assert_eq!(
        lines(&listed),
        [
            "Tool Name Location Instrument",
            "1 Borealis TEM Room 1 -",
            "2 Linden SEM Room 1 -",
            "",
            "Add one, with what the server does not know:",
            "nexus instruments import --from-harvester nemo-main --tool 1 --timezone ZONE --filestore-path FOLDER",
            "Add several from a table that you fill in:",
            "nexus instruments import --from-harvester nemo-main --csv > instruments.csv",
            "nexus instruments import instruments.csv",
        ]
    );
    assert_eq!(site.instruments(), json!([]), "nothing was added");
    let told = site.import(&["--json"]).json();
    assert_eq!(told[1]["id"], "2");
    assert_eq!(told[1]["api_url"], "<api>tools/?id=2");
    assert_eq!(told[1]["instrument"], Value::Null);
}

#[test]
fn chosen_tools_become_instruments_once() {
    let site = Site::new();
    let one = ["--tool", "linden sem", "--timezone", "America/Denver", "--filestore-path", "{pid}"];
    let tried = site.import(&[&one[..], &["--dry-run"]].concat()).done();
    assert_eq!(
        tried,
        "would add Linden-SEM in Room 1: <api>tools/?id=2, files in Linden-SEM, America/Denver\n\
         nothing was stored: this was a dry run\n"
    );
    assert_eq!(site.instruments(), json!([]));
    let added = site.import(&one).done();
    assert_eq!(added, "added Linden-SEM in Room 1: <api>tools/?id=2, files in Linden-SEM, America/Denver\n");
    assert_eq!(site.import(&one).done(), "there already: Linden-SEM\n");
    let all = [
        "--all",
        "--timezone",
        "UTC",
        "--filestore-path",
        "nemo/{id}",
        "--pid",
        "N-{id}",
        "--location",
        "Hall",
    ];
    let told = site.import(&[&all[..], &["--json"]].concat()).json();
    assert_eq!(told["unchanged"], json!(["Linden-SEM"]));
    assert_eq!(told["added"][0]["instrument_pid"], "N-1");
    let stored = site.instruments();
    assert_eq!(stored[1]["filestore_path"], "nemo/1");
    assert_eq!(stored[1]["location"], "Hall");
    assert_eq!(stored[1]["display_name"], "Borealis TEM");
    assert_eq!(stored[1]["harvester"], "nemo");
    let listed = site.import(&[]).done();
    assert!(listed.contains("N-1") && listed.contains("all of them are instruments already"), "{listed}");
}

#[test]
fn what_is_missing_is_said_and_nothing_is_stored() {
    let site = Site::new();
    let said = site.import(&["--all", "--timezone", "UTC"]).refused(1);
    assert!(said.contains("`Borealis-TEM`: filestore_path is missing"), "{said}");
    assert!(said.contains("`Linden-SEM`: filestore_path is missing"), "{said}");
    assert!(said.contains("hint: give what the server does not know"), "{said}");
    let said = site.import(&["--tool", "3"]).refused(2);
    assert!(said.contains("the server knows no tool `3`"), "{said}");
    // Two tools cannot be one instrument.
    let said = site.import(&["--all", "--timezone", "UTC", "--filestore-path", "x", "--pid", "X"]).refused(1);
    assert!(said.contains("instrument `X` is there already"), "{said}");
    assert_eq!(site.instruments(), json!([]));
    let said = site.nexus(&["instruments", "import", "--from-harvester", "nemo"]).refused(2);
    assert!(said.contains("there is no harvester `nemo`") && said.contains("there are: nemo-main"), "{said}");
    let import = ["instruments", "import", "--from-harvester", "nemo-main"];
    let said = site.with_token(&import, Some("wrong")).refused(1);
    assert!(
        said.contains("does not accept the token") && said.contains("nexus plugins check nemo-main"),
        "{said}"
    );
    assert!(!said.contains("wrong"), "{said}");
    site.nexus(&["instruments", "import"]).refused(2);
}

#[test]
fn a_table_that_is_filled_in_is_imported() {
    let site = Site::new();
    let table = site.import(&["--csv"]).done();
    assert_eq!(
        table,
        format!(
            "instrument_pid,api_url,calendar_url,location,display_name,property_tag,filestore_path,harvester,timezone\n\
             Borealis-TEM,<api>tools/?id=1,{0}calendar/tool/1/,Room 1,Borealis TEM,,,nemo,\n\
             Linden-SEM,<api>tools/?id=2,{0}calendar/tool/2/,Room 1,Linden SEM,,,nemo,\n",
            site.bench.nemo.server.url()
        )
    );
    let api = site.bench.nemo.api();
    let filled = table.replace("<api>", &api).replace(",,,nemo,", ",,microscopes,nemo,Europe/Berlin");
    fs::write(site.path().join("instruments.csv"), filled).unwrap();
    let imported = site.nexus(&["instruments", "import", "instruments.csv"]).done();
    assert_eq!(imported, "added: Borealis-TEM, Linden-SEM\n");
    let header = site.import(&["--csv"]).done();
    assert_eq!(header.lines().count(), 1, "what is there already is not printed again: {header}");
}

#[test]
fn a_harvesters_list_tells_how_far_it_has_read() {
    let site = Site::new();
    // No server is asked: the token is not even set.
    let list = |site: &Site| site.with_token(&["harvesters", "list"], None).done();
    assert_eq!(
        lines(&list(&site)),
        ["Harvester Plugin Address Instruments Read from Read up to", "nemo-main nemo <api> 0 - -"]
    );
    site.import(&["--all", "--timezone", "UTC", "--filestore-path", "{pid}"]).done();
    assert!(list(&site).contains("2 (2 not read yet)"));
    site.bench.nemo.put_event(event(1, 1).with_run_data(&questions("Agree", "t")));
    let before = "2020-01-01T00:00:00Z".parse().unwrap();
    put(&site.path().join("files/Borealis-TEM/x.txt"), "", before);
    site.nexus(&["harvest", "--quiet"]).done();
    let told = site.with_token(&["harvesters", "list", "--json"], None).json();
    assert_eq!(told[0]["name"], "nemo-main");
    assert_eq!(told[0]["plugin"], "nemo");
    assert_eq!(told[0]["instruments"][0]["instrument_pid"], "Borealis-TEM");
    assert!(told[0]["instruments"][0]["cursor"].is_string(), "{told:#}");
    let shown = list(&site);
    assert!(shown.contains(" 2 ") && shown.contains("the beginning"), "{shown}");
}

/// Instruments and sessions under the old address.
fn moved() -> Site {
    let site = Site::new();
    let api = site.bench.nemo.api();
    site.import(&["--all", "--timezone", "UTC", "--filestore-path", "{pid}"]).done();
    let mut table = site.nexus(&["instruments", "export"]).done();
    table =
        table.replace("<api>", OLD).replace(&site.bench.nemo.server.url(), "https://old.example.org/nemo/");
    table.push_str("OTHER,https://old.example.org/nemo/api2/tools/?id=9,,,Other,,other,nemo,UTC\n");
    fs::write(site.path().join("i.csv"), table).unwrap();
    site.nexus(&["instruments", "import", "i.csv", "--update"]).done();
    assert!(!site.instruments().to_string().contains(&api));
    site
}

fn backups(site: &Site) -> usize {
    let names = fs::read_dir(site.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains("_backup_")).count()
}

#[test]
fn a_rebase_rewrites_the_instruments_of_the_very_api_after_a_backup() {
    let site = moved();
    let api = site.bench.nemo.api();
    let before = site.instruments();
    let dry = site.nexus(&["harvesters", "rebase", OLD, &api, "--dry-run"]).done();
    assert!(
        dry.contains("api_url: `https://old.example.org/nemo/api/tools/?id=1` -> `<api>tools/?id=1`"),
        "{dry}"
    );
    assert!(dry.contains("nothing was changed: this was a dry run"), "{dry}");
    assert_eq!((site.instruments(), backups(&site)), (before, 0));

    let done = site.nexus(&["harvesters", "rebase", OLD, &api]).done();
    assert!(done.starts_with("backup: [DIR]/nexus_backup_"), "{done}");
    assert!(done.contains("2 instruments have their new addresses"), "{done}");
    let todo = format!("to do: add \"{OLD}\" to `aliases` in [harvesters.nemo-main]");
    assert!(done.contains(&todo), "{done}");
    assert!(!done.contains("set address"), "the configuration has the new address: {done}");
    let after = site.instruments();
    assert_eq!(after[0]["api_url"], "<api>tools/?id=1");
    let calendar = format!("{}calendar/tool/1/", site.bench.nemo.server.url());
    assert_eq!(after[0]["calendar_url"], calendar.as_str());
    assert_eq!(after[2]["api_url"], "https://old.example.org/nemo/api2/tools/?id=9", "another API");

    site.configure(&format!("address = \"{api}\"\naliases = [\"{OLD}\"]"));
    let again = site.nexus(&["harvesters", "rebase", OLD, &api]).done();
    assert_eq!(again, format!("no instrument is a tool of {OLD}: nothing to do\n"));
    assert_eq!((site.instruments(), backups(&site)), (after, 1));
}

#[test]
fn a_rebase_that_would_make_two_of_one_is_refused() {
    let site = moved();
    let api = site.bench.nemo.api();
    let new = format!("N,{api}tools/?id=1,,,N,,n,nemo,UTC\n");
    let columns = "instrument_pid,api_url,calendar_url,location,display_name,property_tag,filestore_path,harvester,timezone\n";
    fs::write(site.path().join("n.csv"), format!("{columns}{new}")).unwrap();
    site.nexus(&["instruments", "import", "n.csv"]).done();
    let before = site.instruments();
    let said = site.nexus(&["harvesters", "rebase", OLD, &api]).refused(1);
    assert!(said.contains("instrument `Borealis-TEM`") && said.contains("which is instrument `N`"), "{said}");
    assert_eq!((site.instruments(), backups(&site)), (before, 0));
    for (old, new) in
        [("nonsense", api.as_str()), (OLD, "ftp://x/"), (OLD, "https://OLD.example.org/nemo/api")]
    {
        site.nexus(&["harvesters", "rebase", old, new]).refused(2);
    }
}

#[test]
fn sessions_of_before_a_move_are_gone_on_with() {
    let site = moved();
    let api = site.bench.nemo.api();
    let connection = rusqlite::Connection::open(site.path().join("nexus.db")).unwrap();
    for (kind, time) in [("START", event(1, 1).start), ("END", event(1, 1).end.unwrap())] {
        connection
            .execute(
                "INSERT INTO session_log (session_identifier, instrument, timestamp, event_type, record_status, user)
                 VALUES (?1, 'Borealis-TEM', ?2, ?3, 'TO_BE_BUILT', 'k.ito')",
                [format!("{OLD}usage_events/?id=1"), time.to_rfc3339(), kind.to_owned()],
            )
            .unwrap();
    }
    drop(connection);
    for id in [1, 2] {
        site.bench.nemo.put_event(event(id, 1).with_run_data(&questions("Agree", "t")));
    }
    for folder in ["Borealis-TEM", "Linden-SEM", "other"] {
        put(&site.path().join(format!("files/{folder}/x.txt")), "", event(1, 1).start);
    }
    site.nexus(&["harvesters", "rebase", OLD, &api]).done();
    site.configure(&format!("address = \"{api}\"\naliases = [\"{OLD}\"]"));
    site.nexus(&["instruments", "remove", "OTHER"]).done();
    let adopted = site.nexus(&["adopt", "--json"]).json();
    assert_eq!(adopted["claimed"], 1);
    let harvested = site.nexus(&["harvest", "--quiet", "--json"]).json();
    assert_eq!(harvested["harvest"]["nemo-main"]["new"], 1, "{harvested:#}");
    let sessions = site.nexus(&["sessions", "list", "--json"]).json();
    let sessions = sessions.to_string();
    assert!(sessions.contains(&format!("{OLD}usage_events/?id=1")), "{sessions}");
    assert!(!sessions.contains("<api>usage_events/?id=1\""), "{sessions}");
    assert!(sessions.contains("<api>usage_events/?id=2"), "{sessions}");
}
